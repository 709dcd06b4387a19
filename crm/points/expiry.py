"""The expiry sweep: closes lapsed lots while traffic goes on, and waits for nobody.

It may be killed at any point, and run by any number of processes: what a chunk closed is closed,
what somebody else is writing is passed over and found again by the next list.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm import clock
from crm.db import db, transaction

CHUNK = 250  # members a transaction: small enough that traffic does not notice
LIST = 200_000  # lots read at a time

LAPSING = text("SELECT * FROM points_lapsing(:now, :chunk, :most)")
LAPSE = text("SELECT points_lapse(:at, :members)")


def sweep() -> int:
    """Close all that has lapsed by now, in transactions of its own; returns how many entries."""
    total = 0
    while True:
        done = sum(_close(at, members) for at, members in _lapsing())
        if not done:
            return total
        total += done


def _lapsing() -> list[tuple[datetime, list[UUID]]]:
    with transaction():
        given = {"now": clock.now(), "chunk": CHUNK, "most": LIST}
        return [(row.expires_at, row.members) for row in db.session.execute(LAPSING, given)]


def _close(at: datetime, members: list[UUID]) -> int:
    with transaction():
        return db.session.execute(LAPSE, {"at": at, "members": members}).scalar_one()
