"""What becomes of lots, holds and a debt until an instant, if nothing else happens. Pure.

A debt is paid by what becomes spendable, at that instant: points that are released, points that a
hold gives free. Held points are neither spent nor paid with.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Lot(NamedTuple):
    """Points that share one expiry, and when they become spendable (None: on a release only)."""

    id: UUID
    available_at: datetime | None
    expires_at: datetime | None
    opened_by: int
    remaining: int

    def is_valid(self, at: datetime) -> bool:
        """Whether it has not lapsed by then."""
        return self.expires_at is None or self.expires_at > at

    def is_released(self, at: datetime) -> bool:
        """Whether its points may be spent by then."""
        return self.available_at is not None and self.available_at <= at

    def is_spendable(self, at: datetime) -> bool:
        """Whether its points can be spent then."""
        return self.is_released(at) and self.is_valid(at)


class Part(NamedTuple):
    """Points of one lot that a hold keeps until an instant (exclusive)."""

    lot_id: UUID
    points: int
    until: datetime


def held_of(parts: Sequence[Part], at: datetime) -> dict[UUID, int]:
    """How much of each lot is held at an instant."""
    found: dict[UUID, int] = {}
    for part in parts:
        if part.until > at:
            found[part.lot_id] = found.get(part.lot_id, 0) + part.points
    return found


def paid(
    lots: Sequence[Lot], parts: Sequence[Part], debt: int, start: datetime, at: datetime
) -> tuple[list[Lot], int]:
    """The lots at `at`, and what is left of a debt that arose at `start`."""
    left = list(lots)
    for instant in _instants(lots, parts, start, at) if debt > 0 else ():
        held = held_of(parts, instant)
        for place in _spending_order(left, instant):
            lot = left[place]
            pays = max(min(debt, lot.remaining - held.get(lot.id, 0)), 0)
            left[place] = lot._replace(remaining=lot.remaining - pays)
            debt -= pays
    return left, max(debt, 0)


def _instants(
    lots: Sequence[Lot], parts: Sequence[Part], start: datetime, at: datetime
) -> list[datetime]:
    """When points may have become spendable: the start, releases, ends of holds."""
    turns = {lot.available_at for lot in lots if lot.available_at} | {part.until for part in parts}
    return sorted({start} | {turn for turn in turns if start < turn <= at})


def _spending_order(lots: Sequence[Lot], at: datetime) -> list[int]:
    """The places of the spendable lots: earliest expiry first, then oldest."""
    never = datetime.max.replace(tzinfo=at.tzinfo)
    places = [place for place, lot in enumerate(lots) if lot.is_spendable(at)]
    keys = [(lot.expires_at or never, lot.opened_by, lot.id) for lot in lots]
    return sorted(places, key=keys.__getitem__)
