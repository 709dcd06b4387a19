"""Which moves count: clear ones at once, those near a border when a second run agrees.

Repeat buyers near the border of two clusters would else go to and fro, and every time somebody
would write to them. A move counts at once when the own centroid is nearer by the margin asked for,
when a purchase or a day decided (segments by rule), and when it leads back to the segment that
counted last. Any other move waits; the next run confirms it by leaving the member there.
"""

from dataclasses import dataclass

import numpy as np

from crm.segments.segmentation import Segmentation
from crm.segments.vocabulary import SEGMENTS

REPEAT = np.array([segment.about == "repeat" for segment in SEGMENTS])
COUNTS, DROPPED = "counts", "dropped"


@dataclass(frozen=True)
class Verdict:
    """`moved`: places of members who come into another segment; `counts`: which of these moves
    count now. `confirmed`: places of members whose waiting move this run agrees with.
    """

    moved: np.ndarray
    counts: np.ndarray
    confirmed: np.ndarray


def judge(found: Segmentation, least_margin: float) -> Verdict:
    """Tell moves that count from those that wait."""
    people, codes = found.people, found.codes
    stays = codes == people.previous
    between = REPEAT[codes] & REPEAT[people.previous] & (people.previous >= 0)
    clear = ~between | (found.margins >= least_margin) | (codes == people.settled)
    moved = np.flatnonzero(~stays)
    return Verdict(moved, clear[moved], np.flatnonzero(stays & (people.waiting > 0)))
