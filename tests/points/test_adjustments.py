"""Points given and taken by hand: over HTTP, with a reason, exactly once, within the ledger."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from adjusting import adjust, asked, someone
from sqlalchemy import select, text

from crm.audit import AuditEntry
from crm.db import db, transaction
from crm.http.idempotency import KeyReused
from crm.ids import uuid7
from crm.points import adjustments, check
from crm.points.adjustment_errors import OwnMemberRecord
from crm.points.adjustment_reasons import REASONS

JUNE = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def member(person, stand_at) -> UUID:
    stand_at(JUNE)
    return person()


@pytest.fixture
def by_hand(admin):
    """Adjusts over HTTP: `by_hand(member, 300)` → the answer, whatever it is."""

    def send(member_id: UUID, points: object, *, api=admin, idem=None, headers=None, **more):
        body = {"member": {"id": str(member_id)}, "points": points} | {
            "reason_code": "goodwill", "note": "late parcel"} | more  # fmt: skip
        return api.post("/points/adjustments", body, idem=idem, headers=headers or {})

    return send


def test_given_points_open_a_lot_that_expires_by_the_programme(member, by_hand, points_of):
    answer = by_hand(member, 300, member_text="Sorry for the wait")
    assert answer.status_code == 201
    entry = answer.get_json()
    assert (entry["kind"], entry["points"], entry["balance_after"]) == ("adjust", 300, 300)
    assert entry["source"]["type"] == "adjustment:goodwill"
    assert (entry["actor"], entry["reason"]) == ("admin", "Sorry for the wait")
    # the last valid day is 15 June 2027 by Shanghai's clock
    assert [(lot["points"], lot["expires_at"]) for lot in entry["lots"]] == [
        (300, "2027-06-15T16:00:00Z")
    ]
    found = points_of(member)
    assert (found["available"], found["lifetime_earned"]) == (300, 0)
    assert not check.run(member)


def test_taken_points_come_from_the_earliest_expiry(member, award, by_hand):
    late = award(member, 100, expires_at=JUNE + 20 * DAY)
    soon = award(member, 100, expires_at=JUNE + 10 * DAY)
    entry = by_hand(member, -150, reason_code="fraud").get_json()
    assert [(lot["lot_id"], lot["points"]) for lot in entry["lots"]] == [
        (soon["lots"][0]["lot_id"], -100), (late["lots"][0]["lot_id"], -50),
    ]  # fmt: skip
    assert (entry["points"], entry["balance_after"]) == (-150, 50)
    assert not check.run(member)


def test_no_more_is_taken_than_can_be_spent_and_no_debt_is_made(
    member, award, by_hand, points_of, entries_of
):
    award(member, 100)
    answer = by_hand(member, -101)
    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (422, "insufficient_points")
    assert (problem["required"], problem["available"], problem["missing"]) == (101, 100, 1)
    assert (points_of(member)["available"], points_of(member)["debt"]) == (100, 0)
    assert len(entries_of(member)) == 1
    assert by_hand(member, -100).status_code == 201


def test_what_is_held_is_not_taken(admin, member, award, by_hand, points_of):
    award(member, 400)
    body = {"member": {"id": str(member)}, "points": 300, "reference": "cart"}
    assert admin.post("/points/holds", body).status_code == 201
    refused = by_hand(member, -101).get_json()
    assert (refused["code"], refused["available"]) == ("insufficient_points", 100)
    assert by_hand(member, -100).status_code == 201
    assert (points_of(member)["available"], points_of(member)["held"]) == (0, 300)
    assert not check.run(member)


def test_who_has_no_account_has_nothing_to_take(member, by_hand, contents_of_points):
    assert by_hand(member, -1).get_json()["available"] == 0
    assert contents_of_points() == (0, 0, 0)


def test_given_points_pay_a_debt_first(admin, member, award, redeem, by_hand, points_of):
    order = {
        "member": {"id": str(member)}, "status": "paid", "placed_at": "2026-05-01T04:00:00Z",
        "updated_at": "2026-05-01T04:00:00Z", "currency": "CNY",
        "lines": [{"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": 30000}],
    }  # fmt: skip
    admin.put("/orders/web/A1", order)
    redeem(member, 300)
    admin.put("/orders/web/A1/refunds/R", {"refunded_at": JUNE.isoformat(), "amount": 30000})
    assert points_of(member)["debt"] == 300
    assert by_hand(member, 400).status_code == 201
    assert (points_of(member)["available"], points_of(member)["debt"]) == (100, 0)
    assert by_hand(member, -101).get_json()["available"] == 100
    assert not check.run(member)


def test_an_adjustment_is_replayed_to_the_byte_and_made_once(member, by_hand, points_of):
    first = by_hand(member, 300, idem="k")
    again = by_hand(member, 300, idem="k")
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotent-Replayed"] == "true"
    other = by_hand(member, 301, idem="k")
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency_key_reused")
    assert points_of(member)["available"] == 300


def test_a_refusal_is_replayed_although_points_have_come_since(member, award, by_hand):
    first = by_hand(member, -50, idem="k")
    award(member, 500)
    again = by_hand(member, -50, idem="k", headers={"Accept-Language": "zh-Hant"})
    assert (again.status_code, again.data) == (422, first.data)


def test_who_what_and_why_is_in_the_audit_trail(admin, member, award, by_hand):
    award(member, 100)
    by_hand(member, -30, reason_code="correction", note="counted twice")
    query = {"action": "points.adjusted", "object_id": str(member)}
    (told,) = admin.get("/audit", query_string=query).get_json()["data"]
    assert (told["actor"]["name"], told["reason"]) == ("admin", "counted twice")
    assert told["before"] == {"balance": 100}
    expected = {"balance": 70, "points": -30, "seq": 2, "reason_code": "correction"}
    assert told["after"] == expected | {"member_text": None}


def test_the_member_reads_his_text_and_never_the_note(admin, member, by_hand):
    by_hand(member, 300, note="he shouted", member_text="With our apologies")
    entries = admin.get(f"/members/{member}/points/entries")
    timeline = admin.get(f"/members/{member}/timeline")
    for answer in (entries, timeline):
        assert "With our apologies" in answer.text
        assert "shouted" not in answer.text


def test_the_member_is_named_in_any_way_and_must_be_known(admin, stand_at):
    stand_at(JUNE)
    mei = admin.post("/members", {"phone": "+8613812344471"}).get_json()
    body = {"points": 5, "reason_code": "other", "note": "n"}
    for ref in ({"phone": "138 1234 4471"}, {"member_no": mei["member_no"]}, {"id": mei["id"]}):
        answer = admin.post("/points/adjustments", body | {"member": ref})
        assert (answer.status_code, answer.get_json()["member_id"]) == (201, mei["id"])
    for ref in ({"phone": "+8613812344472"}, {"id": str(uuid4())}):
        answer = admin.post("/points/adjustments", body | {"member": ref})
        assert (answer.status_code, answer.get_json()["code"]) == (404, "member_not_found")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"points": 0}, "zero"),
        ({"points": 1_000_000_001}, "out_of_range"),
        ({"points": -1_000_000_001}, "out_of_range"),
        ({"points": "5"}, "invalid_type"),
        ({"points": True}, "invalid_type"),
        ({"reason_code": "because"}, "unknown_choice"),
        ({"note": " "}, "too_short"),
        ({"note": "x" * 501}, "too_long"),
        ({"note": None}, "null"),
        ({"member_text": "x" * 501}, "too_long"),
        ({"member_text": ""}, "too_short"),
        ({"actor": "me"}, "unknown_field"),
        ({"member": {"id": "x"}}, "invalid_id"),
    ],
)
def test_what_is_wrong_is_named(member, by_hand, wrong, code, contents_of_points):
    answer = by_hand(member, **{"points": 5} | wrong)
    assert answer.status_code == 422
    error = answer.get_json()["errors"][0]
    assert error["code"] == code
    assert error["pointer"].startswith("/" + next(iter(wrong)))
    assert contents_of_points() == (0, 0, 0)


@pytest.mark.parametrize("field", ["member", "points", "reason_code", "note"])
def test_nothing_that_matters_may_be_left_out(admin, member, field):
    body = {"member": {"id": str(member)}, "points": 5, "reason_code": "other", "note": "n"}
    del body[field]
    error = admin.post("/points/adjustments", body).get_json()["errors"][0]
    assert (error["pointer"], error["code"]) == (f"/{field}", "required")


def test_every_reason_is_taken(member, by_hand):
    for code in REASONS:
        assert by_hand(member, 1, reason_code=code).status_code == 201


def test_a_key_without_the_permission_adjusts_nothing(api_with, member, by_hand):
    answer = by_hand(member, 5, api=api_with("points:write", "points:read"))
    assert (answer.status_code, answer.get_json()["needs"]) == (403, "points:adjust")
    assert by_hand(member, 5, api=api_with("points:adjust")).status_code == 201


def test_nobody_adjusts_his_own_member_record(member, now):
    for role in ("clerk", "manager", "admin"):
        with pytest.raises(OwnMemberRecord):
            adjust(member, 5, by=someone(role, member_id=member), now=now)
    assert adjust(member, 5, by=someone("clerk", member_id=uuid7()), now=now).entry


def test_the_same_adjustment_again_is_the_first_one(member, points_of):
    clerk, id_, now = someone("clerk"), uuid7(), JUNE
    first = adjust(member, 50, by=clerk, now=now, id=id_)
    assert adjust(member, 50, by=clerk, now=now, id=id_) == first
    with pytest.raises(KeyReused):
        adjust(member, 51, by=clerk, now=now, id=id_)
    big = uuid7()
    asked_for = adjust(member, 5_000, by=clerk, now=now, id=big).approval
    again = adjust(member, 5_000, by=clerk, now=now, id=big).approval
    assert asked_for is not None
    assert again is not None
    assert again.id == asked_for.id == big
    for changed in ({"by": someone("clerk")}, {"by": clerk, "note": "another"}):
        with pytest.raises(KeyReused):
            adjust(member, 5_000, now=now, id=big, **changed)
    assert points_of(member)["available"] == 50


def test_should_the_points_vanish_the_database_refuses_the_whole(member, award):
    award(member, 100)
    with pytest.raises(Exception, match=r"adjustment .* took -100"), transaction():
        db.session.execute(
            adjustments.ADJUST,
            {"member": member, "points": -101, "now": JUNE, "reason_code": "other", "id": uuid7(),
             "actor": "x", "text": None, "data": "{}", "policy": "{}", "zone": "UTC"},
        )  # fmt: skip
    assert not check.run(member)


def test_every_policy_of_expiry_counts_for_what_is_given(admin, member, by_hand):
    admin.put("/points/programme", {"expiry": {"policy": "never"}})
    assert by_hand(member, 5).get_json()["lots"][0]["expires_at"] is None
    admin.put("/points/programme", {"expiry": {"policy": "rolling_months", "months": 1}})
    assert by_hand(member, 5).get_json()["lots"][0]["expires_at"] == "2026-07-15T16:00:00Z"


def test_the_clock_of_the_lot_is_the_members(person, stand_at, by_hand):
    stand_at(JUNE)
    entry = by_hand(person(zone="Pacific/Kiritimati"), 5).get_json()
    assert entry["lots"][0]["expires_at"] == "2027-06-15T10:00:00Z"


def test_the_note_stays_with_the_entry(member, by_hand):
    by_hand(member, 5, note="a promise on the phone")
    data = db.session.scalar(text("SELECT data FROM points_entry WHERE kind = 'adjust'"))
    assert data == {"reason_code": "goodwill", "note": "a promise on the phone"}


def test_what_is_asked_for_is_audited_by_its_own_name(member, now):
    adjust(member, 5_000, by=someone("clerk"), now=now)
    actions = db.session.scalars(select(AuditEntry.action)).all()
    assert actions[-1] == "approval.requested"
    assert asked(member, 1).note == "late parcel"
