"""Sources of messages: pausing and stopping one, and how many of its messages became what.

Pausing and stopping count at once: a worker looks just before each call. Figures are kept by the
database with every change of a message and add up at every instant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import text

from crm.db import db
from crm.messages import waking
from crm.messages.planning import Source
from crm.messages.states import Reason

SET = text("""
    INSERT INTO message_source (type, id, state, reason, changed_at)
    VALUES (:type, :id, :state, :reason, :now)
    ON CONFLICT (type, id) DO UPDATE
    SET state = excluded.state, reason = excluded.reason, changed_at = excluded.changed_at
""")
WAKE_UP = text("""
    UPDATE message SET due_at = :now, reason = NULL
    WHERE source_type = :type AND source_id = :id AND state = 'waiting' AND due_at IS NULL
""")
CANCEL = text("""
    WITH gone AS MATERIALIZED (
        SELECT id FROM message
        WHERE source_type = :type AND source_id = :id AND state = 'waiting'
        ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
    )
    UPDATE message m
    SET state = 'cancelled', reason = :reason, due_at = NULL, finished_at = :now
    FROM gone WHERE m.id = gone.id
""")
FIGURES = text("""
    SELECT source_id, figure, reason, sum(n)::bigint AS n FROM message_count
    WHERE source_type = :type AND source_id = ANY (:ids) GROUP BY 1, 2, 3 HAVING sum(n) <> 0
""")


@dataclass(frozen=True, slots=True)
class Figures:
    """planned = sent + failed + suppressed + holdout + cancelled + pending, at every instant.

    `sent` holds those `delivered`, `failed` those whose fate is `unknown`. `reasons` says why
    messages were suppressed.
    """

    planned: int = 0
    pending: int = 0
    sent: int = 0
    delivered: int = 0
    failed: int = 0
    unknown: int = 0
    suppressed: int = 0
    holdout: int = 0
    cancelled: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)


def pause(source: Source, *, now: datetime) -> None:
    """Let none of its messages go from now on; they wait."""
    _set(source, "paused", None, now)


def resume(source: Source, *, now: datetime) -> None:
    """Let its messages go again; what has become too late meanwhile does not."""
    _set(source, "running", None, now)
    db.session.execute(WAKE_UP, {"type": source.type, "id": source.id, "now": now})
    waking.wake(now)


def stop(source: Source, *, reason: Reason = Reason.CANCELLED, now: datetime) -> None:
    """Let none of its messages go any more. Call `cancel_waiting` until it answers 0; what it has
    not come to yet is cancelled when its turn comes."""
    _set(source, "stopped", reason, now)


def cancel_waiting(
    source: Source, *, reason: Reason = Reason.CANCELLED, most: int = 5000, now: datetime
) -> int:
    """Cancel at most `most` messages of a source that was stopped; returns how many."""
    values = {"type": source.type, "id": source.id, "reason": reason, "most": most, "now": now}
    return db.session.execute(CANCEL, values).rowcount  # type: ignore[attr-defined]


def figures(source: Source) -> Figures:
    """How many of its messages became what, as of this transaction."""
    return figures_of(source.type, [source.id])[source.id]


def figures_of(type: str, ids: Sequence[str]) -> dict[str, Figures]:
    """The figures of many sources of one type, by id."""
    found: dict[str, dict[str, int]] = {one: {} for one in ids}
    reasons: dict[str, dict[str, int]] = {one: {} for one in ids}
    for one, figure, reason, n in db.session.execute(FIGURES, {"type": type, "ids": list(ids)}):
        found[one][figure] = found[one].get(figure, 0) + n
        if reason:
            reasons[one][reason] = n
    return {one: _figures(found[one], reasons[one]) for one in ids}


def _figures(found: dict[str, int], reasons: Mapping[str, int]) -> Figures:
    delivered, unknown = found.pop("delivered", 0), found.pop("unknown", 0)
    return Figures(
        planned=sum(found.values()) + delivered + unknown,
        pending=found.get("pending", 0),
        sent=found.get("sent", 0) + delivered,
        delivered=delivered,
        failed=found.get("failed", 0) + unknown,
        unknown=unknown,
        suppressed=found.get("suppressed", 0),
        holdout=found.get("holdout", 0),
        cancelled=found.get("cancelled", 0),
        reasons=reasons,
    )


def _set(source: Source, state: str, reason: Reason | None, now: datetime) -> None:
    values = {"type": source.type, "id": source.id, "state": state, "reason": reason, "now": now}
    db.session.execute(SET, values)
