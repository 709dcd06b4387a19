"""The nightly jobs of next purchases: the store's rhythm, members' windows, models and chances."""

import json
from datetime import datetime, timedelta
from importlib import import_module
from uuid import UUID

from sqlalchemy import delete, func, select, text

from crm import clock
from crm.db import db, transaction
from crm.queue import job
from crm.segments.alone import WINDOWS, alone
from crm.segments.next_purchase import rhythm
from crm.segments.next_purchase.models import NextPurchaseModel, PatternBuild
from crm.segments.next_purchase.sampling import share_of

CHUNK = 5_000  # members of one transaction
NOBODY = UUID(int=0)
CHANCES_FADE = timedelta(days=28)  # though nobody buys
BUILD = "usual_windows"

NOTE = text("""
    INSERT INTO pattern_build (name, as_of, facts) VALUES (:name, :at, CAST(:facts AS jsonb))
    ON CONFLICT (name) DO UPDATE SET as_of = excluded.as_of, facts = excluded.facts
""")
NEWEST = text("SELECT max(updated_at) FROM purchase_summary WHERE orders > 0")


def next_change(
    last: datetime | None, now: datetime, otherwise: timedelta | None
) -> datetime | None:
    """From when on learning anew may find something else than at `last`: at once when members
    bought since, else some time after `last` (None: not by time alone); never while nobody has
    bought. Only the sandbox asks, to pass over empty nights.
    """
    newest = db.session.scalar(NEWEST)
    if newest is None:
        return None
    if last is None or newest >= last:
        return now
    return None if otherwise is None else max(now, last + otherwise)


def last_build(name: str) -> datetime | None:
    """When this pattern was last made."""
    return db.session.scalar(select(PatternBuild.as_of).where(PatternBuild.name == name))


@job(
    "segments.usual_windows",
    every="40 18 * * *",  # 02:40 in Shanghai
    due_from=lambda now: next_change(last_build(BUILD), now, None),
)
def usual_windows(slot: datetime) -> None:
    """Measure how often members buy again, and bring their usual windows up to date.

    Members whose purchases did not change are passed over, unless the store's own rhythm did.
    """
    with alone(WINDOWS):
        _usual_windows(clock.now())


def _usual_windows(now: datetime) -> None:
    with transaction():
        since = last_build(BUILD)
        if rhythm.measure(share_of(rhythm.SAMPLE), now):
            # Until all windows have been made anew, a run that follows a kill makes all of them.
            db.session.execute(delete(PatternBuild).where(PatternBuild.name == BUILD))
            since = None
    written, after = 0, NOBODY
    while True:
        with transaction():
            members = rhythm.changed(after, since, CHUNK)
            if members:
                written += rhythm.renew(members, now)
        if len(members) < CHUNK:
            break
        after = members[-1]
    with transaction():
        rhythm.forget()
        facts = {"written": written, "all": since is None}
        values = {"name": BUILD, "at": now, "facts": json.dumps(facts)}
        db.session.execute(NOTE, values)


def _last_model() -> datetime | None:
    return db.session.scalar(select(func.max(NextPurchaseModel.as_of)))


@job(
    "segments.next_purchase",
    every="45 18 * * *",  # 02:45 in Shanghai
    due_from=lambda now: next_change(_last_model(), now, CHANCES_FADE),
)
def next_purchase(slot: datetime) -> None:
    """Learn who buys soon from the store's past, back-test it, and give customers their chances."""
    # scikit-learn takes seconds to load and 100 MB to keep: only a worker that needs it pays.
    import_module("crm.segments.next_purchase.work").perform(clock.now())
