"""How long the points of an order last: each part as the rule says that gave it. Pure."""

import json
from fractions import Fraction

import pytest
from earning_builders import cart, earn, line, member, rate, rule
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.points import lasting
from crm.points.programme_settings import DEFAULTS, Expiry

pytestmark = pytest.mark.usefixtures("no_database")

USUAL = Expiry(**DEFAULTS["expiry"])
NEVER, SHORT, DAY = (
    {"policy": "never"},
    {"policy": "rolling_months", "months": 1},
    {"policy": "fixed_day", "month": 2, "day": 31},
)


def key(policy):
    return json.dumps(policy, sort_keys=True)


def lasts(earning):
    """The unrounded points by policy, as stored and read again."""
    stored = json.loads(json.dumps(earning.document()))
    return lasting.by_policy(stored["breakdown"], USUAL)


def test_without_policies_of_their_own_all_points_last_as_the_programme_says():
    found = earn(cart(10_000), rate(), rule(2, "multiplier", factor="2"))
    assert lasts(found) == {None: 200}
    assert not lasting.has_own(found.document()["breakdown"])


def test_each_rule_gives_points_that_last_as_it_says():
    found = earn(
        cart(10_000),
        rate(1, expiry=NEVER),
        rate(2, 2),
        rule(3, "per_order", points=50, expiry=SHORT),
        rule(4, "per_unit", points=7, expiry=SHORT),
    )
    assert lasts(found) == {key(NEVER): 100, None: 200, key(SHORT): 57}


def test_what_a_multiplier_adds_lasts_as_what_it_multiplies():
    found = earn(
        cart(10_000),
        rate(1, expiry=NEVER),
        rate(2, 3),
        rule(3, "multiplier", factor="1.5"),
        who=member(tier="gold", multiplier=2),
    )
    assert lasts(found) == {key(NEVER): 300, None: 900}


def test_a_multiplier_with_a_policy_of_its_own_gives_all_that_it_adds_by_it():
    rules = [
        rate(1, expiry=NEVER),
        rule(2, "multiplier", factor="2", priority=2, expiry=SHORT),
        rule(3, "multiplier", factor="3", priority=1),
    ]
    assert lasts(earn(cart(10_000), *rules)) == {key(NEVER): 300, key(SHORT): 300}


def test_a_multiplier_that_takes_points_away_takes_them_from_all_alike():
    rules = [
        rate(1, expiry=NEVER),
        rate(2),
        rule(3, "multiplier", factor="0.5", expiry=SHORT),
    ]
    assert lasts(earn(cart(10_000), *rules)) == {key(NEVER): 50, None: 50}


def test_the_programmes_own_policy_is_no_other_however_it_is_written():
    same = {"policy": "rolling_months", "months": 12, "month": 3, "day": 1}
    assert lasts(earn(cart(10_000), rate(1, expiry=same))) == {None: 100}


def test_lines_that_were_given_back_count_no_more():
    tea = rate(1, expiry=NEVER, conditions={"skus": ["tea"]})
    cup = rate(2, conditions={"skus": ["cup"]})
    found = earn(cart(line(10_000, 1), line(10_000, 2, sku="cup")), tea, cup).document()
    left = {1: Fraction(1, 4), 2: Fraction(0)}
    assert lasting.by_policy(found["breakdown"], USUAL, left) == {key(NEVER): 25}


def test_what_is_left_of_rounding_goes_to_the_largest_remainder_the_first_of_equals():
    weights = {None: Fraction(1, 3), "a": Fraction(2, 3), "b": Fraction(1, 3)}
    assert lasting.split(10, weights) == {None: 3, "a": 5, "b": 2}
    assert lasting.split(1, {None: 1, "a": 1}) == {None: 1}
    assert lasting.split(0, weights) == {}


def test_points_given_on_top_go_to_what_is_missing():
    assert lasting.missing(50, {None: 100, "a": 50}, {None: 100}) == {"a": 50}
    assert lasting.missing(40, {None: 60, "a": 50}, {None: 70}) == {"a": 40}


OWN = st.sampled_from((None, None, NEVER, SHORT, DAY))
RULE = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(("rate", "rate", "multiplier", "multiplier", "per_unit")),
        "points": st.integers(1, 50),
        "per_amount": st.sampled_from((1, 7, 300)),
        "factor": st.sampled_from(("0", "0.5", "1", "1.2", "1.333333", "3.75")),
        "priority": st.integers(0, 2),
        "expiry": OWN,
        "conditions": st.sampled_from(({}, {}, {"skus": ["tea"]}, {"skus": ["cup"]})),
    }
)
CAP = st.one_of(st.none(), st.fixed_dictionaries({"per_order": st.integers(0, 5000)}))
# Little enough that what an entry holds at most limits nothing.
LINES = st.lists(
    st.tuples(st.sampled_from(("tea", "cup")), st.integers(0, 10**4)), min_size=1, max_size=4
)
TIER = st.sampled_from((Fraction(1), Fraction(1, 2), Fraction(5, 4)))


def naive(rules, lines, tier):
    """Each point multiplied by itself: portions of (policy, points) on each line."""
    sums = {}
    chosen = sorted(rules, key=lambda one: (-one["priority"], one["number"]))
    rates = [one for one in chosen if one["kind"] == "rate"]
    for sku, net in lines:
        if not net:
            continue
        about = [one for one in chosen if one["conditions"].get("skus", [sku]) == [sku]]
        portions = [
            (one["expiry"], Fraction(net * one["points"], one["per_amount"]))
            for one in about
            if one in rates
        ]
        portions = [(own, part * tier) for own, part in portions]
        for one in about:
            factor = Fraction(one["factor"])
            if one["kind"] == "multiplier" and one["expiry"] and factor > 1:
                portions += [(one["expiry"], part * (factor - 1)) for _, part in portions]
            elif one["kind"] == "multiplier":
                portions = [(own, part * factor) for own, part in portions]
        portions += [(one["expiry"], one["points"]) for one in about if one["kind"] == "per_unit"]
        for own, part in portions:
            policy = key(own) if own else None
            sums[policy] = sums.get(policy, Fraction()) + part
    return {policy: part for policy, part in sums.items() if part}


def built(rules, caps=None):
    found = []
    for one, cap in zip(rules, caps or [None] * len(rules), strict=True):
        given = {name: value for name, value in one.items() if name not in ("kind", "number")}
        found.append(rule(one["number"], one["kind"], **given, **({"cap": cap} if cap else {})))
    return found


@settings(max_examples=150, deadline=None)
@given(st.lists(RULE, min_size=1, max_size=5), LINES, TIER)
def test_parts_agree_with_a_naive_reading(drawn, lines, tier):
    rules = [one | {"number": number} for number, one in enumerate(drawn, 1)]
    basket = cart(*(line(net, place, sku=sku) for place, (sku, net) in enumerate(lines, 1)))
    found = earn(basket, *built(rules), who=member(tier="x", multiplier=tier))
    assert lasts(found) == naive(rules, lines, tier)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(RULE, CAP), min_size=1, max_size=5),
    LINES,
    TIER,
    st.one_of(st.none(), st.integers(0, 3000)),
    st.sampled_from(("floor", "half_up", "ceil")),
)
def test_whatever_is_trimmed_and_rounded_the_parts_are_all_that_was_granted(
    drawn, lines, tier, limit, rounding
):
    rules = [one | {"number": number} for number, (one, _) in enumerate(drawn, 1)]
    basket = cart(*(line(net, place, sku=sku) for place, (sku, net) in enumerate(lines, 1)))
    found = earn(
        basket,
        *built(rules, [cap for _, cap in drawn]),
        who=member(tier="x", multiplier=tier),
        caps={"per_order": limit},
        rounding=rounding,
    )
    parts = lasts(found)
    assert sum(parts.values()) == found.exact
    assert all(part > 0 for part in parts.values())
    whole = lasting.split(found.points, parts)
    assert sum(whole.values()) == found.points
    for policy, part in parts.items():
        quota = found.points * part / found.exact
        assert abs(whole.get(policy, 0) - quota) < 1
