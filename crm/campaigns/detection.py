"""What a campaign will be able to tell of shares: the smallest rise that does not look like chance.

    detectable = (z(1 - alpha / 2) + z(power)) * sqrt(p (1 - p) (1 / treated + 1 / holdout))

Source: Cohen, Statistical Power Analysis for the Behavioral Sciences (1988), two means; here of
members who buy or do not, and of what a member spends.
"""

from math import sqrt
from statistics import NormalDist

from crm.campaigns.results import power

ALPHA, POWER = 0.05, 0.8
REACH = NormalDist().inv_cdf(1 - ALPHA / 2) + NormalDist().inv_cdf(POWER)


def share(treated: int, holdout: int, base: float) -> float | None:
    """The share of treated members who must buy, where `base` do so anyway, to tell it from chance
    (95 % confidence, 80 % power). None: nothing can be told, or only more than all of them."""
    assert 0 <= base <= 1, base
    if not treated or not holdout or not base:
        return None
    found = base + REACH * sqrt(base * (1 - base) * (1 / treated + 1 / holdout))
    return found if found <= 1 else None


def profit(treated: int, holdout: int, variance: float) -> float | None:
    """The true difference per member that is found four times out of five; None: nothing can be
    told. `variance` of a member's profit in as many days, before anything is adjusted: the result
    itself, which knows what members spent before, is rather sharper."""
    if not treated or not holdout or not variance:
        return None
    return power.detectable(treated, holdout, variance, power=POWER, alpha=ALPHA)
