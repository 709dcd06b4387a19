"""Breakage is told from lots that came to their end, as a naive count by hand tells it."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random

import pytest
from sqlalchemy import text

from crm.db import db
from crm.points import breakage, liability

JUNE = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
GIVE = text("""
    SELECT (points_give(:member, 'award', :points, :at, 'award:custom', :source, :at, :until,
                        NULL, NULL, NULL, points_open(:member), :lot)).seq
""")
TAKE = text("""
    SELECT (points_take(:member, :kind, :points, :at, 'test', 'x', NULL, NULL, NULL,
                        ARRAY[CAST(:lot AS uuid)], true, false, 'floor')).seq
""")


def give(member, points, at, until, lot):
    values = {"member": member, "points": points, "at": at, "until": until, "lot": lot}
    db.session.execute(GIVE, values | {"source": str(lot)})


def take(member, kind, points, at, lot):
    values = {"member": member, "kind": kind, "points": points, "at": at, "lot": lot}
    db.session.execute(TAKE, values)


def new_id():
    return db.session.scalar(text("SELECT uuidv7()"))


def test_with_too_few_finished_lots_nothing_is_estimated(person):
    member = person()
    for _ in range(breakage.LEAST_LOTS - 1):
        give(member, 10, JUNE, JUNE + DAY, new_id())
    found = breakage.estimate(JUNE + 2 * DAY)
    assert (found.lots, found.is_known, found.lapsed) == (breakage.LEAST_LOTS - 1, False, None)
    give(member, 10, JUNE, JUNE + DAY, new_id())
    assert breakage.estimate(JUNE + 2 * DAY).lapsed == 1
    assert not breakage.estimate(JUNE + DAY - timedelta(seconds=1)).is_known


@pytest.fixture
def past(person):
    """Lots of two terms with spends and clawbacks; the same as (opened, until, size, moves)."""
    chance, member, told = Random(11), person(), []
    for _ in range(breakage.LEAST_LOTS + 60):
        opened = JUNE + chance.randrange(60) * DAY
        until = opened + chance.choice((10, 40)) * DAY
        size, lot, moves = chance.randrange(50, 500), new_id(), []
        give(member, size, opened, until, lot)
        for _ in range(chance.randrange(4)):
            at = opened + (until - opened) * chance.random()
            kind, points = chance.choice(("redeem", "redeem", "clawback")), chance.randrange(1, 99)
            if sum(moved for _, _, moved in moves) + points <= size:
                take(member, kind, points, at, lot)
                moves.append((kind, at, points))
        told.append((opened, until, size, moves))
    return told


def by_hand(told, at):
    """The curve, lot after lot, tenth after tenth."""
    survival, finished = [Fraction(1)], [one for one in told if one[1] <= at]
    for tenth in range(10):
        there, used = 0, 0
        for opened, until, size, moves in told:
            step = (until - opened) / 10
            if opened <= at and opened + (tenth + 1) * step <= at:
                known = [move for move in moves if move[1] <= at]
                issued = size - sum(points for kind, _, points in known if kind == "clawback")
                spends = [(when, points) for kind, when, points in known if kind == "redeem"]
                begin, end = opened + tenth * step, opened + (tenth + 1) * step
                there += issued - sum(points for when, points in spends if when < begin)
                used += sum(points for when, points in spends if begin <= when < end)
        survival.append(survival[-1] * Fraction(there - used, there))
    left = sum(size - sum(points for _, _, points in moves) for _, _, size, moves in finished)
    issued = sum(
        size - sum(points for kind, _, points in moves if kind == "clawback")
        for _, _, size, moves in finished
    )
    return len(finished), Fraction(left, issued), tuple(survival)


@pytest.mark.parametrize("days", [75, 88, 100, 200])
def test_the_curve_is_that_of_a_count_by_hand_at_any_instant(past, days):
    at = JUNE + days * DAY
    found = breakage.estimate(at)
    lots, lapsed, survival = by_hand(past, at)
    if lots < breakage.LEAST_LOTS:
        assert not found.is_known
    else:
        assert (found.lots, found.lapsed, found.survival) == (lots, lapsed, survival)


def test_a_sweep_changes_nothing_that_history_says(past):
    before = breakage.estimate(JUNE + 300 * DAY)
    while db.session.scalar(text("SELECT points_expire(:at, 99)"), {"at": JUNE + 300 * DAY}):
        pass
    assert breakage.estimate(JUNE + 300 * DAY) == before


def test_older_points_are_likelier_to_lapse_and_the_report_adds_them_up(past, person):
    at, member = JUNE + 200 * DAY, person()
    give(member, 1000, at, at + 20 * DAY, new_id())
    give(member, 3000, at - 15 * DAY, at + 5 * DAY, new_id())
    known = breakage.estimate(at)
    assert known.chance(0) < known.chance(7) <= 1
    found = liability.report(at, now=at)
    lapse = 1000 * known.chance(0) + 3000 * known.chance(7)
    assert found["breakage"]["points"] == round(lapse)
    assert found["expected_redemption"]["points"] == 4000 - round(lapse)
    by_month = {row["month"]: row["expected_to_lapse"]["points"] for row in found["expiring"]}
    assert by_month == {
        "2027-01": round(1000 * known.chance(0) + 3000 * known.chance(7)),
    }
    assert found["breakage"]["lots"] == known.lots


def test_where_no_point_was_seen_to_live_nothing_is_said_to_lapse():
    size, used = [0] * 11, Counter({(10, 2): 500})
    size[10] = 500
    found = breakage.curve(breakage.LEAST_LOTS, size, used)
    assert found.survival[3:] == (0,) * 8
    assert (found.chance(0), found.chance(9)) == (0, 0)
