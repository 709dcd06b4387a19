"""Caps trim and never refuse, and say that they did."""

from fractions import Fraction
from uuid import UUID

import pytest
from earning_builders import by_line, cart, earn, line, member, rate, rule

from crm.points.earning import Used

pytestmark = pytest.mark.usefixtures("no_database")


def test_a_cap_on_the_order_trims_all_shares_alike():
    rules = rate(), rule(2, "per_order", points=100)
    earning = earn(cart(10_000, 30_000), *rules, caps={"per_order": 50})
    assert (earning.points, earning.desired, earning.capped_by) == (50, 500, "per_order")
    assert [share.points for share in earning.breakdown] == [40, 10]
    assert by_line(earning) == {1: Fraction(25, 2), 2: Fraction(75, 2)}


def test_a_cap_that_costs_nothing_is_not_named():
    earning = earn(cart(10_050), caps={"per_order": 100})
    assert (earning.points, earning.desired, earning.capped_by) == (100, 100, None)
    assert earning.exact == 100


@pytest.mark.parametrize(
    ("caps", "used", "points", "name"),
    [
        ({"per_member_day": 80}, Used(day=30), 50, "per_member_day"),
        ({"per_member_month": 90}, Used(month=30), 60, "per_member_month"),
        ({"per_member_day": 80, "per_order": 20}, Used(day=30), 20, "per_order"),
        ({"per_member_day": 80}, Used(day=200), 0, "per_member_day"),
        ({"per_order": 0}, None, 0, "per_order"),
    ],
)
def test_caps_over_time_leave_what_is_not_used_up(caps, used, points, name):
    earning = earn(cart(10_000), used=used, caps=caps)
    assert (earning.points, earning.desired, earning.capped_by) == (points, 100, name)
    assert sum(by_line(earning).values()) == points


def test_a_rule_has_a_cap_of_its_own():
    rules = rate(1, cap={"per_order": 30}), rate(2)
    earning = earn(cart(10_000), *rules)
    assert (earning.points, earning.desired, earning.capped_by) == (130, 200, "rule_per_order")
    assert [share.capped_by for share in earning.breakdown] == ["rule_per_order", None]


def test_the_cap_of_a_rate_holds_for_all_it_gives_with_its_multipliers():
    rules = rate(1, cap={"per_order": 60}), rule(2, "multiplier", factor="3")
    earning = earn(cart(10_000), *rules, who=member(multiplier=2))
    assert earning.points == 60
    assert [share.points for share in earning.breakdown] == [10, 10, 40]
    assert earning.breakdown[0].counted == 60 * earning.breakdown[0].over


def test_the_cap_of_a_multiplier_holds_for_what_it_adds():
    rules = rate(), rule(2, "multiplier", factor="3", cap={"per_order": 60})
    assert earn(cart(10_000), *rules).points == 160


def test_a_multiplier_after_a_trimmed_one_multiplies_what_is_left():
    rules = (
        rate(),
        rule(2, "multiplier", factor="3", priority=2, cap={"per_order": 20}),
        rule(3, "multiplier", factor="0", priority=1),
    )
    assert earn(cart(10_000), *rules).points == 0


def test_the_cap_of_a_bonus_holds_for_the_bonus():
    bonus = rule(2, "per_unit", points=5, cap={"per_order": 12})
    earning = earn(cart(line(1000, quantity=2), line(1000, 2, quantity=4)), rate(), bonus)
    assert earning.points == 32
    assert earning.breakdown[1].lines == {1: 4, 2: 8}


def test_a_rules_cap_by_day_leaves_what_is_not_used_up():
    capped = rate(7, cap={"per_order": 90, "per_member_day": 100})
    used = Used(by_rule={UUID(int=7): Fraction(165, 2)})
    earning = earn(cart(10_000), capped, used=used)
    assert (earning.points, earning.capped_by) == (17, "rule_per_member_day")
    assert earning.exact == Fraction(35, 2)
    assert earning.document()["breakdown"][0]["counted"] == "35/2"


def test_rules_caps_come_before_the_programmes():
    rules = rate(1, cap={"per_order": 60}), rate(2)
    earning = earn(cart(10_000), *rules, caps={"per_order": 80})
    assert (earning.points, earning.capped_by) == (80, "per_order")
    assert [share.points for share in earning.breakdown] == [30, 50]
