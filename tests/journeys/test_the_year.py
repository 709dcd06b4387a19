"""A stretch of life in the sandbox, against an obvious planner: exact equality, nothing twice.

Members all over the globe, birthdays on every day and by the moon, orders, late reports, refunds,
complaints, opting out; the clock goes day by day and in jumps. `CRM_TEST_YEAR=1` makes it a year of
2,000 members; without it, some weeks around a 29 February.
"""

import os
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from api_client import Api
from clocks import set_to
from obvious_planner import HOLIDAYS, MEMBER_DAY, Order, Person, plan
from order_bodies import order_body, stamp
from sqlalchemy import text
from travellers import consent, coupon_template, switch, traveller

from crm.db import db, transaction
from crm.messages import policy
from crm.points import check

WHOLE_YEAR = bool(os.environ.get("CRM_TEST_YEAR"))
MEMBERS, DAYS = (2000, 366) if WHOLE_YEAR else (44, 18)
BEGIN = (
    datetime(2027, 9, 1, 3, 17, tzinfo=UTC)
    if WHOLE_YEAR
    else datetime(2028, 2, 20, 3, 17, tzinfo=UTC)
)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ZONES = [
    "Pacific/Pago_Pago", "Pacific/Kiritimati", "Asia/Shanghai", "Asia/Kathmandu",
    "America/New_York", "America/Santiago", "Europe/London", "Australia/Lord_Howe",
]  # fmt: skip
POINTS = 10
# What a run must meet, or it proves little: (kind of occasion, why nothing was given).
EVERYTHING = {
    *((kind, None) for kind in ("birthday", "aftersale", "win_back", "member_day", "holiday")),
    *(("aftersale", why) for why in ("cooldown", "order_refunded", "open_case")),
    *(("member_day", why) for why in ("opted_out", "open_case")),
}
pytestmark = [
    pytest.mark.usefixtures("committed"),
    pytest.mark.timeout(7200 if WHOLE_YEAR else 600),
]


@pytest.fixture
def dice() -> random.Random:
    return random.Random(20280229)


def people(dice: random.Random) -> list[Person]:
    """Members born on every day from the beginning on, every fifth by the moon."""
    found = []
    for number in range(MEMBERS):
        born_on = BEGIN.date() + timedelta(days=number % (DAYS + 3) - 1)
        calendar = "lunar" if number % 5 == 4 else "solar"
        born = (dice.randint(1, 2), dice.randint(1, 30)) if calendar == "lunar" else (
            born_on.month, born_on.day)  # fmt: skip
        if number % 17 == 0:
            calendar, born = "solar", (2, 29)
        agrees, zone = dice.random() < 0.7, dice.choice(ZONES)
        told_late = number % 11 == 0
        member = traveller(
            zone=zone, born=None if told_late else born, calendar=calendar,
            consents={"email.marketing": agrees}, joined=BEGIN - 90 * DAY,
        )  # fmt: skip
        one = Person(member, zone, calendar, born, BEGIN - DAY, consents=[(BEGIN - DAY, agrees)])
        if told_late:
            one.born_told_at = BEGIN + 1000 * DAY  # not yet
        found.append(one)
    return found


def stops(dice: random.Random) -> list[datetime]:
    """The instants at which the clock stands: day by day, then a jump, and so on."""
    found, at = [], BEGIN
    while at < BEGIN + DAYS * DAY:
        step = dice.choice((DAY, DAY, DAY, 13 * HOUR, 5 * HOUR, 3 * DAY, 6 * DAY))
        at += step + timedelta(minutes=dice.randint(0, 59), seconds=dice.randint(1, 59))
        found.append(at)
    return found


class World:
    """What happens at a stop: told to the program and to the planner alike."""

    def __init__(self, admin: Api, everybody: list[Person], dice: random.Random) -> None:
        self.admin, self.everybody, self.dice = admin, everybody, dice
        self.numbers = 0
        self.orders: list[tuple[Person, Order, str]] = []

    def live(self, now: datetime) -> None:
        happenings = (self.buy,) * 5 + (self.refund, self.opt, self.complain, self.tell_birthday)
        for _ in range(max(MEMBERS // 25, 3)):
            self.dice.choice(happenings)(self.dice.choice(self.everybody), now)

    def buy(self, one: Person, now: datetime) -> None:
        self.numbers += 1
        paid = now - self.dice.randint(1, 60) * HOUR
        delivered = paid + (now - paid) * self.dice.random()
        delivered = delivered.replace(microsecond=0)
        body = order_body(
            one.id, status="delivered", placed_at=stamp(paid), paid_at=stamp(paid),
            delivered_at=stamp(delivered), updated_at=stamp(now),
        )  # fmt: skip
        number = f"Y{self.numbers}"
        answer = self.admin.put(f"/orders/web/{number}", body)
        assert answer.status_code in (200, 201), answer.data
        order = Order(answer.get_json()["id"], paid, delivered, now)
        one.orders.append(order)
        self.orders.append((one, order, number))

    def refund(self, _: Person, now: datetime) -> None:
        left = [item for item in self.orders if item[1].refunded_at is None]
        if not left:
            return
        _, order, number = self.dice.choice(left[-6:])
        order.refunded_at, order.whole = now, self.dice.random() < 0.5
        body = {"refunded_at": stamp(now), "amount": 25_000 if order.whole else 100}
        answer = self.admin.put(f"/orders/web/{number}/refunds/R", body)
        assert answer.status_code in (200, 201), answer.data

    def opt(self, one: Person, now: datetime) -> None:
        agrees = not one.agrees(now)
        consent(one.id, "email.marketing", agrees, now)
        one.consents.append((now, agrees))

    def complain(self, one: Person, now: datetime) -> None:
        if self.orders and self.dice.random() < 0.6:  # of what came a short while ago
            one = self.dice.choice(self.orders[-6:])[0]
        opens = not one.complains(now)
        statement = (
            "INSERT INTO message_block VALUES (:m, 'open_case', 'x', :now)"
            if opens
            else "DELETE FROM message_block WHERE member_id = :m AND since <= :now"
        )
        with transaction():
            db.session.execute(text(statement), {"m": one.id, "now": now})
        one.blocks.append((now, opens))

    def tell_birthday(self, _: Person, now: datetime) -> None:
        waiting = [one for one in self.everybody if one.born_told_at > now]
        if not waiting:
            return
        one = self.dice.choice(waiting)
        one.born_told_at = now
        with transaction():
            db.session.execute(
                text("""
                    UPDATE member SET birthday_month = :m, birthday_day = :d,
                        birthday_calendar = :c WHERE id = :id
                """),
                {"m": one.born[0], "d": one.born[1], "c": one.calendar, "id": one.id},
            )


def switch_all_on() -> UUID:
    coupon = coupon_template(BEGIN)
    names = [
        {"code": code, "calendar": calendar, "month": month, "day": day, "name": {"en": code}}
        for code, (calendar, month, day) in HOLIDAYS.items()
    ]
    switch("birthday", BEGIN, points=POINTS, coupon_template=str(coupon))
    switch("after_sale", BEGIN, days_after_delivery=3, cooldown_days=14)
    switch("win_back", BEGIN, days=12)
    switch("member_day", BEGIN, days_of_month=[MEMBER_DAY])
    switch("holiday", BEGIN, holidays=names)
    with transaction():
        policy.put({"caps": {"per_day": None, "per_week": None}}, now=BEGIN)
    return coupon


def happened() -> dict[str, tuple[date, str, str | None, datetime]]:
    """What the program did, by the words of the occasion."""
    db.session.rollback()
    rows = db.session.execute(
        text("SELECT occasion, day, state, reason, at FROM journey_occasion")
    ).all()
    assert len({row.occasion for row in rows}) == len(rows)
    return {row.occasion: tuple(row[1:]) for row in rows}


def test_everybody_gets_what_an_obvious_planner_says_and_nothing_twice(
    admin: Api, dice: random.Random
):
    set_to(BEGIN)
    everybody = people(dice)
    coupon = switch_all_on()
    world = World(admin, everybody, dice)
    end = BEGIN
    for end in stops(dice):
        answer = admin.post("/sandbox/clock", {"now": stamp(end)})
        assert answer.status_code == 200, answer.data
        world.live(end)
    expected: dict[str, tuple] = {}
    for one in everybody:
        expected |= {words: tuple(what) for words, what in plan(one, BEGIN, end).items()}
    found = happened()
    assert found == expected
    came = Counter((words.partition(":")[0], what[2]) for words, what in found.items())
    assert came.keys() >= EVERYTHING, EVERYTHING - came.keys()
    gifts_are_those_of(found, everybody, coupon)
    messages_are_those_of(found, everybody)
    assert check.run() == []


def gifts_are_those_of(found: dict, everybody: list[Person], coupon: UUID) -> None:
    """Points and coupons: one each for every birthday that was given, and none besides."""
    given = {
        words
        for words, what in found.items()
        if words.startswith("birthday") and what[1] == "given"
    }
    rows = db.session.execute(
        text("SELECT source_id, points FROM points_entry WHERE source_type = 'award:birthday'")
    ).all()
    assert Counter(dict(map(tuple, rows))) == Counter(dict.fromkeys(given, POINTS))
    rows = db.session.execute(
        text("SELECT occasion FROM coupon WHERE template_id = :t"), {"t": coupon}
    )
    assert Counter(rows.scalars()) == Counter(given)


def messages_are_those_of(found: dict, everybody: list[Person]) -> None:
    """One message for each occasion that was given, sent unless consent or a complaint forbids."""
    rows = db.session.execute(text("SELECT occasion, state, reason FROM message")).all()
    by_words = {row.occasion: (row.state, row.reason) for row in rows}
    assert len(by_words) == len(rows)
    assert set(by_words) == {words for words, what in found.items() if what[1] == "given"}
    ids = {str(one.id): one for one in everybody}
    for words, (state, reason) in by_words.items():
        if not words.startswith("birthday"):
            assert (words, state) == (words, "sent")
            continue
        one, at = ids[words.split(":")[2]], found[words][3]
        if (state, reason) == ("sent", None):
            assert one.agrees(at) or one.born_told_at > at
        else:
            assert state in ("suppressed", "waiting"), (words, state, reason)
