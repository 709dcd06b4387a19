"""Giving members their segments: set-based, in small transactions, only those who move."""

from collections.abc import Iterator
from uuid import UUID

import numpy as np
from sqlalchemy import text

from crm.db import db
from crm.members import profiles
from crm.segments.segmentation import Segmentation
from crm.segments.vocabulary import CODES

CHUNK = 5000  # members of one transaction: their rows are locked for a moment only

RECORD = text("""
    INSERT INTO segment_assignment
        (member_id, run_id, code, previous, recency_days, frequency, monetary, margin)
    SELECT member_id, :run_id, code, previous, nullif(recency, -1), frequency, monetary,
           nullif(margin, 'NaN')
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:codes AS text[]), CAST(:previous AS text[]),
        CAST(:recency AS integer[]), CAST(:frequency AS integer[]), CAST(:monetary AS bigint[]),
        CAST(:margins AS double precision[])
    ) AS moved (member_id, code, previous, recency, frequency, monetary, margin)
    ON CONFLICT DO NOTHING
""")


def moved(found: Segmentation) -> Iterator[np.ndarray]:
    """Places of the members who come into another segment, in chunks."""
    places = np.flatnonzero(found.codes != found.people.previous)
    for start in range(0, len(places), CHUNK):
        yield places[start : start + CHUNK]


def write(run_id: UUID, found: Segmentation, which: np.ndarray) -> None:
    """Move these members, and keep from where and why, in the current transaction."""
    people = found.people.take(which)
    ids = people.member_ids()
    codes = [CODES[place] for place in found.codes[which]]
    values = {
        "run_id": run_id,
        "ids": ids,
        "codes": codes,
        "previous": [CODES[place] if place >= 0 else None for place in people.previous],
        "recency": people.recency.tolist(),
        "frequency": people.frequency.tolist(),
        "monetary": people.monetary.tolist(),
        "margins": found.margins[which].round(6).tolist(),
    }
    db.session.execute(RECORD, values)
    profiles.assign_segments(ids, codes)
