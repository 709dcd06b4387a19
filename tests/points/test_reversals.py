"""Giving back what was spent: into the lots that it came from, with their expiry, never twice."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from people import make
from sqlalchemy import text

from crm.db import db
from crm.points import check, restoring
from crm.points.accounts import lock_accounts
from crm.points.errors import RestoreExceedsSpent
from crm.points.jobs import expire

JUNE = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
NOBODY = "01900000-0000-7000-8000-00000000ffff"


@pytest.fixture
def member(person, stand_at):
    stand_at(JUNE)
    return person()


@pytest.fixture
def reverse(admin):
    """Takes back: `reverse(entry)`, `reverse(entry, points=100)` → the answer."""

    def act(entry, /, **body):
        return admin.post(f"/points/redemptions/{entry['id']}/reverse", body or None)

    return act


def lots(member_id):
    """What is left of each lot, by expiry."""
    rows = db.session.execute(
        text(
            "SELECT expires_at, remaining FROM points_lot WHERE member_id = :m"
            " ORDER BY expires_at, opened_by"
        ),
        {"m": member_id},
    )
    return [(row.expires_at, row.remaining) for row in rows]


def problem(answer, status):
    assert answer.status_code == status, answer.data
    return answer.get_json()


def test_a_reversal_gives_everything_back_with_its_own_expiry(
    member, award, redeem, reverse, points_of
):
    award(member, 200, expires_at=JUNE + 10 * DAY)
    award(member, 300, expires_at=JUNE + 90 * DAY)
    before = lots(member)
    spent = redeem(member, 400).get_json()
    found = problem(reverse(spent), 201)
    assert (found["kind"], found["points"], found["balance_after"]) == ("restore", 400, 500)
    assert found["source"] == {"type": "reversal", "id": spent["id"], "reference": "till"}
    assert [lot["points"] for lot in found["lots"]] == [200, 200]
    assert lots(member) == before
    assert points_of(member)["available"] == 500
    assert check.run() == []


def test_a_partial_reversal_leaves_things_as_if_fewer_had_been_spent(
    member, person, award, redeem, reverse
):
    other = person()
    for one in (member, other):
        award(one, 200, expires_at=JUNE + 10 * DAY)
        award(one, 300, expires_at=JUNE + 90 * DAY)
    reverse(redeem(member, 400).get_json(), points=100)
    redeem(other, 300)
    assert lots(member) == lots(other)


def test_reversals_add_up_to_what_was_spent_and_no_further(
    member, award, redeem, reverse, points_of
):
    award(member, 500)
    spent = redeem(member, 300).get_json()
    assert reverse(spent, points=120).status_code == 201
    found = problem(reverse(spent, points=181), 422)
    assert (found["code"], found["restorable"]) == ("restore_exceeds_spent", 180)
    assert found["errors"][0]["pointer"] == "/points"
    assert problem(reverse(spent), 201)["points"] == 180
    for again in ({}, {"points": 1}):
        assert problem(reverse(spent, **again), 409)["code"] == "redemption_reversed"
    assert points_of(member)["available"] == 500
    assert check.run() == []


def test_one_key_is_one_reversal(admin, member, award, redeem, points_of):
    award(member, 500)
    path = f"/points/redemptions/{redeem(member, 300).get_json()['id']}/reverse"
    first, again = (admin.post(path, {"points": 100}, idem="k") for _ in range(2))
    assert (first.status_code, first.data) == (again.status_code, again.data)
    assert points_of(member)["available"] == 300


def test_a_capture_can_be_reversed_too(admin, member, award, reverse, points_of):
    award(member, 500)
    body = {"member": {"id": str(member)}, "points": 300, "reference": "cart 7"}
    hold = admin.post("/points/holds", body).get_json()
    captured = admin.post(f"/points/holds/{hold['id']}/capture", {"points": 200}).get_json()
    found = problem(reverse(captured["entry"], points=150), 201)
    assert found["source"]["reference"] == "cart 7"
    assert points_of(member)["available"] == 450
    assert check.run() == []


@pytest.mark.parametrize("swept", [True, False])
def test_points_of_lapsed_lots_come_back_for_a_grace(
    member, award, redeem, reverse, points_of, stand_at, swept
):
    award(member, 300, expires_at=JUNE + 10 * DAY)
    award(member, 200, expires_at=JUNE + 90 * DAY)
    spent = redeem(member, 400).get_json()
    stand_at(JUNE + 20 * DAY)
    if swept:
        expire(JUNE + 20 * DAY)
    found = problem(reverse(spent), 201)
    assert {(lot["points"], lot["expires_at"]) for lot in found["lots"]} == {
        (100, "2026-09-13T04:00:00Z"), (300, "2026-08-04T16:00:00Z"),
    }  # fmt: skip
    assert points_of(member)["available"] == 500
    end = datetime(2026, 8, 4, 16, tzinfo=UTC)  # midnight in Shanghai after 30 days
    assert points_of(member, end - timedelta(seconds=1))["available"] == 500
    assert points_of(member, end)["available"] == 200
    assert check.run() == []


@pytest.mark.parametrize("swept", [True, False])
def test_points_of_lapsed_lots_lapse_at_once_where_the_programme_says_so(
    admin, member, award, redeem, reverse, points_of, entries_of, stand_at, swept
):
    admin.put("/points/programme", {"refund": {"restore_lapsed": "lapse"}})
    award(member, 300, expires_at=JUNE + 10 * DAY)
    award(member, 200, expires_at=JUNE + 90 * DAY)
    spent = redeem(member, 400).get_json()
    stand_at(JUNE + 20 * DAY)
    if swept:
        expire(JUNE + 20 * DAY)
    assert problem(reverse(spent), 201)["points"] == 400
    told = [(entry["kind"], entry["points"]) for entry in entries_of(member)[:2]]
    assert told == [("expire", -300), ("restore", 400)]
    assert points_of(member)["available"] == 200
    assert points_of(member, JUNE + 15 * DAY)["available"] == 100
    expire(JUNE + 20 * DAY)
    assert points_of(member)["available"] == 200
    assert check.run() == []


def test_a_grace_of_no_days_lasts_until_the_end_of_today(
    admin, member, award, redeem, reverse, stand_at
):
    admin.put("/points/programme", {"refund": {"grace_days": 0}})
    award(member, 100, expires_at=JUNE + DAY)
    spent = redeem(member, 100).get_json()
    stand_at(JUNE + 2 * DAY)
    assert problem(reverse(spent), 201)["lots"][0]["expires_at"] == "2026-06-17T16:00:00Z"


def test_points_without_end_come_back_without_end(admin, member, award, redeem, reverse):
    admin.put("/points/programme", {"expiry": {"policy": "never"}})
    award(member, 300)
    spent = redeem(member, 200).get_json()
    assert problem(reverse(spent), 201)["lots"][0]["expires_at"] is None
    assert check.run() == []


def test_what_comes_back_pays_a_debt_first(admin, member, redeem, reverse, points_of, entries_of):
    line = {"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": 30000}
    body = {
        "member": {"id": str(member)}, "status": "paid", "placed_at": "2026-05-01T04:00:00Z",
        "updated_at": "2026-05-01T04:00:00Z", "currency": "CNY", "lines": [line],
    }  # fmt: skip
    admin.put("/orders/web/A", body)
    spent = redeem(member, 300).get_json()
    refund = {"refunded_at": JUNE.isoformat(), "amount": 20000}
    assert admin.put("/orders/web/A/refunds/R", refund).get_json()["debt"] == 200
    assert reverse(spent, points=250).status_code == 201
    assert (points_of(member)["available"], points_of(member)["debt"]) == (50, 0)
    assert entries_of(member)[0]["kind"] == "absorb"
    assert check.run() == []


def test_after_a_merge_the_record_that_lives_on_gets_the_points_back(
    admin, member, person, award, redeem, reverse, points_of, stand_at
):
    other = person()
    award(member, 200, expires_at=JUNE + 10 * DAY)
    award(member, 200, expires_at=JUNE + 90 * DAY)
    spent = redeem(member, 400).get_json()
    merge = admin.post(f"/members/{other}/merge", {"from": {"id": str(member)}})
    assert merge.status_code in (200, 201), merge.data
    stand_at(JUNE + 20 * DAY)
    found = problem(reverse(spent, points=300), 201)
    assert found["member_id"] == str(other)
    assert [(lot["points"], lot["expires_at"]) for lot in found["lots"]] == [
        (100, "2026-08-04T16:00:00Z"), (200, "2026-09-13T04:00:00Z"),
    ]  # fmt: skip
    assert points_of(other)["available"] == 300
    assert problem(reverse(spent, points=101), 422)["restorable"] == 100
    assert check.run() == []


def test_only_what_was_spent_can_be_reversed(admin, member, award, reverse):
    given = award(member, 300)
    assert problem(reverse(given), 404)["code"] == "redemption_not_found"
    assert problem(reverse({"id": NOBODY}), 404)["code"] == "redemption_not_found"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"points": 0}, "/points"),
        ({"points": -5}, "/points"),
        ({"points": "all"}, "/points"),
        ({"points": 1.0}, "/points"),
        ({"reason": "x"}, "/reason"),
    ],
)
def test_a_bad_reversal_is_refused_and_the_place_is_named(
    member, award, redeem, reverse, body, pointer
):
    award(member, 300)
    found = problem(reverse(redeem(member, 100).get_json(), **body), 422)
    assert [error["pointer"] for error in found["errors"]] == [pointer]


GIVE = text("""
    SELECT points_give(:m, 'award', :points, :at, 'award:custom', :source, :at, :until, NULL, NULL,
                       NULL, points_open(:m), uuidv7())
""")
TAKE = text("""
    SELECT (points_take(:m, 'redeem', :points, :at, 'redemption', 'till', NULL, NULL, NULL, NULL,
                        false, true, 'floor')).seq
""")


def stocked(sizes) -> UUID:
    """A member with lots of these sizes and days of validity (None: without end)."""
    member_id = make()
    for number, (points, days) in enumerate(sizes):
        until = None if days is None else JUNE + days * DAY
        values = {"m": member_id, "points": points, "at": JUNE, "until": until}
        db.session.execute(GIVE, values | {"source": f"{member_id}{number}"})
    return member_id


def spend(member_id: UUID, points: int) -> int:
    values = {"m": member_id, "points": points, "at": JUNE}
    return db.session.scalar(TAKE, values)


@settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_split_of_reversals_is_as_if_the_rest_alone_had_been_spent(data):
    size = st.tuples(st.integers(1, 50), st.sampled_from([1, 5, 5, 90, None]))
    sizes = data.draw(st.lists(size, min_size=1, max_size=5))
    total = sum(points for points, _ in sizes)
    spent = data.draw(st.integers(1, total))
    cuts = data.draw(st.lists(st.integers(1, spent), max_size=4))
    member_id, twin = stocked(sizes), stocked(sizes)
    seq, back = spend(member_id, spent), 0
    for cut in cuts:
        points = min(cut, spent - back)
        if points:
            restoring.restore(member_id, seq, points, source=("test", "1"), now=JUNE)
            back += points
    assert restoring.left(member_id, seq) == spent - back
    with pytest.raises(RestoreExceedsSpent):
        restoring.restore(member_id, seq, spent - back + 1, source=("test", "1"), now=JUNE)
    if spent > back:
        lock_accounts([twin])
        spend(twin, spent - back)
    assert lots(member_id) == lots(twin)
    broken = [breach.invariant for breach in check.run(member_id)]
    assert broken == ["earning_has_one_source"] * len(broken)  # the awards here have no source
