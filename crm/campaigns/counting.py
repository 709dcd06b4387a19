"""What the query of who gets what comes to, and some of whom it finds. Writes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from crm.campaigns.judging import Judged
from crm.campaigns.models import HELD_OUT
from crm.campaigns.waterfall import Waterfall, counted
from crm.db import db

# Whole audiences are sorted and hashed in memory; to compile such statements takes longer than to
# run them; and tables that were filled a minute ago look empty to the planner, which would then go
# through them once for each member.
ROOM = text("""
    SET LOCAL work_mem = '128MB'; SET LOCAL jit = off; SET LOCAL enable_nestloop = off
""")
NO_ROOM = text("RESET work_mem; RESET jit; RESET enable_nestloop")
COUNT = """
    SELECT coalesce(verdict, '') AS verdict, coalesce(arm, -1) AS arm, count(*) AS members,
           count(*) FILTER (WHERE p.last_day > :since) AS bought,
           coalesce(sum(o.spent), 0)::float8 AS spent,
           coalesce(sum(o.spent::float8 * o.spent), 0) AS squares
    FROM ({judged}) AS j LEFT JOIN purchase_summary p ON p.member_id = j.member_id
    LEFT JOIN (
        SELECT member_id, sum(net) AS spent FROM orders
        WHERE placed_at >= :begun AND counted AND member_id IS NOT NULL GROUP BY member_id
    ) AS o ON o.member_id = j.member_id
    GROUP BY 1, 2
"""


class Lately(NamedTuple):
    """Of members whom a campaign can reach, held out or not: the share that bought lately, and the
    variance of what a member spent, in minor units squared."""

    share: float
    variance: float


def count(found: Judged, since: date, begun: datetime) -> tuple[Waterfall, Lately]:
    """What the query comes to; and how those whom it can reach bought after the day `since`, and
    spent from the instant `begun` on. Writes nothing."""
    query = text(COUNT.format(judged=found.sql))
    with room():
        rows = db.session.execute(query, found.params | {"since": since, "begun": begun}).all()
    reached = [row for row in rows if row.arm >= HELD_OUT]
    members = max(sum(row.members for row in reached), 1)
    mean = sum(row.spent for row in reached) / members
    lately = Lately(
        share=sum(row.bought for row in reached) / members,
        variance=max(sum(row.squares for row in reached) / members - mean * mean, 0.0),
    )
    return counted((row.verdict, row.arm, row.members) for row in rows), lately


@contextmanager
def room() -> Iterator[None]:
    """Let statements over whole audiences be planned as such."""
    db.session.execute(ROOM)
    yield
    db.session.execute(NO_ROOM)


def member_ids(found: Judged, most: int) -> list[UUID]:
    """Some who would get a message, to look at."""
    query = f"SELECT member_id FROM ({found.sql}) AS j WHERE arm > 0 LIMIT :most"  # noqa: S608
    with room():
        return list(db.session.scalars(text(query), found.params | {"most": most}))
