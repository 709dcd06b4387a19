"""A stretch of life of members who come again, told over HTTP alone: who must be reminded of what
he usually buys, with which coupon, and who must hear what he lacks to keep his tier. An obvious
planner says so; exact equality, nothing twice.

`CRM_TEST_YEAR=1` makes it a year of 2,000 members, another number of so many; without it, some
weeks of a few.
"""

import os
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from clocks import set_to
from custom import (
    COUNTED_MONTHS,
    EVENING,
    LADDER,
    REST,
    SKIP_ABOVE,
    VALID_MONTHS,
    WARNED,
    Chances,
    Occasion,
    Store,
    has_lost_his_coupon,
    nights,
    occasions,
    of_reminder,
)
from customers import Customers
from lives import Life
from obvious import Came, Told, day_of
from order_bodies import stamp
from rhythms import ANY, kept
from sqlalchemy import select, text
from world import ZONES

from crm.db import db
from crm.points import check
from crm.segments.next_purchase.categories import back_test, foretelling
from crm.segments.next_purchase.categories.reading import Bought as FactsOfCategory
from crm.segments.next_purchase.models import NextPurchaseModel

LONG = int(os.environ.get("CRM_TEST_YEAR") or 0)
MEMBERS, DAYS = (LONG if LONG > 1 else 2000, 366) if LONG else (60, 33)
BEGIN = datetime(2028, 1, 20, 3, 17, 29, tzinfo=UTC)  # a 29 February and clock changes lie ahead
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WEEK = 7  # days
STEPS = (DAY, DAY, 13 * HOUR, 9 * HOUR, 2 * DAY) + (3 * DAY, 5 * DAY) * bool(LONG)
FIRST = 2 * DAY if LONG else 18 * DAY
# What a run must meet, or it proves little: (journey, why nothing was given), and messages.
ALWAYS = {
    *(("repurchase", why) for why in (None, "about_to_buy", "opted_out", "no_longer_due")),
    *(("repurchase", why) for why in ("nothing_to_suggest", "cooldown")),
    *(("tier_at_risk", why) for why in (None, "will_be_kept")),
    ("repurchase", "sent", None), ("repurchase", "cancelled", "no_longer_due"),
}  # fmt: skip
IN_A_YEAR = {
    ("repurchase", "open_case"), ("tier_at_risk", "open_case"),
    ("repurchase", "suppressed", "opted_out"), ("repurchase", "suppressed", "open_case"),
}  # fmt: skip
pytestmark = [pytest.mark.usefixtures("committed"), pytest.mark.timeout(7200 if LONG else 600)]


@pytest.fixture
def world(admin, app) -> Customers:
    set_to(BEGIN)
    zones = ZONES if LONG else ZONES[1:5:2]
    return Customers(admin, app.test_client(), random.Random(20280229), zones)


def set_up(world: Customers) -> None:
    """The programme, its ladder, the policy of messages, and the two journeys."""
    coupon = {"name": "Again", "kind": "amount", "value": 500, "validity": {"days": 20}}
    reminded = {
        "coupon_template": world.ask("POST", "/coupon-templates", coupon)["id"],
        "cooldown_days": REST // DAY, "skip_above": SKIP_ABOVE, "send_at": f"{EVENING:%H:%M}",
    }  # fmt: skip
    window = {"kind": "rolling_months", "months": COUNTED_MONTHS}
    terms = {"window": window, "validity_months": VALID_MONTHS, "downgrade": "one_step",
             "grace_days": 0}  # fmt: skip
    journeys = {"repurchase": reminded, "tier_at_risk": {"days_before": WARNED}}
    world.open_shop({"policy": "never"}, LADDER, terms, journeys)


def run(world: Customers) -> tuple[datetime, Chances]:
    """Day by day and in jumps; returns the end, and what the nights made of chances."""
    models: list[NextPurchaseModel] = []
    for _ in range(MEMBERS):
        world.join(BEGIN)
        world.take_up(world.everybody[-1], BEGIN)
    world.tell(BEGIN)
    at, stops, seen = BEGIN + FIRST, [BEGIN], [chances()]
    while True:
        world.ask("POST", "/sandbox/clock", {"now": stamp(at)})
        stops.append(at)
        seen.append(chances())
        models += new_models(models)
        if at >= BEGIN + DAYS * DAY:
            break
        world.come_and_go(at, waiting())
        at += world.dice.choice(STEPS) + timedelta(seconds=world.dice.randint(1, 3599))
    end = at

    def chance(member: UUID, when: datetime) -> float | None:
        """Between two stops they change in the first night alone: nobody buys afterwards."""
        place = next(number for number, stop in enumerate(stops) if stop >= when)
        first = next(nights("chances", stops[place - 1], end + DAY))
        return seen[place if first <= when else place - 1].get(member)

    def of_category(one: Life, category: str, when: datetime, day: date) -> float | None:
        model = next((each for each in reversed(models) if each.as_of <= when), None)
        if model is None or category not in foretelling.spoken(model, WEEK):
            return None
        anything, own = what_he_bought(one, ANY, when), what_he_bought(one, category, when)
        return foretelling.foretold(model, own, anything, WEEK, day) if own and anything else None

    assert any(foretelling.spoken(each, WEEK) for each in models)
    return end, Chances(chance, of_category)


def new_models(known: list[NextPurchaseModel]) -> list[NextPurchaseModel]:
    """What the nights have learned since, in order; they are not kept for a year."""
    db.session.rollback()
    rows = select(NextPurchaseModel).order_by(NextPurchaseModel.as_of)
    if known:
        rows = rows.where(NextPurchaseModel.as_of > known[-1].as_of)
    found = list(db.session.scalars(rows))
    db.session.expunge_all()
    return found


def what_he_bought(one: Life, category: str, when: datetime) -> FactsOfCategory | None:
    """His purchases in a category by an instant (`ANY`: of any kind), counted plainly."""
    orders = [order for order in kept(one, when) if category in (ANY, order.category)]
    days = {day_of(one, order.paid_at) for order in orders}
    if not days:
        return None
    net = sum(order.amount for order in orders)
    return FactsOfCategory(one.id, category, min(days), max(days), len(days), net)


def chances() -> dict[UUID, float]:
    """How likely each is to buy within a week, as the last night left it."""
    db.session.rollback()
    rows = db.session.execute(text("SELECT member_id, chance_7 FROM next_purchase"))
    return {row.member_id: row.chance_7 for row in rows if row.chance_7 is not None}


def waiting() -> set[UUID]:
    db.session.rollback()
    return set(db.session.scalars(text("SELECT member_id FROM message WHERE state = 'waiting'")))


def test_everybody_is_reminded_and_warned_as_an_obvious_planner_says(world: Customers, monkeypatch):
    if MEMBERS < 1000:  # so few buy that the model would never speak of a category
        monkeypatch.setattr(back_test, "LEAST_BOUGHT", 5)
    set_up(world)
    end, chances_then = run(world)
    db.session.rollback()
    store = Store(world.everybody, BEGIN, end)
    met: Counter[tuple] = Counter()
    for one in world.everybody:
        planned = occasions(one, store, chances_then, BEGIN, end)
        told = messages(one, planned, end)
        assert what_came(one) == {words: item.came for words, item in planned.items()}
        assert what_was_told(one) == told
        assert coupons(one) == {
            words: has_lost_his_coupon(one, item.at, end)
            for words, item in planned.items()
            if words.startswith("repurchase") and item.came.state == "given"
        }
        what_was_said(one, planned)
        met.update((words.split(":")[1], item.came.reason) for words, item in planned.items())
        met.update(tuple(item[:3]) for item in told.elements())
    needed = ALWAYS | (IN_A_YEAR if MEMBERS >= 1000 else set())
    assert met.keys() >= needed, needed - met.keys()
    assert check.run() == []


def messages(one: Life, planned: dict[str, Occasion], end: datetime) -> Counter[Told]:
    """Every message, and what became of it by `end`; a warning goes at once."""
    return Counter(
        of_reminder(one, item.at, end)
        if words.startswith("repurchase")
        else Told("tier_at_risk", "sent", None, item.at)
        for words, item in planned.items()
        if item.came.state == "given"
    )


def what_came(one: Life) -> dict[str, Came]:
    rows = db.session.execute(
        text("SELECT occasion, day, state, reason FROM journey_occasion WHERE member_id = :m"),
        {"m": one.id},
    ).all()
    found = {row.occasion: Came(row.day, row.state, row.reason) for row in rows}
    assert len(found) == len(rows)
    return found


def what_was_told(one: Life) -> Counter[Told]:
    rows = db.session.execute(
        text("SELECT source_id, state, reason, sent_at FROM message WHERE member_id = :m"),
        {"m": one.id},
    )
    return Counter(Told(*row) for row in rows)


def coupons(one: Life) -> dict[str, bool]:
    """His coupons by occasion: whether each was taken back."""
    rows = db.session.execute(
        text("SELECT occasion, state = 'void' AS void FROM coupon WHERE member_id = :m"),
        {"m": one.id},
    ).all()
    found = {row.occasion: row.void for row in rows}
    assert len(found) == len(rows)
    return found


def what_was_said(one: Life, planned: dict[str, Occasion]) -> None:
    """The product that a reminder names, and what a warning says is missing."""
    rows = db.session.execute(
        text("SELECT occasion, variables FROM message WHERE member_id = :m"), {"m": one.id}
    )
    for words, variables in rows:
        if words.startswith("repurchase"):
            assert variables["product"]["name"] in planned[words].says
        else:
            assert {variables["tier"]["missing"]["en"]} == planned[words].says
