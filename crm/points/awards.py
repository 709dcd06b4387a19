"""Awards: points for an act, once per (activity, source key) for ever.

One statement gives any number of awards: the single one, those of several requests that came
together (`crm.coalescing`), and a batch.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple, cast
from uuid import UUID

import msgspec
from flask import Flask, current_app
from psycopg.errors import DeadlockDetected, SerializationFailure, UniqueViolation
from sqlalchemy import text
from uuid_utils import uuid7

from crm import clock
from crm.coalescing import Coalescer
from crm.db import after_commit, as_rows, call_rows, config, db
from crm.http.idempotency import Claim
from crm.ids import digest_id
from crm.members.identity import MemberRef
from crm.queue import wake

GIVE = "SELECT status, body, replayed, lifts FROM points_award(%s, %s, %s::json)"
ALL = text(
    "SELECT status, body, replayed, lifts FROM points_award(:now, false, CAST(:rows AS json))"
)
TWINS = ("pk_idempotency_key", "pk_points_source")
TRIES = 3
MOST_TOGETHER = 64
PART = 250  # awards of one transaction, where many are given apart
LANES = 1  # measured: two lanes halve the parties and gain nothing


class Outcome(NamedTuple):
    """What came of one award: an HTTP status and a JSON body as the function documents them."""

    status: int
    body: str
    replayed: bool


LIFTS = "default"  # the queue of the task that lets points lift tiers


class Award(msgspec.Struct, frozen=True):
    """One award as the database's `points_award` takes it; `shown` is its part of the answer.

    Entry and lot are named here: the database takes five microseconds to draw an id, this process
    a tenth of one.
    """

    key_id: UUID | None
    claim: str | None
    fingerprint: str | None
    who_kind: str
    who_value: str
    points: int
    type: str
    id: str
    source: str
    actor: str
    reason: str | None
    expires_at: datetime | None
    shown: str
    entry_id: str
    lot_id: str


def award(
    who: MemberRef,
    points: int,
    *,
    activity: str,
    source_key: str,
    actor: str,
    key_id: UUID | None = None,
    claim: Claim | None = None,
    reason: str | None = None,
    expires_at: datetime | None = None,
) -> Award:
    """The row of one award. `expires_at` None: by the programme's policy."""
    type_ = f"award:{activity}"
    said = {"source": {"type": type_, "id": source_key}, "actor": actor, "reason": reason}
    return Award(
        key_id, claim and claim.key, claim and claim.fingerprint, who.kind, who.value, points,
        type_, source_key, digest_id(type_, source_key), actor, reason, expires_at,
        msgspec.json.encode(said).decode()[1:-1], str(uuid7()), str(uuid7()),
    )  # fmt: skip


def install(app: Flask) -> None:
    """Let the awards of this process's threads go to the database together."""

    def run(wanted: Sequence[Award]) -> list[Outcome]:
        with app.app_context():
            return give_all(wanted)

    app.extensions["crm.points.awards"] = Coalescer(run, lanes=LANES, most=MOST_TOGETHER)


def give(wanted: Award, app: Flask | None = None) -> Outcome:
    """Give one award as a transaction of its own, together with those that come at the same time.

    Status 201 new, 200 the first entry of this source; 401, 404, 409 and 0 (the idempotency key
    belongs to another request) say why not; a stored answer is `replayed`.
    """
    return (app or current_app).extensions["crm.points.awards"].ask(wanted)


def give_all(wanted: Sequence[Award]) -> list[Outcome]:
    """All or nothing, in one statement; again when a twin of a request was faster, or when a
    record was merged into another meanwhile."""
    return _given((clock.system_now(), config().sandbox, as_rows(wanted)))


def give_apart(wanted: Sequence[Award], *, now: datetime) -> list[Outcome]:
    """Give many awards in transactions of their own, `PART` at a time; outcomes in the same order.

    Called again after a crash it gives what is missing: what was given answers with status 200.
    All go by the order of members, so that two who give many at once seldom meet.
    """

    def run(due: Sequence[Award]) -> list[Outcome]:
        order = sorted(
            range(len(due)), key=lambda place: (due[place].who_kind, due[place].who_value)
        )
        found: list[Outcome | None] = [None] * len(due)
        for begin in range(0, len(order), PART):
            part = order[begin : begin + PART]
            rows = as_rows([due[place] for place in part])
            for place, outcome in zip(part, _given((now, False, rows)), strict=True):
                found[place] = outcome
        return cast(list[Outcome], found)

    return _in_rounds(wanted, run)


def give_many(wanted: Sequence[Award], *, now: datetime) -> list[Outcome]:
    """Give awards in the caller's transaction; outcomes in the same order."""

    def run(due: Sequence[Award]) -> list[Outcome]:
        found = db.session.execute(ALL, {"now": now, "rows": as_rows(due)}).all()
        if found[0].lifts:
            after_commit(partial(wake, LIFTS))
        return [Outcome(*row[:3]) for row in found]

    return _in_rounds(wanted, run)


def _given(params: tuple[datetime, bool, str]) -> list[Outcome]:
    for left in reversed(range(TRIES)):
        try:
            rows = call_rows(GIVE, params)
            if rows[0][3]:
                wake(LIFTS)
            return [Outcome(*row[:3]) for row in rows]
        except (DeadlockDetected, SerializationFailure):
            if not left:
                raise
        except UniqueViolation as error:
            if not left or error.diag.constraint_name not in TWINS:
                raise
    raise AssertionError("unreachable")


def _in_rounds(
    wanted: Sequence[Award], run: Callable[[Sequence[Award]], list[Outcome]]
) -> list[Outcome]:
    """A source that stands in the list again is asked for after the first, and finds its entry."""
    outcomes: dict[int, Outcome] = {}
    waiting = list(enumerate(wanted))
    while waiting:
        due: dict[str, int] = {}
        later = []
        for place, one in waiting:
            if one.source in due:
                later.append((place, one))
            else:
                due[one.source] = place
        found = run([wanted[place] for place in due.values()])
        outcomes |= zip(due.values(), found, strict=True)
        waiting = later
    return [outcomes[place] for place in range(len(wanted))]
