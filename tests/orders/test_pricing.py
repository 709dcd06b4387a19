"""Line amounts and refunds: exact, and independent of the order in which facts arrive."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.orders.errors import DiscountTooLarge, LineTwice, RefundTooLarge, UnknownLine
from crm.orders.incoming import Line
from crm.orders.pricing import Refund, nets, remainder

pytestmark = pytest.mark.usefixtures("no_database")

DAY = datetime(2026, 11, 1, tzinfo=UTC)


def line(number: int, quantity: int = 1, price: int = 1000, discount: int = 0) -> Line:
    return Line(number, "SKU", "Tea", quantity, price, discount=discount)


def refund(number: int, *, lines: dict[int, int] | None = None, amount: int | None = None):
    return Refund(f"R{number}", DAY + timedelta(hours=number), lines, amount, False)


lines_and_discount = st.lists(
    st.tuples(st.integers(1, 9), st.integers(0, 99_999)), min_size=1, max_size=6
).flatmap(
    lambda items: st.tuples(
        st.just([line(place, *item) for place, item in enumerate(items, 1)]),
        st.integers(0, sum(quantity * price for quantity, price in items)),
    )
)


@given(lines_and_discount)
def test_an_order_discount_is_spread_to_the_last_cent_and_no_line_goes_below_zero(case):
    lines, discount = case
    gross = [item.quantity * item.unit_price for item in lines]
    found = nets(lines, discount)
    assert sum(found) == sum(gross) - discount
    assert all(0 <= net <= amount for net, amount in zip(found, gross, strict=True))


@given(lines_and_discount)
def test_a_share_of_the_discount_is_off_its_exact_part_by_less_than_one(case):
    lines, discount = case
    total = sum(item.quantity * item.unit_price for item in lines)
    for item, net in zip(lines, nets(lines, discount), strict=True):
        amount = item.quantity * item.unit_price
        if total:
            assert abs(amount - net - amount * discount / total) < 1


def test_a_line_number_that_stands_twice_is_refused_where_it_stands():
    with pytest.raises(LineTwice) as refused:
        nets([line(1), line(1)], 0)
    assert refused.value.pointer == "/lines/1/line_no"


def test_discounts_larger_than_what_they_are_taken_off_are_refused():
    with pytest.raises(DiscountTooLarge):
        nets([line(1, discount=1001)], 0)
    with pytest.raises(DiscountTooLarge):
        nets([line(1)], 1001)


@given(
    st.integers(1, 20),
    st.integers(0, 99_999),
    st.lists(st.integers(1, 5), min_size=1, max_size=8),
)
def test_any_split_of_a_return_is_worth_the_same_as_one_return(pieces, net, parts):
    parts = [min(part, pieces - sum(parts[:place])) for place, part in enumerate(parts)]
    parts = [part for part in parts if part > 0]
    split = [refund(place, lines={1: part}) for place, part in enumerate(parts)]
    once = [refund(0, lines={1: sum(parts)})]
    rows = [(1, pieces, net)]
    if sum(parts) > pieces or not parts:
        return
    assert remainder(rows, 0, split).goods == remainder(rows, 0, once).goods
    assert remainder(rows, 0, split).refunded == remainder(rows, 0, once).refunded


def test_the_result_does_not_depend_on_the_order_in_which_refunds_arrive():
    rows = [(1, 3, 1000), (2, 2, 777), (3, 1, 0)]
    facts = [(1, {1: 1}, None), (2, None, 333), (3, {2: 2, 3: 1}, None), (4, {1: 1}, None)]
    results = set()
    for order in permutations(facts):
        found = remainder(rows, 50, [refund(n, lines=of, amount=sum_) for n, of, sum_ in order])
        results.add((found.refunded, found.goods, tuple(sorted(found.shares.items()))))
    assert len(results) == 1


def test_returning_everything_leaves_nothing():
    found = remainder([(1, 3, 1000), (2, 1, 1)], 0, [refund(1, lines={1: 3, 2: 1})])
    assert (found.refunded, found.goods) == (1001, 0)
    assert set(found.shares.values()) == {0}


def test_an_amount_beyond_the_goods_takes_from_shipping():
    found = remainder([(1, 1, 1000)], 80, [refund(1, amount=1050)])
    assert (found.refunded, found.goods) == (1050, 0)


def test_refunds_beyond_what_was_paid_are_refused_and_say_what_is_left():
    with pytest.raises(RefundTooLarge) as refused:
        remainder([(1, 1, 1000)], 80, [refund(1, amount=500), refund(2, amount=581)])
    assert refused.value.facts == {"refundable": 580}
    with pytest.raises(RefundTooLarge):
        remainder([(1, 2, 1000)], 0, [refund(1, lines={1: 1}), refund(2, lines={1: 2})])


def test_a_refund_that_waited_counts_as_far_as_it_goes():
    found = remainder([(1, 1, 1000)], 0, [refund(1, amount=5000)], clamp=True)
    assert (found.refunded, found.goods) == (1000, 0)
    assert remainder([(1, 1, 1000)], 0, [refund(1, lines={9: 4})], clamp=True).refunded == 0


def test_a_return_of_a_line_that_the_order_does_not_have_is_refused():
    with pytest.raises(UnknownLine):
        remainder([(1, 1, 1000)], 0, [refund(1, lines={2: 1})])


def test_refunding_an_order_of_nothing_divides_by_nothing():
    found = remainder([(1, 1, 0)], 0, [refund(1, amount=0), refund(2, lines={1: 1})])
    assert (found.refunded, found.goods) == (0, 0)


def test_of_one_instant_returned_goods_come_before_money():
    facts = [(1, None, 500), (2, {1: 1}, None)]
    same = [Refund(f"R{n}", DAY, of, amount, False) for n, of, amount in facts]
    found = remainder([(1, 2, 1000)], 0, same)
    assert (found.refunded, found.goods) == (1000, 0)
