"""How much one person adjusts alone: by act, by day, by role; and what happens above it."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from adjusting import adjust, program, someone

from crm.auth import approvals
from crm.auth.errors import ApprovalDecided, ApprovalExpired, SecondPersonNeeded
from crm.db import transaction
from crm.errors import Forbidden
from crm.points import adjustment_limits, check, programme
from crm.points.adjustment_errors import AboveOwnLimit, MemberNotActive, OwnMemberRecord
from crm.points.errors import InsufficientPoints

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # in Shanghai
MIDNIGHT = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)


@pytest.fixture
def member(person) -> UUID:
    return person()


def applied(outcome) -> bool:
    assert (outcome.entry is None) == (outcome.approval is not None)
    return outcome.entry is not None


def approve(approval, by, now=NOON):
    with transaction():
        return approvals.approve(approval.id, by=by, now=now)


@pytest.mark.parametrize(("role", "per_act"), [("clerk", 200), ("manager", 5_000)])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_limit_of_one_act_is_inclusive(member, role, per_act, sign):
    adjust(member, 50_000, by=someone("admin"), now=NOON)
    assert applied(adjust(member, sign * per_act, by=someone(role), now=NOON))
    assert not applied(adjust(member, sign * (per_act + 1), by=someone(role), now=NOON))


@pytest.mark.parametrize(
    ("role", "acts", "rest"), [("clerk", [200, -200], 100), ("manager", [5_000] * 3, 5_000)]
)
def test_the_limit_of_a_day_is_inclusive_and_counts_giving_and_taking(member, role, acts, rest):
    who = someone(role)
    assert all(applied(adjust(member, points, by=who, now=NOON)) for points in acts)
    assert not applied(adjust(member, rest + 1, by=who, now=NOON))
    assert applied(adjust(member, rest, by=who, now=NOON))
    assert not applied(adjust(member, 1, by=who, now=NOON))
    assert not applied(adjust(member, -1, by=who, now=NOON))
    assert applied(adjust(member, 1, by=someone(role), now=NOON)), "another's day is his own"


def test_a_day_ends_at_the_shops_midnight(member):
    clerk = someone("clerk")
    for _ in range(2):
        adjust(member, 200, by=clerk, now=NOON)
    before = MIDNIGHT - timedelta(microseconds=1)
    assert not applied(adjust(member, 200, by=clerk, now=before))
    assert applied(adjust(member, 200, by=clerk, now=MIDNIGHT))


def test_the_day_of_who_works_in_one_store_is_the_stores(admin):
    body = {"code": "auckland", "name": {"en": "Auckland"}, "timezone": "Pacific/Auckland"}
    assert admin.post("/stores", body).status_code == 201
    settings = programme.current(NOON)
    for store, expected in (("auckland", date(2026, 11, 23)), (None, date(2026, 11, 22))):
        who = someone("clerk", store=store)
        at = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
        assert adjustment_limits.day(who, settings, at).day == expected


def test_the_administrator_has_no_limit(member):
    admin = someone("admin")
    assert applied(adjust(member, 1_000_000_000, by=admin, now=NOON))
    assert applied(adjust(member, 999_999, by=admin, now=NOON))


def test_a_role_without_limits_of_its_own_always_asks(member):
    assert not applied(adjust(member, 1, by=someone("marketer"), now=NOON))


def test_a_program_is_limited_by_act_and_by_day_only_where_the_shop_says_so(
    admin, member, stand_at
):
    stand_at(NOON)
    key = program()
    assert all(applied(adjust(member, 5_000, by=key, now=NOON)) for _ in range(5))
    assert not applied(adjust(member, 5_001, by=key, now=NOON))
    admin.put("/points/programme", {"adjustment_by_keys": {"per_act": None, "per_day": 25_100}})
    assert not applied(adjust(member, 101, by=key, now=NOON))
    assert applied(adjust(member, 100, by=key, now=NOON))
    settings = admin.get("/points/programme").get_json()
    assert settings["adjustment_by_keys"] == {"per_act": None, "per_day": 25_100}
    assert settings["adjustment"]["clerk"] == {"per_act": 200, "per_day": 500}


def test_new_limits_count_from_the_next_act(admin, member, stand_at):
    stand_at(NOON)
    clerk = someone("clerk")
    assert not applied(adjust(member, 201, by=clerk, now=NOON))
    limits = {"adjustment": {"clerk": {"per_act": 300, "per_day": 300}}}
    assert admin.put("/points/programme", limits).status_code == 200
    assert applied(adjust(member, 201, by=clerk, now=NOON))
    assert not applied(adjust(member, 100, by=clerk, now=NOON))


def test_what_a_second_person_approved_counts_to_his_day_and_not_to_the_first_ones(member):
    clerk, manager = someone("clerk"), someone("manager")
    done = approve(adjust(member, 5_000, by=clerk, now=NOON).approval, manager)
    assert (done.state, done.decider_name) == ("approved", "the manager")
    entry = done.result["entry"]
    assert (entry["points"], entry["actor"]) == (5_000, "the clerk")
    settings = programme.current(NOON)
    assert adjustment_limits.day(clerk, settings, NOON).used == 0
    assert adjustment_limits.day(manager, settings, NOON).used == 5_000
    assert not check.run(member)


def test_who_approves_needs_limits_of_his_own(member):
    clerk, manager = someone("clerk"), someone("manager")
    with pytest.raises(AboveOwnLimit):
        approve(adjust(member, 5_001, by=clerk, now=NOON).approval, manager)
    small = [adjust(member, 5_000, by=clerk, now=NOON).approval for _ in range(5)]
    for one in small[:4]:
        approve(one, manager)
    with pytest.raises(AboveOwnLimit) as refused:
        approve(small[4], manager)
    assert refused.value.facts == {"per_act": 5_000, "per_day": 20_000, "used": 20_000}
    assert approve(small[4], someone("manager")).state == "approved"
    assert approve(adjust(member, 10**9, by=clerk, now=NOON).approval, someone("admin")).result


def test_a_key_that_may_decide_decides_any_amount(member):
    waiting = adjust(member, 1_000_000, by=program(), now=NOON).approval
    assert approve(waiting, program()).state == "approved"


def test_nobody_approves_or_denies_his_own_request(member):
    manager = someone("manager")
    waiting = adjust(member, 6_000, by=manager, now=NOON).approval
    with pytest.raises(SecondPersonNeeded):
        approve(waiting, manager)
    with pytest.raises(SecondPersonNeeded), transaction():
        approvals.deny(waiting.id, "no", by=manager, now=NOON)


def test_nobody_approves_points_for_his_own_member_record(member):
    waiting = adjust(member, 300, by=someone("clerk"), now=NOON).approval
    with pytest.raises(OwnMemberRecord):
        approve(waiting, someone("manager", member_id=member))


@pytest.mark.parametrize("role", ["clerk", "marketer", "analyst"])
def test_roles_that_do_not_decide_see_nothing_to_decide(member, role):
    waiting = adjust(member, 300, by=someone("clerk"), now=NOON).approval
    with pytest.raises((Forbidden, approvals.ApprovalNotFound)):
        approve(waiting, someone(role))


def test_too_few_points_are_refused_when_asked_and_again_when_approved(member):
    clerk, manager = someone("clerk"), someone("manager")
    with pytest.raises(InsufficientPoints):
        adjust(member, -300, by=clerk, now=NOON)
    adjust(member, 400, by=someone("admin"), now=NOON)
    waiting = adjust(member, -300, by=clerk, now=NOON).approval
    adjust(member, -200, by=clerk, now=NOON)
    with pytest.raises(InsufficientPoints) as refused:
        approve(waiting, manager)
    assert refused.value.facts == {"required": 300, "available": 200, "missing": 100}
    assert approvals.get(waiting.id, by=manager).state == "pending"
    adjust(member, 100, by=clerk, now=NOON)
    assert approve(waiting, manager).state == "approved"


def test_a_member_who_is_gone_is_not_adjusted(admin, member, person, stand_at):
    stand_at(NOON)
    clerk, manager = someone("clerk"), someone("manager")
    waiting = adjust(member, 300, by=clerk, now=NOON).approval
    merged = admin.post(f"/members/{person()}/merge", {"from": {"id": str(member)}})
    assert merged.status_code < 300, merged.text
    with pytest.raises(MemberNotActive):
        approve(waiting, manager)
    with transaction():
        denied = approvals.deny(waiting.id, "merged", by=manager, now=NOON)
    assert (denied.state, denied.reason, denied.result) == ("denied", "merged", None)


def test_a_request_lapses_after_seven_days_and_nothing_comes_of_it(member, points_of):
    clerk, manager = someone("clerk"), someone("manager")
    waiting = adjust(member, 300, by=clerk, now=NOON).approval
    last = NOON + approvals.LASTS - timedelta(microseconds=1)
    assert approvals.state(waiting, last) == "pending"
    with pytest.raises(ApprovalExpired):
        approve(waiting, manager, NOON + approvals.LASTS)
    assert points_of(member)["available"] == 0
    assert approve(waiting, manager, last).state == "approved"


def test_a_request_is_decided_once(member, points_of):
    manager = someone("manager")
    waiting = adjust(member, 300, by=someone("clerk"), now=NOON).approval
    approve(waiting, manager)
    for other in (manager, someone("admin")):
        with pytest.raises(ApprovalDecided) as refused:
            approve(waiting, other)
    assert refused.value.facts == {"state": "approved", "decided_by": "the manager"}
    assert points_of(member)["lifetime_earned"] == 0
    assert points_of(member)["available"] == 300
