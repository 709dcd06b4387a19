"""A stretch of life in the sandbox, told over HTTP alone: purchases, deliveries, refunds, answers
to surveys, complaints, opting out. An obvious planner says who must be told what at which instant,
who gets points, which cases there are and when marketing stops: exact equality, nothing twice.

`CRM_TEST_YEAR=1` makes it eleven months of 2,000 members, another number of so many; without it,
some weeks of a few.
"""

import os
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from clocks import set_to
from lives import Life
from obvious import (
    ASKED_AFTER,
    FOR_ANSWER,
    LADDER,
    LASTING,
    LOW,
    MEMBER_DAYS,
    REST,
    WARNED,
    WELCOME,
    Came,
    Moved,
    Told,
    counted,
    messages,
    movements,
    occasions,
    spans,
)
from order_bodies import stamp
from sqlalchemy import text
from world import World

from crm.db import db
from crm.points import check

LONG = int(os.environ.get("CRM_TEST_YEAR") or 0)
MEMBERS, DAYS = (LONG if LONG > 1 else 2000, 330) if LONG else (24, 31)
BEGIN = datetime(2028, 1, 20, 3, 17, 29, tzinfo=UTC)  # a 29 February and clock changes lie ahead
DAY = timedelta(days=1)
pytestmark = [pytest.mark.usefixtures("committed"), pytest.mark.timeout(7200 if LONG else 600)]


@pytest.fixture
def world(admin, app) -> World:
    set_to(BEGIN)
    return World(admin, app.test_client(), random.Random(20280229))


def set_up(world: World) -> None:
    """The programme, its ladder, the policy of messages, and the journeys."""
    risen = {"subject": "You rose", "text": "You rose. {{ links.unsubscribe }}"}
    form = {"code": "risen", "channel": "email", "purpose": "marketing", "languages": {"en": risen}}
    template = world.ask("POST", "/templates", form)["id"]
    journeys = {
        "welcome": {"points": WELCOME},
        "after_sale": {"days_after_delivery": ASKED_AFTER, "cooldown_days": REST // DAY,
                       "points": FOR_ANSWER, "low_rating": LOW},
        "member_day": {"days_of_month": list(MEMBER_DAYS)},
        "points_expiring": {"days_before": WARNED},
        "tier_up": {"template": template},
    }  # fmt: skip
    world.open_shop(LASTING, LADDER, {"window": {"kind": "lifetime"}}, journeys)


def run(world: World) -> datetime:
    """Day by day and in jumps; returns the end. Most members are there from the beginning on."""
    for _ in range(MEMBERS * 4 // 5):
        world.join(BEGIN)
    at, late = BEGIN, MEMBERS // 5
    while at < BEGIN + DAYS * DAY:
        step = world.dice.choice((DAY, DAY, DAY, 7 * DAY / 24, 13 * DAY / 24, 3 * DAY, 5 * DAY))
        at += step + timedelta(minutes=world.dice.randint(0, 59), seconds=world.dice.randint(1, 59))
        world.ask("POST", "/sandbox/clock", {"now": stamp(at)})
        if late and world.dice.random() < 0.3:
            world.join(at)
            late -= 1
        world.live(at, max(MEMBERS // 15, 9))
    end = at + 2 * DAY
    world.ask("POST", "/sandbox/clock", {"now": stamp(end)})
    return end


def test_everybody_is_told_and_given_what_an_obvious_planner_says(world: World):
    set_up(world)
    end = run(world)
    db.session.rollback()
    for one in world.everybody:
        assert what_came(one) == {
            words: came for words, (came, _) in occasions(one, BEGIN, end).items()
        }
        assert what_was_told(one) == messages(one, BEGIN, end)
        assert what_moved(one) == movements(one, end)
        assert what_is_open(one) == Counter(
            at for at, until in spans(one, counted(one)) if until is None
        )
    something_of_everything_happened(world, end)
    assert check.run() == []


def something_of_everything_happened(world: World, end: datetime) -> None:
    """A test of nothing would agree with any planner."""
    came = Counter(
        (words.split(":")[1], one.state, one.reason)
        for life in world.everybody
        for words, (one, _) in occasions(life, BEGIN, end).items()
    )
    told = Counter(
        (one.journey, one.state, one.reason)
        for life in world.everybody
        for one in messages(life, BEGIN, end)
    )
    for reason in (None, "order_refunded", "open_case", "cooldown"):
        assert came["after_sale", "skipped" if reason else "given", reason], reason
    for reason in (None, "open_case", "opted_out"):
        assert came["member_day", "skipped" if reason else "given", reason], reason
    assert came["points_expiring", "given", None]
    assert told["tier_up", "sent", None]
    assert told["tier_up", "suppressed", "opted_out"]
    answers = [answer for life in world.everybody for answer in counted(life)]
    assert any(answer.rating <= LOW for answer in answers)
    assert len(answers) < sum(len(life.answers) for life in world.everybody)


def what_came(one: Life) -> dict[str, Came]:
    rows = db.session.execute(
        text("""
            SELECT occasion, day, state, reason FROM journey_occasion
            WHERE member_id = :m AND journey <> 'tier_up'
        """),
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


def what_moved(one: Life) -> Counter[Moved]:
    rows = db.session.execute(
        text("""
            SELECT CASE WHEN kind = 'award' THEN source_type ELSE kind END, points, occurred_at
            FROM points_entry WHERE member_id = :m
        """),
        {"m": one.id},
    )
    return Counter(Moved(*row) for row in rows)


def what_is_open(one: Life) -> Counter[datetime]:
    """Since when the cases that stop his marketing are open."""
    rows = db.session.execute(
        text("SELECT since FROM message_block WHERE member_id = :m AND reason = 'open_case'"),
        {"m": one.id},
    )
    return Counter(rows.scalars())
