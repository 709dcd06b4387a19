"""Leaving members alone for a while between two occasions of one journey."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from crm.campaigns.journeys.definition import Due
from crm.db import db

COOLDOWN = "cooldown"

LAST = text("""
    WITH own AS (
        SELECT r.id AS member_id, r.id FROM unnest(CAST(:members AS uuid[])) AS r (id)
        UNION ALL
        SELECT m.merged_into, m.id FROM member m WHERE m.merged_into = ANY(CAST(:members AS uuid[]))
    )
    SELECT own.member_id, max(o.at) AS at
    FROM own
    JOIN journey_occasion o ON o.member_id = own.id AND o.journey = :journey
        AND o.state = 'given' AND o.at > :since
    GROUP BY 1
""")


class Rest:
    """Who had something of a journey within the time of rest, before and on this page; he himself,
    or a record that was merged into his."""

    def __init__(self, journey: str, rows: Sequence[Due], rest: timedelta) -> None:
        self._rest = rest
        values = {
            "journey": journey,
            "members": list({row.member_id for row in rows}),
            "since": min(row.at for row in rows) - rest,
        }
        found = db.session.execute(LAST, values)
        self._last: dict[UUID, datetime] = {row.member_id: row.at for row in found}

    def is_resting(self, row: Due) -> bool:
        """Whether it is too soon for this occasion."""
        before = self._last.get(row.member_id)
        return bool(self._rest) and before is not None and row.at - before < self._rest

    def begin(self, row: Due) -> None:
        """This occasion is given: from now on the member is left alone."""
        self._last[row.member_id] = row.at
