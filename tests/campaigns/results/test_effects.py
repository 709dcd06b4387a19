"""The arithmetic of effects, against formulas worked out another way."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from crm.campaigns.results import comparisons, effects, power
from crm.campaigns.results.moments import Moments

pytestmark = pytest.mark.usefixtures("no_database")

amounts = st.floats(-1e7, 1e7, allow_nan=False).map(round)
members = st.lists(st.tuples(amounts, amounts), min_size=2, max_size=40)


def of(*groups: Sequence[tuple[float, float]]) -> Moments:
    """The moments of groups of (x, y), by plain sums as the database gives them."""
    rows = []
    for group in groups:
        x, y = np.array(group, float).T
        squares = ((x * x).sum(), (x * y).sum(), (y * y).sum())
        rows.append((len(group), (y != 0).sum(), x.sum(), y.sum(), *squares))
    return Moments.of_sums(*np.array(rows, float).T)


def dice(size: int, mean: float, seed: int) -> list[tuple[float, float]]:
    made = np.random.default_rng(seed)
    x = made.gamma(1, 5000, size)
    return list(zip(x, mean + 0.3 * x + made.normal(0, 900, size), strict=True))


def test_the_slope_is_that_of_a_regression_with_one_constant_per_group():
    groups = [dice(50, 100, 1), dice(70, 900, 2), dice(60, 400, 3)]
    found = effects.adjusted(of(*groups))
    x = np.concatenate([[one[0] for one in group] for group in groups])
    y = np.concatenate([[one[1] for one in group] for group in groups])
    which = np.repeat(range(3), [len(group) for group in groups])
    design = np.column_stack([which == 0, which == 1, which == 2, x])
    constants = np.linalg.lstsq(design.astype(float), y, rcond=None)[0]
    assert float(found.slope) == pytest.approx(constants[3])
    effect = effects.over_holdout(found).estimate
    assert effect == pytest.approx([constants[1] - constants[0], constants[2] - constants[0]])


def two(small: int, large: int) -> tuple[np.ndarray, np.ndarray]:
    made = np.random.default_rng(7)
    return made.normal(0, 20, small), made.normal(1, 80, large)


def without_past(*groups: np.ndarray) -> effects.Effect:
    return effects.over_holdout(effects.adjusted(of(*([(0, y) for y in one] for one in groups))))


def test_groups_of_many_buyers_without_a_past_are_compared_as_by_welch():
    holdout, arm = two(200_000, 200_000)
    theirs: Any = stats.ttest_ind(arm, holdout, equal_var=False)
    ours = without_past(holdout, arm)
    low, high = theirs.confidence_interval()
    assert (float(ours.low[0]), float(ours.high[0])) == pytest.approx((low, high), rel=5e-3)
    assert float(ours.p[0]) == pytest.approx(theirs.pvalue, rel=2e-2)


def test_a_group_of_few_buyers_borrows_how_much_they_vary():
    """… from the others: it can't know by itself that it happens to hold no large buyer."""
    holdout, arm = two(40, 400)
    theirs: Any = stats.ttest_ind(arm, holdout, equal_var=False)
    ours = without_past(holdout, arm)
    low, high = theirs.confidence_interval()
    assert float(ours.high[0] - ours.low[0]) > 1.5 * (high - low)


def test_chance_differences_in_earlier_spend_are_taken_out():
    """Two groups that do the same at equal earlier spend; one happens to hold the big spenders."""
    holdout = [(x, 0.5 * x + (x % 7)) for x in range(0, 1000, 2)]
    arm = [(x, 0.5 * x + (x % 7)) for x in range(500, 1500, 2)]
    effect = effects.over_holdout(effects.adjusted(of(holdout, arm)))
    assert abs(float(effect.estimate[0])) < 1
    assert float(effect.low[0]) < 0 < float(effect.high[0])


def test_what_arms_brought_adds_up_to_the_total():
    moments = of(dice(300, 0, 1), dice(500, 50, 2), dice(900, 80, 3))
    found = effects.adjusted(moments)
    each = effects.over_holdout(found)
    whole = effects.in_total(moments, found)
    assert float(whole.estimate) == pytest.approx(float((each.estimate * [500, 900]).sum()))
    # The arms share one holdout, so the total is less certain than independent parts would be.
    apart = np.sqrt(((each.error * [500, 900]) ** 2).sum())
    assert float(whole.error) > apart


def test_a_cost_that_all_of_an_arm_have_moves_its_effect_by_just_that():
    moments = of(dice(300, 0, 1), dice(500, 50, 2))
    plain = effects.over_holdout(effects.adjusted(moments))
    dearer = effects.over_holdout(effects.adjusted(moments.less([0, 8])))
    assert float(plain.estimate[0] - dearer.estimate[0]) == pytest.approx(8)
    assert float(plain.error[0]) == pytest.approx(float(dearer.error[0]))


@settings(max_examples=200, deadline=None)
@given(st.lists(members, min_size=2, max_size=5))
def test_any_figures_give_finite_answers_that_hold_the_estimate(groups):
    moments = of(*groups)
    found = effects.adjusted(moments)
    for one in (effects.over_holdout(found), effects.in_total(moments, found)):
        assert np.isfinite(one.estimate).all()
        assert (one.low <= one.estimate).all()
        assert (one.estimate <= one.high).all()
        assert ((one.p >= 0) & (one.p <= 1)).all()
    for pair in comparisons.pairs(found):
        assert 0 <= pair.p <= 1


@settings(max_examples=100, deadline=None)
@given(members, members, st.integers(-10_000, 10_000))
def test_the_effect_follows_what_everybody_in_an_arm_gets_more(holdout, arm, more):
    before = effects.over_holdout(effects.adjusted(of(holdout, arm)))
    raised = [(x, y + more) for x, y in arm]
    after = effects.over_holdout(effects.adjusted(of(holdout, raised)))
    assert float(after.estimate[0] - before.estimate[0]) == pytest.approx(more, abs=1)


def test_groups_in_which_nothing_varies_are_certain():
    same = effects.over_holdout(effects.adjusted(of([(1, 5)] * 9, [(1, 5)] * 9)))
    other = effects.over_holdout(effects.adjusted(of([(1, 5)] * 9, [(1, 7)] * 9)))
    assert (float(same.p[0]), float(other.p[0])) == (1, 0)
    assert float(other.low[0]) == float(other.high[0]) == 2


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_holm_never_lowers_a_p_and_keeps_their_order(ps):
    adjusted = comparisons.holm(ps)
    assert all(a >= p for a, p in zip(adjusted, ps, strict=True))
    assert adjusted[int(np.argmin(ps))] == pytest.approx(min(1, min(ps) * len(ps)))
    order = np.argsort(ps, kind="stable")
    assert list(np.array(adjusted)[order]) == sorted(adjusted)


def test_holm_as_in_a_textbook():
    assert comparisons.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_an_arm_wins_that_beats_every_other():
    groups = effects.adjusted(of(dice(400, 0, 1), dice(4000, 0, 2), dice(4000, 200, 3),
                                 dice(4000, 10, 4)))  # fmt: skip
    compared = comparisons.pairs(groups)
    assert [(one.first, one.second) for one in compared] == [(1, 2), (1, 3), (2, 3)]
    assert comparisons.winner(compared, 3) == 2


def test_without_a_difference_nobody_wins():
    groups = effects.adjusted(of(dice(400, 0, 1), dice(400, 0, 2), dice(400, 10, 3)))
    assert comparisons.winner(comparisons.pairs(groups), 2) is None
    assert comparisons.winner([], 1) is None


def test_the_detectable_effect_is_found_as_often_as_it_says():
    """Ten thousand campaigns whose true effect is just the detectable one: 80 % find it."""
    variance, treated, holdout = 900.0, 900, 100
    smallest = power.detectable(treated, holdout, variance)
    made = np.random.default_rng(3)
    difference = made.normal(smallest, np.sqrt(variance * (1 / treated + 1 / holdout)), 10_000)
    found = np.abs(difference) / np.sqrt(variance * (1 / treated + 1 / holdout)) > 1.96
    assert found.mean() == pytest.approx(0.8, abs=0.02)
    assert power.detectable(treated * 4, holdout * 4, variance) == pytest.approx(smallest / 2)
    assert power.detectable(treated, 0, variance) == float("inf")


def test_what_earlier_spend_explains_need_not_be_told_from_chance():
    group = dice(2000, 0, 5)
    moments = of(group)
    assert power.unexplained(moments) == pytest.approx(900**2, rel=0.1)
    assert power.unexplained(moments) < float(moments.yy[0]) / 1999
