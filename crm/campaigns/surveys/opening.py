"""Asking members how it was: any number of surveys by one statement, once per occasion for life."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.db import as_rows, db

LOW_AT_MOST, CASE_DAYS, VALID_DAYS = 2, 0, 30

# What another transaction opened under the same occasion after this statement began is seen by
# the next one only: the caller asks again for what is missing.
OPEN = text("""
    WITH asked AS MATERIALIZED (
        SELECT DISTINCT ON (occasion) *
        FROM json_to_recordset(CAST(:rows AS json)) AS r (
            member_id uuid, occasion text, journey text, order_id uuid, points bigint,
            low_at_most smallint, case_days smallint, valid_days integer)
        ORDER BY occasion
    ), made AS (
        INSERT INTO survey (id, member_id, occasion, journey, order_id, points, low_at_most,
                            case_days, opened_at, expires_at)
        SELECT uuidv7(), member_id, occasion, journey, order_id, points, low_at_most, case_days,
               :now, CAST(:now AS timestamptz) + make_interval(days => valid_days)
        FROM asked
        ON CONFLICT (occasion) DO NOTHING
        RETURNING occasion, id
    )
    SELECT occasion, id FROM made
    UNION ALL
    SELECT s.occasion, s.id FROM survey s JOIN asked a ON a.occasion = s.occasion
""")
KNOWN = text("SELECT occasion, id FROM survey WHERE occasion = ANY (:occasions)")


@dataclass(frozen=True, slots=True)
class Opening:
    """Whom to ask, why (unique for life, the same as of the message that asks), and about what.

    Terms: `points` for an answer (None: by the programme's rules for the activity `survey`; 0:
    none), the rating up to which a case is opened (0: never), in how many days that is due (0: as
    the policy of cases says), and for how many days the link is good.
    """

    member_id: UUID
    occasion: str
    order_id: UUID | None = None
    journey: str | None = None
    points: int | None = None
    low_at_most: int = LOW_AT_MOST
    case_days: int = CASE_DAYS
    valid_days: int = VALID_DAYS


def open_many(rows: Sequence[Opening], now: datetime) -> dict[str, UUID]:
    """The survey of each occasion: opened now, or as it was opened before, which stays as it is.

    In the caller's transaction; the link of a survey is `links.url(id)`.
    """
    if not rows:
        return {}
    values = {"rows": as_rows([asdict(row) for row in rows]), "now": now}
    found = {row.occasion: row.id for row in db.session.execute(OPEN, values)}
    missing = [row.occasion for row in rows if row.occasion not in found]
    if missing:
        known = db.session.execute(KNOWN, {"occasions": missing})
        found |= {row.occasion: row.id for row in known}
    return found
