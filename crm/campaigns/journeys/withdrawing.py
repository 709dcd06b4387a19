"""What was given is taken back where the member is not told: its cause has gone (a refund, a
purchase), or the message was not to be sent."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from sqlalchemy import TextClause, text

from crm.campaigns.journeys import directory
from crm.coupons import recalling
from crm.db import db
from crm.messages import occasions
from crm.messages.states import Reason

LOOKED_BACK = timedelta(days=33)  # the longest that a message of a journey waits, and a day or two
NOT_TOLD = "not_told"  # why its coupon is void

FOUND = """
    SELECT o.occasion, o.coupon_code, w.reason
    FROM journey_occasion o
    JOIN message g ON g.occasion_key = message_occasion_key(o.occasion) AND g.state = 'waiting'
    JOIN LATERAL (
        SELECT coalesce(merged_into, id) AS id FROM member WHERE id = o.member_id) person ON true
    JOIN LATERAL ({why}) w ON w.reason IS NOT NULL
    WHERE o.journey = :journey AND o.state = 'given' AND o.at > :since AND o.occasion IS NOT NULL
    ORDER BY o.occasion
    LIMIT 1000
"""
# A coupon that came to another member since, by a merge or from the pool, is his.
UNTOLD = """
    SELECT o.coupon_code
    FROM {found} AND g.state = 'suppressed'
    JOIN coupon c ON c.code = o.coupon_code AND c.state = 'issued'
        AND c.member_id = o.member_id AND c.occasion = o.occasion
    WHERE o.journey = ANY (:journeys) AND o.state = 'given' AND o.at > :since
      AND o.coupon_code IS NOT NULL
    ORDER BY o.coupon_code
    LIMIT :most
"""
LATELY = text(
    UNTOLD.format(
        found="journey_occasion o JOIN message g ON "
        "g.occasion_key = message_occasion_key(o.occasion)"
    )
)
AMONG = text(
    UNTOLD.format(
        found="message g JOIN journey_occasion o ON "
        "g.id = ANY (:messages) AND o.key = journey_occasion_key(g.occasion)"
    )
)
MOST = 1000
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
        named = [row.occasion for row in rows if row.reason == reason]
        occasions.withdraw(named, reason=Reason(reason), now=now)
    codes = [row.coupon_code for row in rows if row.coupon_code is not None]
    if codes:
        recalling.take_back(codes, reason=NOT_TOLD, now=now)
    return len(rows)


def take_back(*, among: Sequence[UUID] | None = None, now: datetime) -> int:
    """Take back coupons whose members were not told of them after all (they opted out, complained,
    had had enough messages), where a gift is of no use without a word; returns how many, at most
    `MOST`. `among`: those of these messages; else of all lately."""
    values = _untold(now, MOST)
    if among is None:
        found = db.session.scalars(LATELY, values)
    else:
        found = db.session.scalars(AMONG, values | {"messages": list(among)})
    codes = list(found)
    return recalling.take_back(codes, reason=NOT_TOLD, now=now) if codes else 0


def is_untold(now: datetime) -> bool:
    """Whether `take_back` would find any."""
    return db.session.execute(LATELY, _untold(now, 1)).first() is not None


def _untold(now: datetime, most: int) -> dict[str, object]:
    told = [code for code, one in directory.JOURNEYS.items() if one.must_be_told]
    return {"journeys": told, "since": now - LOOKED_BACK, "most": most}
