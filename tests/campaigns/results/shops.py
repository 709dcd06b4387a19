"""Shops whose members buy as people do: many not at all, a few a great deal.

A shop is a few thousand kinds of member (spend before, spend in the window, both in minor units). A
campaign draws its arms and its holdout from them, so that a thousand campaigns are a thousand rows
of counts and their sums a product of matrices.
"""

from dataclasses import dataclass

import numpy as np

from crm.campaigns.results.moments import Floats, Moments

KINDS = 2000


@dataclass(frozen=True)
class Shop:
    """Spend before, and in the window without and with a campaign; one of each per kind."""

    before: Floats
    without: Floats
    treated: Floats
    cost: float = 0.0

    @property
    def effect(self) -> float:
        """The true effect per member."""
        return float((self.treated - self.without).mean())

    @property
    def buyers(self) -> float:
        """The share of members who buy in the window without a campaign."""
        return float((self.without > 0).mean())


def shop(
    *, seed: int, rate: float, shape: float, before: float, window: float, sigma: float,
    lift: float = 0.0, cost: float = 0.0,
) -> Shop:  # fmt: skip
    """Purchases by a gamma mixture of Poisson rates (`rate` a week on average, as in the NBD of
    Ehrenberg 1959), amounts lognormal around a level of the member's own.

    `lift`: the share by which a campaign makes members buy more often; below zero, the share of
    buyers that it drives away. `cost`: what a campaign costs per member.
    """
    dice = np.random.default_rng(seed)
    weekly = dice.gamma(shape, rate / shape, KINDS)
    level = dice.lognormal(np.log(3000), 0.5, KINDS)

    def spent(weeks: float, factor: float = 1.0) -> Floats:
        bought = dice.poisson(weekly * weeks * factor)
        most = int(bought.max(initial=1))
        amounts = dice.lognormal(0, sigma, (KINDS, most)) * (np.arange(most) < bought[:, None])
        return np.round(amounts.sum(axis=1) * level)

    earlier, without = spent(before), spent(window)
    if lift < 0:
        return Shop(earlier, without, np.where(dice.random(KINDS) < -lift, 0, without) - cost, cost)
    more = spent(window, lift) if lift else 0.0
    return Shop(earlier, without, without + more - cost, cost)


# Weekly rates and shape of CDNOW as published (r = .243, alpha = 4.414: Fader, Hardie and Lee,
# "Counting your customers the easy way", Marketing Science 24, 2005).
CDNOW = {"rate": 0.243 / 4.414, "shape": 0.243, "before": 39, "window": 2, "sigma": 0.9}
GROCER = {"rate": 0.5, "shape": 1.2, "before": 13, "window": 2, "sigma": 0.7}
JEWELLER = {"rate": 0.01, "shape": 0.5, "before": 52, "window": 4, "sigma": 1.3}


def campaigns(
    of: Shop, holdout: int, arms: tuple[int, ...], count: int, *, seed: int
) -> tuple[Moments, Moments]:
    """`count` campaigns side by side, without and with their effect: groups on the first axis,
    campaigns on the second. Who is in which group is the same in both."""
    dice = np.random.default_rng(seed)
    pairs = np.stack([of.before, of.without, of.treated], axis=1)
    kinds, many = np.unique(pairs, axis=0, return_counts=True)
    groups = []
    for place, size in enumerate((holdout, *arms)):
        counts = dice.multinomial(size, many / KINDS, size=count).astype(float)
        members = np.full(count, float(size))
        groups.append([
            (members, *(counts @ sums(kinds[:, 0], kinds[:, after if place else 1], paid)).T)
            for after, paid in ((1, 0.0), (2, of.cost if place else 0.0))
        ])  # fmt: skip
    without, treated = zip(*groups, strict=True)
    return _moments(without), _moments(treated)


def sums(x: Floats, y: Floats, cost: float) -> Floats:
    """What each kind adds to the sums; who has anything but the campaign's cost has bought."""
    return np.stack([y + cost != 0, x, y, x * x, x * y, y * y], axis=1)


def _moments(groups: tuple[tuple[Floats, ...], ...]) -> Moments:
    return Moments.of_sums(*(np.stack(column) for column in zip(*groups, strict=True)))
