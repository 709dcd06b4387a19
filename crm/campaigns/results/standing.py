"""Whether enough is known to say anything, and what is said then.

Results are judged once, when the window of the last member is over. Somebody who looks every day
and stops at the first good one finds effects that are not there (Johari, Koomen, Pekelis, Walsh,
"Peeking at A/B tests", KDD 2017); so until then nothing is said but when.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # its words are said by processes that need no numpy
    from crm.campaigns.results.effects import Effect

FEWEST_BUYERS = 30  # expected in the smaller of two groups; see docs/measurement.md
FEWEST_MEMBERS = 100


class Status(StrEnum):
    """What can be said."""

    NOT_ENOUGH = "not_enough_data"
    GAIN = "gain"
    LOSS = "loss"
    NO_DIFFERENCE = "no_difference"  # none that can be told from chance


class Lack(StrEnum):
    """Why nothing can be said."""

    NOT_STARTED = "not_started"
    WINDOW_OPEN = "window_open"
    NO_HOLDOUT = "no_holdout"
    TOO_FEW_MEMBERS = "too_few_members"
    TOO_FEW_BUYERS = "too_few_buyers"


@dataclass(frozen=True, slots=True)
class Window:
    """How far the attribution window has come: days gone of the first member's, days left of the
    last one's (0: over). `began` None: no member's time has come."""

    gone: float | None
    left: float

    @property
    def is_over(self) -> bool:
        """Whether every member's window is over."""
        return self.gone is not None and self.left <= 0


@dataclass(frozen=True, slots=True)
class Standing:
    """`more_days`: about how many more are needed; None where waiting does not help. `times`: so
    many times as many members as the smaller group has would have been enough, where it is known.
    """

    status: Status
    lack: Lack | None = None
    more_days: int | None = None
    times: int | None = None


def lacking(window: Window, holdout: int, arm: int, share: float) -> Standing | None:
    """What is lacking for comparing two groups of so many members; None: nothing is.

    `share`: of all members of the campaign who have bought in their window so far. Taking the
    group's own buyers instead would choose the campaigns that chance was kind to.
    """
    if window.gone is None:
        return Standing(Status.NOT_ENOUGH, Lack.NOT_STARTED)
    if not holdout:
        return Standing(Status.NOT_ENOUGH, Lack.NO_HOLDOUT)
    smaller = min(holdout, arm)
    left = ceil(max(window.left, 0))
    if smaller < FEWEST_MEMBERS:
        return _too_small(Lack.TOO_FEW_MEMBERS, FEWEST_MEMBERS, smaller)
    expected = smaller * share
    if window.is_over:
        if expected < FEWEST_BUYERS:
            return _too_small(Lack.TOO_FEW_BUYERS, FEWEST_BUYERS, expected)
        return None
    return Standing(Status.NOT_ENOUGH, Lack.WINDOW_OPEN, max(1, left))


def _too_small(lack: Lack, needed: int, found: float) -> Standing:
    return Standing(Status.NOT_ENOUGH, lack, times=ceil(needed / found) if found else None)


def said(effect: "Effect", p: float, alpha: float) -> Standing:
    """What a whole comparison says. `p` is adjusted for all comparisons it belongs to."""
    if p > alpha:
        return Standing(Status.NO_DIFFERENCE)
    return Standing(Status.GAIN if float(effect.estimate) > 0 else Status.LOSS)
