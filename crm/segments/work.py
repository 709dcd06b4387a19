"""A segmentation run at work. Only workers import this: numpy and scikit-learn are heavy."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm import clock
from crm.db import db, transaction
from crm.messages.desk import Desk
from crm.points import programme
from crm.segments import (
    assignments,
    cancelling,
    choosing,
    hysteresis,
    reading,
    rollback,
    runs,
    segmentation,
)
from crm.segments.alone import alone
from crm.segments.features import Population
from crm.segments.hysteresis import Verdict
from crm.segments.model import Model
from crm.segments.models import SegmentationRun
from crm.segments.parameters import Parameters
from crm.segments.segmentation import Segmentation

READ, GROUPED = 0.2, 0.6  # how far a run is when members are read, and when they are grouped
STEPS = 25  # times at which a search tells how far it is, and hears that it should end


def perform(run_id: UUID) -> None:
    """Do a queued run. Running it again after a kill or an error completes it; done is done."""
    with alone():
        take_back_pending()
        try:
            with transaction():
                run = runs.start(run_id, now=clock.now())
            if run is not None:
                _perform(run)
        except runs.Cancelled:
            _cancel(run_id)


def _perform(run: SegmentationRun) -> None:
    try:
        found = find(run)
        if run.applied:
            _assign(run, found)
        with transaction():
            runs.finish(runs.locked(run.id), now=clock.now())
    except runs.Cancelled:
        raise
    except Exception as error:
        # Whatever it was: people who wait for the run must see it. The task is tried again.
        with transaction():
            runs.fail(run.id, f"{type(error).__name__}: {error}", now=clock.now())
        raise


def _cancel(run_id: UUID) -> None:
    _take_back([run_id])
    with transaction():
        cancelling.end(runs.locked(run_id), now=clock.now())


def roll_back() -> None:
    """Take back the runs that are out of force. Running it again after a kill completes it."""
    with alone():
        take_back_pending()


def take_back_pending() -> None:
    """The same for who is alone already: what comes next must not build on them."""
    with transaction():
        run_ids = rollback.pending(clock.now())
    if run_ids:
        _take_back(run_ids)
        with transaction():
            rollback.finish(run_ids, now=clock.now())


def _take_back(run_ids: list[UUID]) -> None:
    left = 1
    while left:
        with transaction():
            left = rollback.part(run_ids)


def find(run: SegmentationRun) -> Segmentation:
    """Read all members and group them; what was found is kept with the run."""
    with transaction():
        people = reading.population(run.as_of, programme.current(run.as_of).zone, run.id)
        guests = reading.guests_revenue(run.as_of)
        before = _model(runs.model_at(run.as_of))
        runs.advance(runs.working(run.id), "grouping", READ)
    found, reason, model = _grouped(run, people, before)
    with transaction():
        run = runs.get(run.id)
        runs.keep(run, found.document, found.result_hash)
        model_id = before.run_id if before and not model else run.id
        runs.went_by(run, reason, model_id or run.id, model.as_json() if model else None)
        run.quality = (run.quality or {}) | {"guests": _guests(guests, people.monetary.sum())}
        runs.advance(run, "assigning", GROUPED)
    return found


def _grouped(
    run: SegmentationRun, people: Population, before: Model | None
) -> tuple[Segmentation, str, Model | None]:
    """The members in groups, why by this kind of run, and the new model if it was a refit."""
    asked = Parameters.read(run.parameters)
    again, reason = choosing.reason(run.asked, run.as_of, people, before, asked)
    if before is not None and not again:
        return segmentation.score(people, before, asked), reason, None
    # Most days no model is made: scikit-learn takes seconds to load and 100 MB to keep.
    refit = import_module("crm.segments.refit").refit
    found, model = refit(people, asked, before, _teller(run.id))
    return found, reason, model


def _model(run: SegmentationRun | None) -> Model | None:
    if run is None or run.model is None or run.method is None:
        return None
    stored: dict[str, Any] = run.model
    return Model.read(stored, run.centroids, run.method, run.reason, run_id=run.id, as_of=run.as_of)


def _teller(run_id: UUID) -> Callable[[float], None]:
    told = 0

    def tell(share: float) -> None:
        nonlocal told
        if int(share * STEPS) > told:
            told = int(share * STEPS)
            with transaction():
                progress = READ + (GROUPED - READ) * share
                runs.advance(runs.working(run_id), "grouping", progress)

    return tell


def _guests(revenue: int, of_members: int) -> dict[str, float]:
    whole = revenue + int(of_members)
    return {"revenue": revenue, "revenue_share": round(revenue / max(whole, 1), 6)}


def _assign(run: SegmentationRun, found: Segmentation) -> None:
    """Write the moves by two sessions: no member is in two parts, and each is a transaction."""
    verdict = hysteresis.judge(found, Parameters.read(run.parameters).least_margin)
    parts = list(enumerate(assignments.chunks(verdict), 1))
    with transaction():
        again = assignments.begun(run.id)
    write = partial(assignments.write, run.id, found, again=again)
    left = iter(parts)
    with Desk() as desk:
        beside = desk.ask(partial(_write, left, write))
        try:
            _write(left, write, partial(_written, run.id, len(parts)))
        finally:
            deque(left, maxlen=0)  # who ends early leaves nothing to the other
        beside.result()


def _write(
    left: Iterator[tuple[int, Verdict]],
    write: Callable[[Verdict], None],
    tell: Callable[[int], None] | None = None,
) -> None:
    for number, part in left:
        with _soon_durable():
            write(part)
        if tell is not None:
            tell(number)


def _written(run_id: UUID, whole: int, number: int) -> None:
    with _soon_durable():
        progress = GROUPED + (1 - GROUPED) * number / whole
        runs.advance(runs.working(run_id), "assigning", progress)


@contextmanager
def _soon_durable() -> Iterator[None]:
    """A transaction that does not wait for the disk: that of the run's end waits for them all.

    If the machine fails before, the run is still going on; who starts it again writes what is lost.
    """
    with transaction():
        db.session.execute(text("SET LOCAL synchronous_commit = off"))
        yield
