"""Giving members their segments: set-based, in small transactions, only those who move."""

from collections.abc import Iterator
from uuid import UUID

import numpy as np
from sqlalchemy import text

from crm.db import db
from crm.members import profiles
from crm.segments.features import Population
from crm.segments.hysteresis import COUNTS, DROPPED, Verdict
from crm.segments.segmentation import Segmentation
from crm.segments.vocabulary import CODES

CHUNK = 5000  # members of one transaction: their rows are locked for a moment only

# A second attempt of the same run may find a member elsewhere than the first one did.
RECORD = text("""
    INSERT INTO segment_assignment
        (member_id, run_id, code, previous, recency_days, frequency, monetary, margin, cause,
         standing, decided_by, counted_from)
    SELECT member_id, :run_id, code, previous, nullif(recency, -1), frequency, monetary,
           nullif(margin, 'NaN'), CASE WHEN by_refit THEN 'refit' ELSE 'behaviour' END,
           CASE WHEN counts THEN 'counts' ELSE 'waiting' END,
           CASE WHEN counts THEN CAST(:run_id AS uuid) END, counted_from
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:codes AS text[]), CAST(:previous AS text[]),
        CAST(:recency AS integer[]), CAST(:frequency AS integer[]), CAST(:monetary AS bigint[]),
        CAST(:margins AS double precision[]), CAST(:by_refit AS boolean[]),
        CAST(:counts AS boolean[]), CAST(:counted_from AS text[])
    ) AS moved (member_id, code, previous, recency, frequency, monetary, margin, by_refit, counts,
                counted_from)
    ON CONFLICT (member_id, run_id) DO UPDATE SET
        code = excluded.code, recency_days = excluded.recency_days,
        frequency = excluded.frequency, monetary = excluded.monetary, margin = excluded.margin,
        cause = excluded.cause, standing = excluded.standing, decided_by = excluded.decided_by
""")
DECIDE = text("""
    UPDATE segment_assignment SET standing = :standing, decided_by = :run_id
    WHERE member_id = ANY (CAST(:ids AS uuid[])) AND standing = 'waiting' AND run_id <> :run_id
""")


def chunks(verdict: Verdict) -> Iterator[Verdict]:
    """The verdict in parts of at most `CHUNK` members."""
    for start in range(0, len(verdict.moved), CHUNK):
        part = slice(start, start + CHUNK)
        yield Verdict(verdict.moved[part], verdict.counts[part], verdict.confirmed[:0])
    for start in range(0, len(verdict.confirmed), CHUNK):
        part = slice(start, start + CHUNK)
        yield Verdict(verdict.moved[:0], verdict.counts[:0], verdict.confirmed[part])


def write(run_id: UUID, found: Segmentation, verdict: Verdict) -> None:
    """Move these members, and keep from where and why, in the current transaction."""
    confirmed = found.people.take(verdict.confirmed)
    _decide(run_id, confirmed.member_ids(), COUNTS)
    people, codes = found.people.take(verdict.moved), found.codes[verdict.moved]
    waiting = people.take(people.waiting > 0)
    _decide(run_id, waiting.member_ids(), DROPPED)
    if len(people):
        values = _values(people, codes, found, verdict)
        db.session.execute(RECORD, {"run_id": run_id} | values)
        profiles.assign_segments(values["ids"], values["codes"])


def _values(people: Population, codes: np.ndarray, found: Segmentation, verdict: Verdict) -> dict:
    return {
        "ids": people.member_ids(),
        "codes": _codes(codes),
        "previous": _codes(people.previous),
        "recency": people.recency.tolist(),
        "frequency": people.frequency.tolist(),
        "monetary": people.monetary.tolist(),
        "margins": found.margins[verdict.moved].round(6).tolist(),
        "by_refit": found.by_refit[verdict.moved].tolist(),
        "counts": verdict.counts.tolist(),
        "counted_from": _codes(people.settled),
    }


def _codes(places: np.ndarray) -> list[str | None]:
    return [CODES[place] if place >= 0 else None for place in places.tolist()]


def _decide(run_id: UUID, ids: list[UUID], standing: str) -> None:
    if ids:
        db.session.execute(DECIDE, {"run_id": run_id, "ids": ids, "standing": standing})
