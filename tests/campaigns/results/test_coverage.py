"""Intervals hold the true effect as often as they say: a thousand campaigns of each kind.

Spend is as people spend: most buy nothing, a few a great deal. Shops buy at the rates of CDNOW's
customers (few), of a grocer's (many), of a jeweller's (hardly any, with amounts all over); holdouts
have 200 to 20,000 members. A campaign that has too little to say something says nothing, and is
not counted; none is chosen by what chance did to it.
"""

from dataclasses import replace

import numpy as np
import pytest
from shops import CDNOW, GROCER, JEWELLER, campaigns, shop

from crm.campaigns.results import comparisons, effects
from crm.campaigns.results.standing import FEWEST_BUYERS, Window, lacking

pytestmark = pytest.mark.usefixtures("no_database")

COUNT = 1000
OVER = Window(gone=20, left=0)
SHOPS = {
    "cdnow": {"seed": 11, **CDNOW},
    "grocer": {"seed": 12, **GROCER},
    "jeweller": {"seed": 13, **JEWELLER},
}
# A shop, its holdout, the members of its arms, what the campaign does to how often they buy.
KINDS = [
    ("grocer", 200, (1800,), 0.1),
    ("grocer", 200, (1800,), -0.1),
    ("grocer", 1000, (9000,), 0.25),
    ("grocer", 5000, (45_000,), 0.1),
    ("grocer", 1000, (1000,), 0.1),
    ("grocer", 600, (2700, 2700), 0.1),
    ("cdnow", 500, (4500,), 0.25),
    ("cdnow", 1000, (9000,), 0.1),
    ("cdnow", 5000, (15_000, 15_000, 15_000), 0.1),
    ("cdnow", 20_000, (180_000,), 0.1),
    ("jeweller", 1000, (9000,), 0.1),
    ("jeweller", 20_000, (180_000,), 0.25),
]


@pytest.mark.parametrize(("kind", "holdout", "arms", "lift"), KINDS)
def test_95_of_100_intervals_hold_the_true_effect(kind, holdout, arms, lift):
    of = shop(**SHOPS[kind], lift=lift, cost=40.0)
    assert lacking(OVER, holdout, min(arms), of.buyers) is None, "too little to be told at all"
    count = COUNT if holdout > 200 else 4 * COUNT
    without, treated = campaigns(of, holdout, arms, count, seed=holdout + len(arms))
    for moments, effect in ((without, 0.0), (treated, of.effect)):
        groups = effects.adjusted(moments)
        for arm, found in enumerate(each(effects.over_holdout(groups)), 1):
            assert 0.93 <= covered(found, effect) <= 0.97, f"arm {arm}"
            assert abs(bias(found, effect)) < 0.15, f"arm {arm}"
        total = effects.in_total(moments, groups)
        assert 0.93 <= covered(total, effect * sum(arms)) <= 0.97
        if not effect:
            assert np.mean(total.p <= 0.05) <= 0.06


def each(found: effects.Effect) -> list[effects.Effect]:
    return [
        effects.Effect(*parts)
        for parts in zip(found.estimate, found.error, found.freedom, strict=True)
    ]


def covered(effect: effects.Effect, truth: float) -> float:
    return float(np.mean((effect.low <= truth) & (truth <= effect.high)))


def bias(effect: effects.Effect, truth: float) -> float:
    """How far off the estimates are on average, in standard errors."""
    return float((np.mean(effect.estimate) - truth) / np.mean(effect.error))


def test_a_shop_where_too_few_buy_is_told_nothing():
    of = shop(**SHOPS["cdnow"])
    assert 200 * of.buyers < FEWEST_BUYERS
    assert lacking(OVER, 200, 1800, of.buyers) is not None


def test_a_false_winner_is_named_in_at_most_5_of_100_campaigns():
    """Four arms that do the same: six comparisons, one error rate."""
    of = shop(**SHOPS["grocer"])
    moments, _ = campaigns(of, 1000, (2250,) * 4, COUNT, seed=5)
    groups = effects.adjusted(moments)
    ps = np.stack([
        effects.between(groups, first, second).p
        for first in range(1, 5) for second in range(first + 1, 5)
    ])  # fmt: skip
    adjusted = np.array([comparisons.holm(column) for column in ps.T])
    assert np.mean(adjusted.min(axis=1) <= comparisons.ALPHA) <= 0.06
    assert np.mean(ps.min(axis=0) <= comparisons.ALPHA) > 0.15, "what Holm is there against"


def test_earlier_spend_makes_intervals_narrower():
    of = shop(**SHOPS["grocer"])
    moments, _ = campaigns(of, 1000, (9000,), 200, seed=6)
    blind = replace(moments, xx=moments.xx * 0, xy=moments.xy * 0)
    knowing = effects.over_holdout(effects.adjusted(moments)).reach.mean()
    assert knowing < 0.9 * effects.over_holdout(effects.adjusted(blind)).reach.mean()
