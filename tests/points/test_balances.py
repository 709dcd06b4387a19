"""Balances at any instant: the past as it was, the future as it will be if nothing happens."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from crm.db import db
from crm.points import check

JUNE = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def member(person, stand_at):
    stand_at(JUNE)
    return person()


def order(member_id, at, amount=30000, **changes):
    body = {
        "member": {"id": str(member_id)}, "status": "paid", "placed_at": at.isoformat(),
        "paid_at": at.isoformat(), "updated_at": at.isoformat(), "currency": "CNY",
        "lines": [{"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": amount}],
    }  # fmt: skip
    return body | changes


def figures(balance):
    return balance["available"], balance["pending"], balance["debt"]


def test_a_member_without_points_has_a_balance_of_nothing(member, points_of):
    found = points_of(member)
    assert figures(found) == (0, 0, 0)
    assert (found["held"], found["lifetime_earned"]) == (0, 0)
    assert (found["expiring"], found["pending_release"]) == ([], [])


def test_the_past_is_as_it_was(admin, member, award, redeem, points_of, stand_at):
    award(member, 500, expires_at=JUNE + 30 * DAY)
    stand_at(JUNE + DAY)
    redeem(member, 200)
    stand_at(JUNE + 40 * DAY)
    assert figures(points_of(member)) == (0, 0, 0)
    assert figures(points_of(member, JUNE - SECOND)) == (0, 0, 0)
    assert figures(points_of(member, JUNE)) == (500, 0, 0)
    assert figures(points_of(member, JUNE + DAY - SECOND)) == (500, 0, 0)
    assert figures(points_of(member, JUNE + DAY)) == (300, 0, 0)
    assert figures(points_of(member, JUNE + 30 * DAY - SECOND)) == (300, 0, 0)
    assert figures(points_of(member, JUNE + 30 * DAY)) == (0, 0, 0)


def test_a_sweep_changes_nothing_that_is_told_of_any_instant(
    admin, member, award, redeem, points_of, stand_at
):
    award(member, 500, expires_at=JUNE + 30 * DAY)
    admin.put("/orders/web/A1", order(member, JUNE + DAY))
    stand_at(JUNE + 2 * DAY)
    redeem(member, 200)
    stand_at(JUNE + 60 * DAY)
    instants = [JUNE + n * DAY for n in (0, 1, 2, 16, 17, 29, 30, 60, 300, 400)]
    before = [figures(points_of(member, at)) for at in instants]
    for verb in ("points_release", "points_expire"):
        db.session.execute(text(f"SELECT {verb}(:now, 100)"), {"now": JUNE + 60 * DAY})
    assert [figures(points_of(member, at)) for at in instants] == before


def test_the_past_shows_its_releases_and_lapses_from_then_on(
    admin, member, award, points_of, stand_at
):
    award(member, 100, expires_at=JUNE + 30 * DAY)
    admin.put("/orders/web/A1", order(member, JUNE))
    stand_at(JUNE + 40 * DAY)
    then = points_of(member, JUNE + DAY)
    assert then["expiring"] == [{"expires_at": "2026-07-15T04:00:00Z", "points": 100}]
    released = {"available_on": "2026-06-30", "available_at": "2026-06-30T04:00:00Z", "points": 300}
    assert then["pending_release"] == [released]


def test_the_future_releases_and_lapses_what_will_be(admin, member, award, points_of):
    admin.put("/orders/web/A1", order(member, JUNE))
    award(member, 100, expires_at=JUNE + 5 * DAY)
    assert figures(points_of(member)) == (100, 300, 0)
    assert figures(points_of(member, JUNE + 5 * DAY)) == (0, 300, 0)
    assert figures(points_of(member, JUNE + 15 * DAY - SECOND)) == (0, 300, 0)
    assert figures(points_of(member, JUNE + 15 * DAY)) == (300, 0, 0)
    lapses = datetime(2027, 6, 30, 16, 0, tzinfo=UTC)
    assert figures(points_of(member, lapses - SECOND)) == (300, 0, 0)
    assert figures(points_of(member, lapses)) == (0, 0, 0)


def in_debt(admin, member, redeem):
    """A debt of 300: an order whose points were spent, and then returned."""
    admin.put("/orders/web/OLD", order(member, JUNE - 30 * DAY))
    assert redeem(member, 300).status_code == 201
    refund = {"refunded_at": JUNE.isoformat(), "amount": 30000}
    assert admin.put("/orders/web/OLD/refunds/R", refund).get_json()["debt"] == 300


def test_a_debt_will_be_paid_by_what_becomes_spendable(admin, member, redeem, points_of):
    in_debt(admin, member, redeem)
    admin.put("/orders/web/A1", order(member, JUNE, 20000))
    admin.put("/orders/web/A2", order(member, JUNE + DAY, 25000))
    assert figures(points_of(member)) == (0, 450, 300)
    assert figures(points_of(member, JUNE + 15 * DAY)) == (0, 250, 100)
    assert figures(points_of(member, JUNE + 16 * DAY)) == (150, 0, 0)


def test_a_lot_that_will_have_paid_a_debt_is_not_missed_when_it_lapses(
    admin, member, redeem, points_of, stand_at
):
    in_debt(admin, member, redeem)
    admin.put("/points/programme", {"expiry": {"policy": "rolling_months", "months": 1}})
    admin.put("/orders/web/A1", order(member, JUNE))
    stand_at(JUNE + 60 * DAY)
    admin.put("/orders/web/A2", order(member, JUNE + 60 * DAY, 5000))
    stand_at(JUNE)
    later = JUNE + 75 * DAY  # A1 was released after 15 days, paid the debt, and has lapsed
    assert figures(points_of(member, later))[2] == 0


def test_a_debt_is_told_the_same_before_and_after_it_was_paid(
    admin, member, redeem, points_of, stand_at
):
    in_debt(admin, member, redeem)
    admin.put("/orders/web/A1", order(member, JUNE, 45000))
    instants = [JUNE + n * DAY for n in (0, 1, 15, 16, 20)]
    foretold = [figures(points_of(member, at)) for at in instants]
    stand_at(JUNE + 20 * DAY)
    assert [figures(points_of(member, at)) for at in instants] == foretold
    db.session.execute(text("SELECT points_release(:now, 100)"), {"now": JUNE + 20 * DAY})
    assert [figures(points_of(member, at)) for at in instants] == foretold
    assert foretold[2] == (150, 0, 0)
    assert not check.run(member)


@pytest.mark.parametrize("as_of", ["1970-01-01T00:00:00Z", "2200-12-31T23:59:59Z"])
def test_any_instant_of_the_contract_can_be_asked_for(admin, member, award, as_of):
    award(member, 100)
    answer = admin.get(f"/members/{member}/points", query_string={"as_of": as_of})
    assert (answer.status_code, answer.get_json()["available"]) == (200, 0)


def test_entries_are_listed_newest_first_in_pages_without_gap_or_repetition(admin, member, award):
    for _ in range(7):
        award(member, 10)
    seen, cursor = [], None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = admin.get(f"/members/{member}/points/entries", query_string=query).get_json()
        seen += [entry["seq"] for entry in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [7, 6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE points_entry SET points = points + 1",
        "UPDATE points_entry SET reason = 'x'",
        "DELETE FROM points_entry",
        "UPDATE points_movement SET points = points + 1",
        "DELETE FROM points_movement",
        "UPDATE points_lot SET size = size + 1",
        "UPDATE points_lot SET opened_by = 9",
        "DELETE FROM points_lot",
    ],
)
def test_the_database_itself_refuses_to_change_history(member, award, redeem, statement):
    award(member, 500)
    redeem(member, 100)
    with pytest.raises(SQLAlchemyError, match="append-only"), db.session.begin_nested():
        db.session.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE points_lot SET remaining = -1",
        "UPDATE points_lot SET remaining = size + 1",
        "UPDATE points_account SET debt = -1",
    ],
)
def test_the_database_itself_refuses_impossible_figures(member, award, statement):
    award(member, 500)
    with pytest.raises(SQLAlchemyError, match="check constraint"), db.session.begin_nested():
        db.session.execute(text(statement))
