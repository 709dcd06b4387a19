"""A thousand random splits of refunds, exactly: what remains of points never depends on the split.

Pure: the ledger follows these figures; `test_any_order_of_arrival` has it do so.
"""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest

from crm.ids import uuid7
from crm.orders.earnings import remaining_points
from crm.orders.errors import RefundTooLarge
from crm.orders.kept import Kept
from crm.orders.pricing import Refund, remainder
from crm.orders.tender import due_back

pytestmark = pytest.mark.usefixtures("no_database")

AT = datetime(2026, 11, 1, tzinfo=UTC)
ROUND = {
    "floor": lambda exact: exact.numerator // exact.denominator,
    "ceil": lambda exact: -(-exact.numerator // exact.denominator),
    "half_up": lambda exact: (exact + Fraction(1, 2)).__floor__(),
}


def an_order(random: Random) -> tuple[Kept, list[tuple[int, int, int]]]:
    """A paid order of one to six lines, what its rules gave each, and maybe points that paid."""
    rows = [
        (number, random.randint(1, 7), random.choice([0, 1, 99, random.randint(0, 99_999)]))
        for number in range(1, random.randint(2, 7))
    ]
    shares = [
        {
            str(number): str(Fraction(random.randint(0, 5000), random.randint(1, 9)))
            for number, _, net in rows
            if net
        }
        for _ in range(random.randint(1, 3))
    ]
    rounding = random.choice(sorted(ROUND))
    exact = sum((Fraction(part) for share in shares for part in share.values()), Fraction())
    order = Kept(
        uuid7(), "web", "A", None, "paid", "CNY", AT, AT, None, AT, AT, None, None,
        random.choice([0, 0, 800]), 0,
    )  # fmt: skip
    order.goods = sum(net for _, _, net in rows)
    order.total = order.goods + order.shipping
    order.granted = ROUND[rounding](exact)
    order.breakdown = {"rounding": rounding, "breakdown": [{"lines": share} for share in shares]}
    order.spent = random.randint(0, order.total)
    return order, rows


def some_refunds(random: Random, rows: list[tuple[int, int, int]], total: int) -> list[Refund]:
    """Pieces and amounts in any order of time, never more than there is to give back."""
    found: list[Refund] = []
    for number in range(random.randint(1, 9)):
        at = AT + timedelta(hours=random.randint(0, 5))
        if random.random() < 0.5:
            some = {random.choice(rows)[0]: random.randint(1, 3)}
            one = Refund(f"R{number}", at, some, None, False)
        else:
            one = Refund(f"R{number}", at, None, random.randint(0, total // 2 + 1), False)
        try:
            remainder(rows, total - sum(net for *_, net in rows), [*found, one])
        except RefundTooLarge:
            continue
        found.append(one)
    return found


def told(order: Kept, rows: list[tuple[int, int, int]], refunds: list[Refund]) -> tuple[int, int]:
    """Points that remain, and points given back, after these refunds."""
    left = remainder(rows, order.shipping, refunds, clamp=True)
    order.refunded = left.refunded
    return remaining_points(order, left), due_back(order, order.spent)


@pytest.mark.parametrize("seed", range(10))
def test_a_hundred_splits_each_end_at_nothing_earned_and_all_given_back(seed):
    random = Random(seed)
    for _ in range(100):
        order, rows = an_order(random)
        refunds = some_refunds(random, rows, order.total)
        mixed = random.sample(refunds, len(refunds))
        assert told(order, rows, refunds) == told(order, rows, mixed)
        later = AT + timedelta(days=1)
        remainder(rows, order.shipping, refunds)
        rest = order.total - sum(refund.value for refund in refunds)
        goods = {number: pieces for number, pieces, _ in rows}
        last = random.choice(
            [Refund("Z", later, None, rest, False), Refund("Z", later, goods, None, False)]
        )
        points, restored = told(order, rows, [*refunds, last])
        assert points == 0
        if order.refunded == order.total:
            assert restored == order.spent
        assert told(order, rows, []) == (order.granted, 0 if order.total else order.spent)


@pytest.mark.parametrize("seed", range(10))
def test_each_refund_in_its_turn_takes_and_gives_back_some_more_and_never_too_much(seed):
    random = Random(1000 + seed)
    for _ in range(100):
        order, rows = an_order(random)
        refunds = sorted(
            some_refunds(random, rows, order.total),
            key=lambda one: (one.refunded_at, one.lines is None, one.refund_no),
        )
        steps = [told(order, rows, refunds[:count]) for count in range(len(refunds) + 1)]
        for (points, given), (fewer, more) in pairwise(steps):
            assert 0 <= fewer <= points <= order.granted
            assert 0 <= given <= more <= order.spent
