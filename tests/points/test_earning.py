"""What orders earn, example by example."""

import json
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import pytest
from earning_builders import by_line, cart, earn, line, member, programme, rate, rule

from crm.points.earning import evaluate

pytestmark = pytest.mark.usefixtures("no_database")


def test_a_point_for_each_whole_unit_of_money_is_earned_by_default():
    earning = earn(cart(12_345))
    assert (earning.points, earning.desired, earning.basis) == (123, 123, 12_345)
    assert earning.exact == Fraction(12_345, 100)
    assert earning.capped_by is None


def test_lines_are_added_before_the_one_rounding():
    assert earn(cart(99, 99, 99)).points == 2  # not 0 + 0 + 0


@pytest.mark.parametrize(("how", "points"), [("floor", 2), ("half_up", 3), ("ceil", 3)])
def test_the_rounding_is_a_setting(how, points):
    assert earn(cart(250), rounding=how).points == points


@pytest.mark.parametrize(("net", "points"), [(249, 2), (250, 3), (251, 3)])
def test_half_a_point_is_rounded_up_if_the_programme_says_half_up(net, points):
    assert earn(cart(net), rounding="half_up").points == points


def test_several_rates_are_summed():
    assert earn(cart(10_000), rate(1), rate(2, points=3, per_amount=1000)).points == 130


def test_the_multipliers_that_match_are_multiplied_with_each_other():
    rules = rate(), rule(2, "multiplier", factor="1.5"), rule(3, "multiplier", factor="2")
    assert earn(cart(10_000), *rules, who=member(multiplier=Fraction(6, 5))).points == 360


def test_the_multiplier_of_the_tier_is_one_of_them_and_is_shown_by_the_tiers_code():
    earning = earn(cart(10_000), who=member(tier="gold", multiplier=Decimal("1.5")))
    base, tier = earning.breakdown
    assert (base.points, tier.points) == (100, 50)
    assert (tier.kind, tier.name, tier.rule_id, tier.factor) == ("tier", "gold", None, (3, 2))


def test_bonuses_are_not_multiplied():
    rules = rate(), rule(2, "per_order", points=50), rule(3, "multiplier", factor="2")
    assert earn(cart(10_000), *rules).points == 250


def test_a_unit_bonus_counts_pieces():
    rules = rate(), rule(2, "per_unit", points=5, conditions={"skus": ["tea"]})
    basket = cart(line(1000, 1, quantity=3), line(1000, 2, sku="cup", quantity=7))
    assert earn(basket, *rules).points == 20 + 15


def test_an_order_bonus_is_attributed_to_lines_by_their_basis():
    earning = earn(cart(1000, 2000), rule(1, "per_order", points=10))
    assert by_line(earning) == {1: Fraction(10, 3), 2: Fraction(20, 3)}
    assert earning.points == 10


def test_an_order_bonus_for_some_goods_is_attributed_to_those():
    bonus = rule(1, "per_order", points=10, conditions={"skus": ["cup"]})
    assert by_line(earn(cart(line(1000), line(500, 2, sku="cup")), bonus)) == {2: 10}


def test_a_multiplier_for_some_goods_applies_to_their_lines_only():
    double = rule(2, "multiplier", factor="2", conditions={"categories": ["green"]})
    earning = earn(cart(line(1000, 1, category="green"), line(1000, 2)), rate(), double)
    assert by_line(earning) == {1: 20, 2: 10}


def test_a_multiplier_below_one_takes_its_part_away_and_shows_it():
    earning = earn(cart(10_000), rate(), rule(2, "multiplier", factor="0.5"))
    assert earning.points == 50
    assert [share.points for share in earning.breakdown] == [100, -50]


def test_shipping_earns_only_if_the_programme_says_so():
    basket = cart(10_000, shipping=1000)
    assert earn(basket).points == 100
    assert earn(basket, basis={"include_shipping": True}).points == 110


def test_tax_is_left_out_if_the_programme_says_so():
    basket = cart(11_300, tax=1300)
    assert earn(basket).points == 113
    assert earn(basket, basis={"include_tax": False}).points == 100


def test_what_is_paid_with_points_earns_nothing_and_is_spread_over_all_lines():
    earning = earn(cart(3000, 1000, points_tender=2000))
    assert by_line(earning) == {1: 15, 2: 5}
    assert earning.basis == 2000
    assert earn(cart(3000, points_tender=2000), basis={"points_tender_earns": True}).points == 30


def test_excluded_goods_earn_nothing_and_carry_their_part_of_the_points_tender():
    excluded = {"excluded": {"skus": ["card"], "categories": ["gift"], "labels": ["sale"]}}
    basket = cart(
        line(1000, 1),
        line(1000, 2, sku="card"),
        line(1000, 3, category="gift"),
        line(1000, 4, labels=("new", "sale")),
        points_tender=400,
    )
    assert by_line(earn(basket, basis=excluded)) == {1: 9}


@pytest.mark.parametrize(
    "basket",
    [
        cart(),
        cart(0),
        cart(0, 0, shipping=500),
        cart(1000, points_tender=1000),
        cart(1000, points_tender=9999),
        cart(line(1000, sku="card")),
    ],
)
def test_no_basis_earns_nothing_whatever_the_rules(basket):
    rules = rate(), rule(2, "per_order", points=50), rule(3, "per_unit", points=5)
    settings = {"include_shipping": True, "excluded": {"skus": ["card"]}}
    earning = earn(basket, *rules, who=member(multiplier=2), rounding="ceil", basis=settings)
    assert (earning.points, earning.desired, earning.basis, earning.breakdown) == (0, 0, 0, ())


def test_a_free_line_earns_no_bonus():
    basket = cart(line(1000), line(0, 2, quantity=4))
    assert by_line(earn(basket, rule(1, "per_unit", points=5))) == {1: 5}


def test_rules_for_activities_give_nothing_for_orders():
    assert earn(cart(1000), rule(1, "activity", activity="review", points=30)).points == 0


def test_no_order_earns_more_than_an_entry_can_hold():
    earning = earn(cart(10**12), rate(points=10**9, per_amount=1))
    assert (earning.points, earning.capped_by) == (10**9, "points_limit")


def test_the_document_says_why_and_is_exact():
    rules = rate(points=1, per_amount=300), rule(2, "multiplier", factor="1.25")
    earning = earn(cart(1000, 500), *rules)
    document = json.loads(json.dumps(earning.document()))
    assert document["exact"] == "25/4"
    assert document["points"] == 6
    base, more = document["breakdown"]
    assert base == {
        "rule_id": str(UUID(int=1)),
        "version": 1,
        "name": "rate 1",
        "kind": "rate",
        "points": "5",
        "lines": {"1": "10/3", "2": "5/3"},
    }
    assert (more["factor"], more["points"], more["lines"]["1"]) == ("1.25", "1.25", "5/6")


def test_points_are_shown_with_six_digits_at_most():
    (share,) = earn(cart(200), rate(points=1, per_amount=300)).document()["breakdown"]
    assert share["points"] == "0.666667"
    assert share["lines"] == {"1": "2/3"}


def test_the_version_of_the_programme_is_kept_with_the_earning():
    earning = evaluate(programme(), (rate(),), cart(1000), member())
    assert earning.document()["programme"] == 1
