"""What the shop owes in points: the sum of all members at any instant, by month, in money."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import text

from crm.db import db
from crm.points import balances

JUNE = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
STATES = ("available", "pending", "held", "debt")


@pytest.fixture
def liability(admin):
    def read(as_of=None):
        query = {} if as_of is None else {"as_of": as_of.isoformat()}
        answer = admin.get("/points/liability", query_string=query)
        assert answer.status_code == 200, answer.data
        return answer.get_json()

    return read


@pytest.fixture
def member(person, stand_at):
    stand_at(JUNE)
    return person()


def order(member_id, at, amount):
    return {
        "member": {"id": str(member_id)}, "status": "paid", "placed_at": at.isoformat(),
        "paid_at": at.isoformat(), "updated_at": at.isoformat(), "currency": "CNY",
        "lines": [{"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": amount}],
    }  # fmt: skip


def points(found):
    return {
        name: found[name]["points"]
        for name in ("outstanding", "available", "pending", "held", "debt")
    }


def months(found):
    return {row["month"]: row["points"] for row in found["expiring"]}


def test_a_shop_without_points_owes_nothing(liability, member):
    found = liability()
    assert set(points(found).values()) == {0}
    assert found["expiring"] == []
    assert found["breakage"]["status"] == "too_little_history"


def test_points_are_worth_what_the_programme_of_the_instant_pays(
    admin, liability, member, award, stand_at
):
    award(member, 250)
    assert liability()["outstanding"] == {
        "points": 250,
        "value": {"amount": 250, "currency": "CNY"},
    }
    stand_at(JUNE + DAY)
    admin.put("/points/programme", {"redemption": {"points_per_step": 200, "value_per_step": 75}})
    assert liability()["outstanding"]["value"]["amount"] == 94  # 93.75
    assert liability(JUNE)["outstanding"]["value"]["amount"] == 250


def test_points_expire_in_the_month_of_their_last_valid_day_by_the_shops_calendar(
    liability, member, award
):
    midnight = datetime(2026, 12, 31, 16, tzinfo=UTC)  # the year begins in Shanghai
    award(member, 100, expires_at=midnight)
    award(member, 30, expires_at=midnight + SECOND)
    award(member, 7, expires_at=midnight - DAY)
    assert months(liability()) == {"2026-12": 107, "2027-01": 30}
    assert months(liability(midnight)) == {"2027-01": 30}


def test_pending_points_are_owed_too_and_debts_are_told_apart(
    admin, liability, member, redeem, award
):
    admin.put("/orders/web/OLD", order(member, JUNE - 30 * DAY, 30000))
    assert redeem(member, 300).status_code == 201
    admin.put("/orders/web/OLD/refunds/R", {"refunded_at": JUNE.isoformat(), "amount": 30000})
    admin.put("/orders/web/NEW", order(member, JUNE, 45000))
    owed = {"outstanding": 450, "available": 0, "pending": 450, "held": 0, "debt": 300}
    assert points(liability()) == owed
    paid = {"outstanding": 150, "available": 150, "pending": 0, "held": 0, "debt": 0}
    assert points(liability(JUNE + 15 * DAY)) == paid


def test_a_debt_of_members_who_hold_nothing_is_told(admin, liability, member, redeem):
    admin.put("/orders/web/OLD", order(member, JUNE - 30 * DAY, 30000))
    redeem(member, 300)
    admin.put("/orders/web/OLD/refunds/R", {"refunded_at": JUNE.isoformat(), "amount": 30000})
    assert (liability()["outstanding"]["points"], liability()["debt"]["points"]) == (0, 300)


def live_through(admin, award, redeem, person, stand_at):
    """Two months of orders, refunds, awards, holds, redemptions, sweeps of five members."""
    chance, members, placed = Random(7), [person() for _ in range(5)], []
    for turn in range(240):
        now = JUNE + turn * DAY / 4
        stand_at(now)
        who, what = chance.choice(members), chance.random()
        if what < 0.4:
            number = f"N{turn}"
            when = now - chance.choice((0, 5, 20)) * DAY
            admin.put(f"/orders/web/{number}", order(who, when, chance.randrange(50_000)))
            placed.append(number)
        elif what < 0.6:
            award(who, chance.randrange(1, 500), expires_at=now + chance.randrange(1, 40) * DAY)
        elif what < 0.7:
            body = {"member": {"id": str(who)}, "reference": "till", "points": 100}
            hold = admin.post("/points/holds", body | {"ttl_seconds": chance.choice((600, 604800))})
            if hold.status_code == 201 and chance.random() < 0.6:
                stand_at(now + timedelta(minutes=5))
                verb = chance.choice(("capture", "void"))
                admin.post(f"/points/holds/{hold.get_json()['id']}/{verb}")
        elif what < 0.82:
            spendable = balances.balance(who, now, now=now)["available"]
            redeem(who, max(100, spendable // 100 * 100))
        elif what < 0.9 and placed:
            refund = {"refunded_at": now.isoformat(), "amount": chance.randrange(1, 50_000)}
            admin.put(f"/orders/web/{chance.choice(placed)}/refunds/R{turn}", refund)
        elif what >= 0.9:
            verb = chance.choice(("points_release", "points_expire", "points_sweep_holds"))
            db.session.execute(text(f"SELECT {verb}(:now, 100)"), {"now": now})
    return members, now


def test_the_liability_is_the_sum_of_all_members_at_every_instant(
    admin, liability, award, redeem, person, stand_at
):
    members, now = live_through(admin, award, redeem, person, stand_at)
    days = [*range(0, 60, 3), 63, 70, 90, 300, 500]
    seen = set()
    for at in (JUNE + day * DAY for day in days):
        each = [balances.balance(member, at, now=now) for member in members]
        told = {name: sum(one[name] for one in each) for name in STATES}
        found = points(liability(at))
        assert {name: found[name] for name in told} == told, at
        assert found["outstanding"] == found["available"] + found["pending"] + found["held"]
        assert sum(months(liability(at)).values()) == found["outstanding"]
        seen |= {name for name, value in told.items() if value}
    assert seen == set(STATES), "the history is too dull"


def test_points_without_end_are_told_apart(admin, liability, member, award):
    admin.put("/points/programme", {"expiry": {"policy": "never"}})
    award(member, 70)
    found = liability()
    assert (found["never_expiring"]["points"], found["expiring"]) == (70, [])
    assert found["outstanding"]["points"] == 70


@pytest.mark.parametrize("as_of", ["yesterday", "1969-12-31T23:59:59Z", "2027-02-30T00:00:00Z"])
def test_an_instant_that_is_none_is_refused_by_name(admin, as_of):
    answer = admin.get("/points/liability", query_string={"as_of": as_of})
    assert answer.status_code == 422
    assert "as_of" in answer.text


@pytest.mark.parametrize("as_of", ["1970-01-01T00:00:00Z", "2200-12-31T23:59:59Z"])
def test_any_instant_of_the_contract_can_be_asked_for(liability, member, award, as_of):
    award(member, 100)
    assert liability(datetime.fromisoformat(as_of))["outstanding"]["points"] == 0
