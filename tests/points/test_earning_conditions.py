"""When rules apply: conditions, local time, exclusive groups."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from earning_builders import by_line, cart, earn, line, member, rate, rule

pytestmark = pytest.mark.usefixtures("no_database")


def applies(conditions, basket=None, who=None):
    """Whether a rule of these conditions gives its 7 points."""
    bonus = rule(1, "per_order", points=7, conditions=conditions)
    points = earn(basket or cart(1000), bonus, who=who).points
    assert points in (0, 7)
    return points == 7


@pytest.mark.parametrize(
    ("conditions", "given", "expected"),
    [
        ({"stores": ["sh-1", "bj-1"]}, {"store": "bj-1"}, True),
        ({"stores": ["sh-1"]}, {"store": "bj-1"}, False),
        ({"stores": ["sh-1"]}, {}, False),
        ({"channels": ["web"]}, {"channel": "web"}, True),
        ({"channels": ["web"]}, {"channel": "pos"}, False),
        ({"stores": [], "channels": [], "weekdays": []}, {}, True),
    ],
)
def test_a_rule_can_be_for_some_stores_or_channels(conditions, given, expected):
    assert applies(conditions, cart(1000, **given)) is expected


@pytest.mark.parametrize(
    ("conditions", "facts", "expected"),
    [
        ({"tiers": ["gold", "silver"]}, {"tier": "silver"}, True),
        ({"tiers": ["gold"]}, {"tier": None}, False),
        ({"segments": ["champions"]}, {"segment": "champions"}, True),
        ({"segments": ["champions"]}, {"segment": "lost"}, False),
        ({"first_order": True}, {"first_order": True}, True),
        ({"first_order": True}, {"first_order": False}, False),
        ({"first_order": False}, {"first_order": True}, False),
        ({"first_order": None}, {"first_order": True}, True),
        ({"birthday_month": True}, {"birthday_month": 11}, True),
        ({"birthday_month": True}, {"birthday_month": 12}, False),
        ({"birthday_month": True}, {"birthday_month": None}, False),
        ({"birthday_month": False}, {"birthday_month": None}, True),
    ],
)
def test_a_rule_can_be_for_some_members(conditions, facts, expected):
    assert applies(conditions, who=member(**facts)) is expected


def test_the_birthday_month_is_the_members_own():
    at = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)  # 1 December in Shanghai
    who = member(birthday_month=12)
    assert applies({"birthday_month": True}, cart(1000, placed_at=at), who)


def test_within_a_condition_any_entry_will_do_and_all_conditions_must_hold():
    conditions = {"skus": ["tea", "cup"], "labels": ["new"]}
    basket = cart(line(1000, 1, labels=("new",)), line(1000, 2), line(1000, 3, sku="x"))
    assert by_line(earn(basket, rate(conditions=conditions))) == {1: 10}


def test_the_minimum_is_what_the_whole_order_must_reach():
    conditions = {"min_basis": 3000, "skus": ["cup"]}
    assert applies(conditions, cart(line(2000), line(1000, 2, sku="cup")))
    assert not applies(conditions, cart(line(1999), line(1000, 2, sku="cup")))


def test_what_is_paid_with_points_does_not_count_towards_the_minimum():
    assert applies({"min_basis": 3000}, cart(1700, 1700, points_tender=400))
    assert not applies({"min_basis": 3000}, cart(1700, 1700, points_tender=401))


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-22T10:00:00Z", True),  # 18:00 in Shanghai, inclusive
        ("2026-11-22T09:59:59.999999Z", False),
        ("2026-11-22T13:59:59.999999Z", True),
        ("2026-11-22T14:00:00Z", False),  # 22:00, exclusive
    ],
)
def test_a_window_goes_by_the_members_clock_from_inclusive_to_exclusive(at, expected):
    window = {"local_time": {"from": "18:00", "to": "22:00"}}
    assert applies(window, cart(1000, placed_at=datetime.fromisoformat(at))) is expected


@pytest.mark.parametrize(
    ("at", "friday", "saturday"),
    [
        ("2026-11-27T13:59:59Z", False, False),  # Friday 21:59:59
        ("2026-11-27T14:00:00Z", True, False),  # Friday 22:00
        ("2026-11-27T17:59:59Z", True, False),  # Saturday 01:59:59 is still Friday night
        ("2026-11-27T18:00:00Z", False, False),  # Saturday 02:00
        ("2026-11-28T15:00:00Z", False, True),  # Saturday 23:00
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_it_began_on(at, friday, saturday):
    window = {"local_time": {"from": "22:00", "to": "02:00"}}
    basket = cart(1000, placed_at=datetime.fromisoformat(at))
    assert applies(window | {"weekdays": [5]}, basket) is friday
    assert applies(window | {"weekdays": [6]}, basket) is saturday
    assert applies(window, basket) is (friday or saturday)


def test_weekdays_are_the_members_own():
    sunday_evening_utc = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
    basket = cart(1000, placed_at=sunday_evening_utc)
    assert applies({"weekdays": [1]}, basket)
    assert applies({"weekdays": [7]}, basket, member(zone=ZoneInfo("Europe/Paris")))


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-10-25T00:29:59Z", False),  # 02:29:59 summer time
        ("2026-10-25T00:30:00Z", True),  # 02:30, the first time
        ("2026-10-25T01:00:00Z", False),  # 02:00 again
        ("2026-10-25T01:30:00Z", True),  # 02:30, the second time
        ("2026-10-25T02:00:00Z", False),  # 03:00
        ("2026-03-29T00:59:59Z", False),  # 01:59:59; the clock then shows 03:00
        ("2026-03-29T01:00:00Z", False),
    ],
)
def test_an_hour_that_comes_twice_counts_twice_and_one_that_is_skipped_never(at, expected):
    window = {"local_time": {"from": "02:30", "to": "03:00"}}
    basket = cart(1000, placed_at=datetime.fromisoformat(at))
    assert applies(window, basket, member(zone=ZoneInfo("Europe/Paris"))) is expected


def test_of_an_exclusive_group_the_highest_priority_that_matches_applies():
    for_gold = {"conditions": {"tiers": ["gold"]}}
    rules = (
        rate(),
        rule(2, "multiplier", factor="2", priority=1, exclusive_group="day"),
        rule(3, "multiplier", factor="3", priority=5, exclusive_group="day"),
        rule(4, "multiplier", factor="9", priority=9, exclusive_group="day", **for_gold),
        rule(5, "multiplier", factor="5"),
    )
    assert earn(cart(1000), *rules).points == 10 * 3 * 5
    assert earn(cart(1000), *rules, who=member(tier="gold")).points == 10 * 9 * 5


def test_of_equal_priorities_the_lowest_id_applies():
    group = {"exclusive_group": "g", "priority": 3}
    rules = rule(9, "per_order", points=9, **group), rule(8, "per_order", points=8, **group)
    assert earn(cart(1000), *rules).points == 8


def test_an_exclusive_rule_for_some_goods_leaves_the_other_goods_to_the_next():
    rules = (
        rate(1, points=5, priority=1, exclusive_group="base", conditions={"skus": ["cup"]}),
        rate(2, exclusive_group="base"),
    )
    basket = cart(line(1000), line(1000, 2, sku="cup"))
    assert by_line(earn(basket, *rules)) == {1: 10, 2: 50}


def test_an_order_bonus_stands_alone_in_its_exclusive_group():
    some = {"conditions": {"skus": ["cup"]}, "priority": 1}
    rules = (
        rule(1, "per_order", points=50, exclusive_group="b", **some),
        rule(2, "per_order", points=20, exclusive_group="b"),
    )
    assert earn(cart(line(1000), line(1000, 2, sku="cup")), *rules).points == 50
    assert earn(cart(line(1000)), *rules).points == 20
