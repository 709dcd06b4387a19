"""The ledger's clockwork: releases, expiries, ends of holds, the nightly self-check.

Each may be killed at any point, and runs again.
"""

import logging
from datetime import datetime

from sqlalchemy import text

from crm import clock
from crm.db import db, transaction
from crm.points import check, expiry
from crm.queue import job, never_on_the_way

logger = logging.getLogger(__name__)

CHUNK = 500  # members per transaction: small enough that traffic does not notice


def _in_chunks(function: str) -> int:
    """Run a chunked verb until it finds nothing to do; returns how many members it touched."""
    done = 0
    while True:
        with transaction():
            now = clock.now()
            touched = db.session.execute(
                text(f"SELECT {function}(:now, :members)"), {"now": now, "members": CHUNK}
            ).scalar_one()
        if not touched:
            return done
        done += touched


def next_release(now: datetime) -> datetime | None:
    """When the next pending lot becomes spendable."""
    return db.session.execute(
        text("""
            SELECT min(available_at) FROM points_lot
            WHERE released_at IS NULL AND remaining > 0 AND available_at IS NOT NULL
        """)
    ).scalar()


def next_lapse(now: datetime) -> datetime | None:
    """When the next lot with points in it lapses."""
    return db.session.execute(
        text("SELECT min(expires_at) FROM points_lot WHERE remaining > 0 AND remaining > held")
    ).scalar()


def next_end_of_hold(now: datetime) -> datetime | None:
    """When the next hold that nobody resolved ends."""
    return db.session.execute(
        text("SELECT min(expires_at) FROM points_hold WHERE state = 'held'")
    ).scalar()


@job("points.release", every="*/5 * * * *", due_from=next_release)
def release(slot: datetime) -> int:
    """Mark lots that became spendable and let them pay debts; balances never wait for it."""
    return _in_chunks("points_release")


@job("points.expire", every="*/15 * * * *", due_from=next_lapse)
def expire(slot: datetime) -> int:
    """Close lapsed lots with an entry each; balances never wait for it."""
    return expiry.sweep()


@job("points.holds", every="*/5 * * * *", due_from=next_end_of_hold)
def end_holds(slot: datetime) -> int:
    """Void holds that came to their end, each dated at that instant; balances never wait for it."""
    return _in_chunks("points_sweep_holds")


@job("ledger.check", every="10 19 * * *", due_from=never_on_the_way)
def nightly_check(slot: datetime) -> int:
    """Verify every invariant at night; breaches go to the log as errors, and the day's head."""
    check.take_time()
    breaches = check.run()
    for breach in breaches:
        logger.error("ledger breach %s", breach.document())
    logger.info("ledger check: %s breaches in %s", len(breaches), check.totals())
    logger.info("ledger head of %s: %s", slot.date().isoformat(), check.head())
    db.session.rollback()
    return len(breaches)
