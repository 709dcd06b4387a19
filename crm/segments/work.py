"""A segmentation run at work. Only workers import this: numpy and scikit-learn are heavy."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy import text

from crm import clock
from crm.db import db, transaction
from crm.points import programme
from crm.segments import assignments, reading, runs
from crm.segments.models import SegmentationRun
from crm.segments.parameters import Parameters
from crm.segments.segmentation import Segmentation, segment

ALONE = 7_301_206  # advisory lock: somebody is giving members their segments


def perform(run_id: UUID) -> None:
    """Do a queued run. Running it again after a kill or an error completes it; done is done."""
    with alone():
        with transaction():
            run = runs.start(run_id, now=clock.now())
        if run is None:
            return
        try:
            _perform(run)
        except Exception as error:
            # Whatever it was: people who wait for the run must see it. The task is tried again.
            with transaction():
                runs.fail(run_id, f"{type(error).__name__}: {error}", now=clock.now())
            raise


@contextmanager
def alone() -> Iterator[None]:
    """One run at a time: two that write at once would leave a mixture. Ends with the process."""
    with db.engines["autocommit"].connect() as connection:
        connection.execute(text("SET lock_timeout = 0; SET statement_timeout = 0"))
        try:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ALONE})
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ALONE})
            connection.execute(text("RESET lock_timeout; RESET statement_timeout"))


def _perform(run: SegmentationRun) -> None:
    found = find(run)
    if run.applied:
        _assign(run.id, found)
    with transaction():
        runs.finish(runs.get(run.id), now=clock.now())


def find(run: SegmentationRun) -> Segmentation:
    """Read all members and group them; what was found is kept with the run."""
    with transaction():
        people = reading.population(run.as_of, programme.current(run.as_of).zone)
        guests = reading.guests_revenue(run.as_of)
        runs.advance(runs.get(run.id), "grouping", 0.2)
    found = segment(people, Parameters.read(run.parameters))
    with transaction():
        run = runs.get(run.id)
        runs.keep(run, found.document, found.result_hash)
        run.quality = (run.quality or {}) | {"guests": _guests(guests, people.monetary.sum())}
        runs.advance(run, "assigning", 0.6)
    return found


def _guests(revenue: int, of_members: int) -> dict[str, float]:
    whole = revenue + int(of_members)
    return {"revenue": revenue, "revenue_share": round(revenue / max(whole, 1), 6)}


def _assign(run_id: UUID, found: Segmentation) -> None:
    chunks = list(assignments.moved(found))
    for number, which in enumerate(chunks, start=1):
        with transaction():
            assignments.write(run_id, found, which)
            runs.advance(runs.get(run_id), "assigning", 0.6 + 0.4 * number / len(chunks))
