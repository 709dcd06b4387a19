"""Bugs that a ledger can have, each a small patch, with the short history that must show it.

The one place where our own code is patched: to know that the tests would notice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest
from history import History
from sqlalchemy import text

from crm.db import db
from crm.members.tiers import storage as tiers
from crm.orders import clawing, crediting
from crm.points import holds, restoring

DEFINITION = text("SELECT pg_get_functiondef(CAST(:name AS regproc))")
Patch = Callable[[pytest.MonkeyPatch], None]
Story = Callable[[History], None]


@dataclass(frozen=True)
class Bug:
    """What is wrong, how it gets in, and what happens then that shows it."""

    name: str
    patches: tuple[Patch, ...]
    story: Story

    def put_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for patch in self.patches:
            patch(monkeypatch)


def sql(function: str, right: str, wrong: str) -> Patch:
    """In the database: `wrong` for `right` in a function, until the test is rolled back."""

    def put_in(_: pytest.MonkeyPatch) -> None:
        found = db.session.scalar(DEFINITION, {"name": function})
        assert right in found, f"{function} has changed: say the bug anew"
        db.session.execute(text(found.replace(right, wrong).replace(":", r"\:")))
        db.session.commit()

    return put_in


def python(owner: Any, name: str, wrong: Callable[[Any], Any]) -> Patch:
    """In the program: `wrong(right)` for a rule."""
    return lambda monkeypatch: monkeypatch.setattr(owner, name, wrong(getattr(owner, name)))


# --- rules told wrong


def floored_per_refund(right: Callable[..., int]) -> Callable[..., int]:
    def wrong(order: Any, left: Any) -> int:
        if not left.refunded:
            return right(order, left)
        return order.granted - sum(order.granted * x.value // order.total for x in order.refunds)

    return wrong


def todays_multiplier(right: Callable[..., int]) -> Callable[..., int]:
    def wrong(order: Any, left: Any) -> int:
        if not left.refunded:
            return right(order, left)
        floor = tiers.standings([order.member_id])[order.member_id].floor
        now = Fraction(3, 2) if floor == "gold" else Fraction(1)
        return min(order.granted, int(left.goods * now / 100))

    return wrong


def twice_as_many(right: Callable[..., None]) -> Callable[..., None]:
    return lambda order, points, policy, *, now: right(order, points * 2, policy, now=now)


def never_over(right: Callable[..., None]) -> Callable[..., None]:
    return lambda hold, now: right(hold, hold.created_at)


def all_is_left(right: Callable[..., int]) -> Callable[..., int]:
    return lambda member_id, seq: 10**6


# --- histories that show them


def lapsed_points_are_spent(h: History) -> None:
    h.award("ann", 100, 1)
    h.let_pass(2)
    h.redeem("ann", 50)


def points_lapse(h: History) -> None:
    h.award("ann", 100, 1)
    h.let_pass(0.5)
    h.sweep("expire")
    h.let_pass(1)
    h.sweep("expire")


def held_points_are_spent(h: History) -> None:
    h.award("ann", 300)
    h.hold("ann", 200, 900)
    h.redeem("ann", 200)


def an_order_is_refunded_in_three(h: History) -> None:
    h.order("ann", (1, 10_000))
    for amount in (3350, 3350, 3300):
        h.refund_amount(0, amount)


def a_tier_rises_before_a_refund(h: History) -> None:
    h.order("ann", (2, 5000))
    h.promote("ann", True)
    h.refund_pieces(0, 0, 1)


def points_are_spent_before_the_order_is_cancelled(h: History) -> None:
    h.order("ann", (1, 10_000))
    h.let_pass(16)
    h.sweep("release")
    h.redeem("ann", 80)
    h.write(0, "cancelled")
    h.award("ann", 50)
    h.award("ann", 50)


def a_debt_is_paid_by_points_that_lapse_later(h: History) -> None:
    points_are_spent_before_the_order_is_cancelled(h)
    h.order("ann", (1, 5000))
    h.let_pass(16)
    h.redeem("ann", 50)
    h.write(1, "cancelled")
    h.award("ann", 50, 1)
    h.let_pass(2)
    h.sweep("expire")


def pending_points_are_spent(h: History) -> None:
    h.order("ann", (1, 10_000))
    h.redeem("ann", 50)


def a_redemption_is_reversed_twice(h: History) -> None:
    h.award("ann", 100)
    h.redeem("ann", 100)
    h.reverse(0, 60)
    h.reverse(0, 60)


def lapsed_points_come_back(h: History) -> None:
    h.award("ann", 100, 1)
    h.redeem("ann", 100)
    h.let_pass(2)
    h.reverse(0, None)


def some_points_come_back(h: History) -> None:
    h.award("ann", 100, 400)
    h.award("ann", 100, 20)
    h.redeem("ann", 150)
    h.reverse(0, 50)


def a_hold_is_captured_late(h: History) -> None:
    h.award("ann", 100)
    h.hold("ann", 100, 60)
    h.let_pass(0.02)
    h.capture(0, None)


def a_hold_is_captured_in_part(h: History) -> None:
    h.award("ann", 100)
    h.hold("ann", 100, 900)
    h.capture(0, 40)
    h.redeem("ann", 60)


def a_hold_comes_to_its_end(h: History) -> None:
    h.award("ann", 100)
    h.hold("ann", 100, 60)
    h.let_pass(0.02)
    h.redeem("ann", 100)


def a_key_is_used_for_something_else(h: History) -> None:
    h.adjust("ann", 100)
    h.reuse(0)


def a_key_of_an_award_is_used_for_something_else(h: History) -> None:
    h.award("ann", 100)
    h.reuse(0)


def a_redemption_is_sent_again(h: History) -> None:
    h.award("ann", 100)
    h.redeem("ann", 40)
    h.repeat(1)


def a_source_comes_twice(h: History) -> None:
    h.award_again("ann", 100)


def points_are_given(h: History) -> None:
    h.award("ben", 100)


def points_of_two_expiries_are_spent(h: History) -> None:
    h.award("ann", 100, 400)
    h.award("ann", 100, 20)
    h.redeem("ann", 50)


def points_are_moved(h: History) -> None:
    h.award("ann", 100, 20)
    h.transfer("ann", "ben", 60)


def a_debtor_is_merged(h: History) -> None:
    points_are_spent_before_the_order_is_cancelled(h)
    h.order("ann", (1, 10_000))
    h.let_pass(16)
    h.redeem("ann", 100)
    h.write(1, "cancelled")
    h.merge("ben", "ann")
    h.undo(0)


def merged_points_are_spent_before_the_undo(h: History) -> None:
    h.award("ann", 100)
    h.merge("ben", "ann")
    h.redeem("ben", 60)
    h.undo(0)
    h.undo(0)


SPEND_LAPSED = "AND (l.expires_at IS NULL OR l.expires_at > p_now)"
BUGS = [
    Bug(
        "lapsed lots can be spent",
        (
            sql("points_take", SPEND_LAPSED, ""),
            sql("points_redeem", SPEND_LAPSED.replace("p_", "v_"), ""),
        ),
        lapsed_points_are_spent,
    ),
    Bug(
        "what holds keep is ignored",
        (
            sql("points_redeem", "l.remaining - l.held", "l.remaining"),
            sql("points_redeem", "l.remaining > l.held", "l.remaining > 0"),
        ),
        held_points_are_spent,
    ),
    Bug(
        "pending points can be spent",
        (
            sql("points_redeem", "AND l.available_at <= v_now", ""),
            sql("points_take", "p_others AND l.available_at <= p_now", "p_others"),
        ),
        pending_points_are_spent,
    ),
    Bug(
        "the latest expiry is spent first",
        (
            sql("points_redeem", "l.expires_at NULLS LAST", "l.expires_at DESC NULLS FIRST"),
            sql("points_take", "l.expires_at NULLS LAST", "l.expires_at DESC NULLS FIRST"),
        ),
        points_of_two_expiries_are_spent,
    ),
    Bug(
        "refunds are rounded one by one",
        (python(crediting, "remaining_points", floored_per_refund),),
        an_order_is_refunded_in_three,
    ),
    Bug(
        "refunds go by the tier of today",
        (python(crediting, "remaining_points", todays_multiplier),),
        a_tier_rises_before_a_refund,
    ),
    Bug(
        "more is clawed back than was earned",
        (python(clawing, "claw_back", twice_as_many),),
        an_order_is_refunded_in_three,
    ),
    Bug(
        "what is short is forgotten instead of owed",
        (sql("points_take", "p_points - v_taken ELSE", "0 ELSE"),),
        points_are_spent_before_the_order_is_cancelled,
    ),
    Bug(
        "debts are never paid",
        (sql("points_absorb", "IF coalesce(v_account.debt, 0) = 0 THEN", "IF true THEN"),),
        a_debt_is_paid_by_points_that_lapse_later,
    ),
    Bug(
        "what was given back is given back again",
        (
            sql("points_restore_spent", "-m.points - coalesce(r.points, 0)", "-m.points"),
            python(restoring, "left", all_is_left),
        ),
        a_redemption_is_reversed_twice,
    ),
    Bug(
        "lapsed points come back without an end",
        (sql("points_restore_spent", "coalesce(p_grace_until, expires_at)", "NULL"),),
        lapsed_points_come_back,
    ),
    Bug(
        "what was spent first comes back first",
        (
            sql(
                "points_restore_spent",
                "ORDER BY expires_at DESC NULLS FIRST",
                "ORDER BY expires_at NULLS LAST",
            ),
        ),
        some_points_come_back,
    ),
    Bug(
        "a hold that is over can be captured",
        (python(holds, "check_open", never_over),),
        a_hold_is_captured_late,
    ),
    Bug(
        "a capture in part keeps the rest",
        (sql("points_hold_capture", "held = l.held - s.points", "held = l.held - s.spent"),),
        a_hold_is_captured_in_part,
    ),
    Bug(
        "a hold keeps points beyond its end until a job has run",
        (sql("points_redeem", "IF v_account.holds > 0 OR v_account.debt > 0", "IF false"),),
        a_hold_comes_to_its_end,
    ),
    Bug(
        "a key may be used for something else",
        (sql("idempotency_claim", "v_fingerprint IS DISTINCT FROM p_fingerprint", "false"),),
        a_key_is_used_for_something_else,
    ),
    Bug(
        "a key of an award may be used for something else",
        (sql("points_award", "a.known_fingerprint = a.fingerprint THEN", "true THEN"),),
        a_key_of_an_award_is_used_for_something_else,
    ),
    Bug(
        "answers are not kept",
        (
            sql(
                "points_redeem",
                "VALUES (p_claim, p_fingerprint, status, body, v_now)",
                "VALUES (uuidv7(), p_fingerprint, status, body, v_now)",
            ),
        ),
        a_redemption_is_sent_again,
    ),
    Bug(
        "one source gives twice",
        (
            sql("points_award", "AND NOT a.known AND a.first_member IS NULL", "AND NOT a.known"),
            sql(
                "points_award",
                "FROM chained c ORDER BY c.source",
                "FROM chained c ORDER BY c.source ON CONFLICT DO NOTHING",
            ),
        ),
        a_source_comes_twice,
    ),
    Bug(
        "points lapse a day early",
        (sql("points_lapsing", "l.expires_at <= p_now", "l.expires_at <= p_now + '1 day'"),),
        points_lapse,
    ),
    Bug(
        "points last a day too long",
        (sql("points_expiry", "v_last + 1", "v_last + 2"),),
        points_are_given,
    ),
    Bug(
        "points lapse at midnight somewhere else",
        (sql("points_expiry", "local_midnight(v_last + 1, zone)",
             "local_midnight(v_last + 1, 'UTC')"),),
        points_are_given,
    ),
    Bug(
        "a transfer loses the expiry",
        (sql("points_transfer", "p_now, p_now, x.expires_at", "p_now, p_now, NULL"),),
        points_are_moved,
    ),
    Bug(
        "a merge loses the debt",
        (sql("points_merge_debt", "WHEN p_into THEN v_part", "WHEN p_into THEN 0"),),
        a_debtor_is_merged,
    ),
    Bug(
        "an undo gives back what was spent",
        (
            sql("points_unmerge", "v_lot.free, p_now", "v_lot.size, p_now"),
            sql("points_unmerge", "remaining + v_lot.free", "remaining + v_lot.size"),
            sql("points_unmerge", "v_lot.from_lot, v_lot.free);", "v_lot.from_lot, v_lot.size);"),
        ),
        merged_points_are_spent_before_the_undo,
    ),
    Bug(
        "entries are not chained",
        (sql("points_write", "points_hash(v_account.head,", "points_hash('',"),),
        held_points_are_spent,
    ),
]  # fmt: skip
