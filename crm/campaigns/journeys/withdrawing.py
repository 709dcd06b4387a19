"""What was given and not told yet is taken back where its cause has gone: a refund, a purchase."""

from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import TextClause, text

from crm.campaigns.journeys import directory
from crm.coupons import recalling
from crm.db import db
from crm.messages import planning
from crm.messages.states import Reason

LOOKED_BACK = timedelta(days=33)  # the longest that a message of a journey waits, and a day or two
NOT_TOLD = "not_told"  # why its coupon is void

FOUND = """
    SELECT o.occasion, o.coupon_code, w.reason
    FROM journey_occasion o
    JOIN message g ON g.occasion_key = message_occasion_key(o.occasion) AND g.state = 'waiting'
    JOIN LATERAL ({why}) w ON w.reason IS NOT NULL
    WHERE o.journey = :journey AND o.state = 'given' AND o.at > :since AND o.occasion IS NOT NULL
    ORDER BY o.occasion
    LIMIT 1000
"""
ANY = f"SELECT EXISTS ({FOUND})"


@cache
def _statement(form: str, why: str) -> TextClause:
    return text(form.format(why=why))


def is_called_for(code: str, *, now: datetime) -> bool:
    """Whether anything of a journey waits and has lost its cause."""
    why = directory.find(code).withdrawn
    if why is None:
        return False
    values = {"journey": code, "since": now - LOOKED_BACK}
    return db.session.execute(_statement(ANY, why), values).scalar_one()


def withdraw(code: str, *, now: datetime) -> int:
    """Cancel what of a journey waits and has lost its cause, and void its coupons; how many."""
    why = directory.find(code).withdrawn
    if why is None:
        return 0
    values = {"journey": code, "since": now - LOOKED_BACK}
    rows = db.session.execute(_statement(FOUND, why), values).all()
    for reason in sorted({row.reason for row in rows}):
        occasions = [row.occasion for row in rows if row.reason == reason]
        planning.withdraw(occasions, reason=Reason(reason), now=now)
    codes = [row.coupon_code for row in rows if row.coupon_code is not None]
    if codes:
        recalling.take_back(codes, reason=NOT_TOLD, now=now)
    return len(rows)
