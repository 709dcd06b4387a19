"""BG/NBD and MBG/NBD: customers buy at a rate of their own until they drop out unseen.

Sources: P. Fader, B. Hardie, K. L. Lee, "Counting Your Customers the Easy Way" (Marketing Science
24, 2005) for BG/NBD; E. Batislam, M. Denizel, A. Filiztekin, "Empirical validation and comparison
of models for customer base analysis" (IJRM 24, 2007) for MBG/NBD, in which a customer may drop out
right after his first purchase too. Fitted by maximum likelihood on the logarithms of the
parameters; likelihoods are sums of logarithms, so that no long history overflows.

x: purchase days after the first; t_x, t: time from the first to the last of them, and to now, in
any one unit of time.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import digamma, gammaln, hyp2f1

LEAST, MOST = -9.0, 9.0  # bounds of the logarithms: beyond them the data say nothing
BOUNDS = [(LEAST, MOST)] * 4
STARTS = ((0.5, 0.5, 0.5, 2.0), (1.0, 1.0, 1.0, 1.0), (0.2, 0.1, 1.5, 5.0))
PRECISE = {"ftol": 1e-14, "gtol": 1e-9, "maxiter": 500, "maxcor": 20}


class NotFitted(Exception):
    """The likelihood has no maximum that the data could tell from others."""


@dataclass(frozen=True)
class Counts:
    """Members with equal (x, t_x, t) once, and how many they are."""

    x: np.ndarray
    t_x: np.ndarray
    t: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, t_x: np.ndarray, t: np.ndarray) -> "Counts":
        """From one entry per member."""
        rows, weight = np.unique(np.column_stack([x, t_x, t]), axis=0, return_counts=True)
        return cls(*rows.T.astype(np.float64), weight=weight.astype(np.float64))


@dataclass(frozen=True)
class Parameters:
    """Rates are gamma (shape r, rate alpha); chances to drop out are beta (a, b).

    `modified`: MBG/NBD. Time is in the unit of the data that it was fitted to.
    """

    r: float
    alpha: float
    a: float
    b: float
    modified: bool

    @property
    def flips(self) -> float:
        """How much more often than x a customer may have dropped out: 1 for MBG, 0 for BG."""
        return 1.0 if self.modified else 0.0


def log_likelihood(model: Parameters, counts: Counts) -> float:
    """The sum over all members."""
    return _likelihood(model, counts)[0]


def _likelihood(model: Parameters, counts: Counts) -> tuple[float, np.ndarray]:
    """Its logarithm, and the slope in the logarithms of r, alpha, a, b."""
    x, t_x, t = counts.x, counts.t_x, counts.t
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    stays = x + model.flips  # how often he could have left
    could = np.where(stays > 0, b + stays - 1, 1.0)
    log_t, log_t_x = np.log(alpha + t), np.log(alpha + t_x)
    rates = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    # The logarithm of B(a, b + stays) / B(a, b).
    stayed = gammaln(a + b) + gammaln(b + stays) - gammaln(b) - gammaln(a + b + stays)
    here = -(r + x) * log_t
    left = np.log(a / could) - (r + x) * log_t_x
    left = np.where(stays > 0, left, -np.inf)  # by BG/NBD nobody leaves before he came back
    either = np.logaddexp(here, left)
    gone = np.exp(left - either)
    pole = digamma(a + b) - digamma(a + b + stays)
    slopes = (
        digamma(r + x) - digamma(r) + np.log(alpha) - (1 - gone) * log_t - gone * log_t_x,
        r / alpha - (r + x) * ((1 - gone) / (alpha + t) + gone / (alpha + t_x)),
        pole + gone / a,
        pole + digamma(b + stays) - digamma(b) - gone / could,
    )
    steps = [
        value * float(counts.weight @ slope)
        for value, slope in zip((r, alpha, a, b), slopes, strict=True)
    ]
    return float(counts.weight @ (rates + stayed + either)), np.array(steps)


def fit(counts: Counts, *, modified: bool = True) -> Parameters:
    """The parameters of the greatest likelihood. Raises `NotFitted`.

    Deterministic: from fixed starts, scaled by the mean time that customers were observed.
    """
    total = counts.weight.sum()
    if not total or not (counts.weight @ counts.x):
        raise NotFitted("nobody came back")
    scale = float(counts.weight @ counts.t / total) or 1.0

    def cost(logs: np.ndarray) -> tuple[float, np.ndarray]:
        r, alpha, a, b = np.exp(logs)
        found, slope = _likelihood(Parameters(r, alpha * scale, a, b, modified), counts)
        return -found / total, -slope / total

    tries = [
        minimize(cost, np.log(start), jac=True, method="L-BFGS-B", bounds=BOUNDS, options=PRECISE)
        for start in STARTS
    ]
    best = min(tries, key=lambda found: found.fun)
    if not np.isfinite(best.fun) or np.any((best.x[:2] <= LEAST) | (best.x[:2] >= MOST)):
        raise NotFitted("the data do not tell how often customers buy")
    r, alpha, a, b = np.exp(best.x).tolist()
    return Parameters(r, alpha * scale, a, b, modified)


def expected_purchases(
    model: Parameters, x: np.ndarray, t_x: np.ndarray, t: np.ndarray, ahead: float
) -> np.ndarray:
    """The expected number of purchase days within `ahead`, per member."""
    r, alpha, b = model.r, model.alpha, model.b
    a = model.a if abs(model.a - 1) > 1e-6 else 1 + 1e-6  # a removable singularity
    stays = x + model.flips
    behind = (alpha + t) / (alpha + t + ahead)
    series = hyp2f1(r + x, b + stays, a + b + stays - 1, ahead / (alpha + t + ahead))
    if_here = (a + b + stays - 1) / (a - 1) * (1 - behind ** (r + x) * series)
    return if_here * _still_here(model, x, t_x, t)


def _still_here(model: Parameters, x: np.ndarray, t_x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The chance that a customer has not dropped out: part of a formula, never shown to people.

    By BG/NBD it is 1 for everybody who bought once, however long ago.
    """
    stays = x + model.flips
    could = np.where(stays > 0, model.b + stays - 1, 1.0)
    silent = np.log(model.alpha + t) - np.log(model.alpha + t_x)
    odds = np.log(model.a / could) + (model.r + x) * silent
    return np.where(stays > 0, 0.5 * (1 - np.tanh(odds / 2)), 1.0)
