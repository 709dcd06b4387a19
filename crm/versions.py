"""Versions that take effect at an instant: which one is in force, announced, past, or replaced.

In force is the one with the latest `effective_at` reached; of equals the one written last, and the
others never count.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

IN_FORCE, ANNOUNCED, PAST, REPLACED = "in_force", "announced", "past", "replaced"
STATES = (IN_FORCE, ANNOUNCED, PAST, REPLACED)


class Dated(Protocol):
    """A version, numbered in the order in which they were written."""

    @property
    def version(self) -> Any:
        """The number."""

    @property
    def effective_at(self) -> Any:
        """The instant from which it counts."""


Row = TypeVar("Row", bound=Dated)


class Version(NamedTuple, Generic[Row]):
    """A version, its state at some instant, and the one that it follows in time."""

    row: Row
    state: str
    before: Row | None


def states(rows: Iterable[Dated], now: datetime) -> dict[int, str]:
    """The state of each version, by number, at `now`."""
    ordered = sorted(rows, key=lambda row: (row.effective_at, row.version))
    last = {row.effective_at: row.version for row in ordered}
    reached = [row.version for row in ordered if row.effective_at <= now]
    found = {}
    for row in ordered:
        if last[row.effective_at] != row.version:
            found[row.version] = REPLACED
        elif row.effective_at > now:
            found[row.version] = ANNOUNCED
        else:
            found[row.version] = IN_FORCE if row.version == reached[-1] else PAST
    return found


def arranged(rows: Sequence[Row], now: datetime) -> list[Version[Row]]:
    """All versions, the latest to take effect first; each follows the last one before its time."""
    ordered = sorted(rows, key=lambda row: (row.effective_at, row.version))
    state, found = states(ordered, now), []
    for row in ordered:
        earlier = [
            one
            for one in ordered
            if one.effective_at < row.effective_at and state[one.version] != REPLACED
        ]
        found.append(Version(row, state[row.version], earlier[-1] if earlier else None))
    return found[::-1]


def after(found: Sequence[Version[Row]], number: int | None) -> Sequence[Version[Row]]:
    """The versions that stand behind this one in `found`; all of them without a number."""
    for place, item in enumerate(found):
        if item.row.version == number:
            return found[place + 1 :]
    return found if number is None else []
