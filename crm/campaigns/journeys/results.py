"""What came of a journey: given, told, opened, redeemed, and what members spent afterwards."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, tuple_

from crm.campaigns.journeys import moments, switching
from crm.campaigns.journeys.models import JourneyOccasion
from crm.campaigns.journeys.switching import Switched
from crm.db import db
from crm.http.pagination import decode, page
from crm.messages.models import Message
from crm.points import rulebook

COUNTS = text("""
    SELECT day, state, reason, n, points, coupons FROM journey_count
    WHERE journey = :journey AND day >= :first AND day <= :last ORDER BY day
""")
# Messages by their occasion, for what was given in the span.
TOLD = text("""
    SELECT g.state, g.channel, count(*) AS n,
           count(*) FILTER (WHERE EXISTS (
               SELECT FROM message_event e WHERE e.message_id = g.id AND e.kind = 'opened'))
               AS opened,
           count(*) FILTER (WHERE EXISTS (
               SELECT FROM message_event e WHERE e.message_id = g.id AND e.kind = 'clicked'))
               AS clicked
    FROM journey_occasion o
    JOIN message g ON g.occasion_key = message_occasion_key(o.occasion)
    WHERE o.journey = :journey AND o.at >= :since AND o.at < :until AND o.told
    GROUP BY g.state, g.channel
""")
# An order counts once, for the latest occasion before it that is not too long ago.
SPENT = text("""
    SELECT count(*) AS orders, coalesce(sum(r.net), 0)::bigint AS revenue,
           count(DISTINCT r.member_id) AS members
    FROM (
        SELECT DISTINCT x.id, x.net, x.member_id
        FROM journey_occasion o
        JOIN orders x ON x.member_id = o.member_id AND x.counted
            AND x.paid_at > o.at AND x.paid_at <= o.at + make_interval(days => :days)
        WHERE o.journey = :journey AND o.at >= :since AND o.at < :until AND o.state = 'given'
    ) r
""")
REDEEMED = text("""
    SELECT count(*) FROM journey_occasion o JOIN coupon c ON c.code = o.coupon_code
    WHERE o.journey = :journey AND o.at >= :since AND o.at < :until AND c.state = 'used'
""")
MESSAGE_KEY = func.message_occasion_key(JourneyOccasion.occasion)
SENT = ("sent", "delivered")


@dataclass(frozen=True, slots=True)
class Results:
    """The occasions of a span of local days. Counts add up: occasions = given + skipped + expired.
    Money in minor units."""

    first: date
    last: date
    given: int = 0
    skipped: int = 0
    expired: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    points: int = 0
    coupons: int = 0
    redeemed: int = 0
    sent: int = 0
    channels: Mapping[str, int] = field(default_factory=dict)
    delivered: int = 0
    opened: int = 0
    clicked: int = 0
    orders: int = 0
    buyers: int = 0
    revenue: int = 0
    currency: str = ""
    attribution_days: int = 0
    by_day: Sequence[tuple[date, int]] = ()


def of(one: Switched, days: int, *, now: datetime) -> Results:
    """The results of the last `days` days, today by the shop's clock included."""
    programme = rulebook.load().programme_at(now)
    zone = moments.zone_of(programme.timezone)
    last = moments.local_day(now, zone) + moments.ONE_DAY  # it may be tomorrow somewhere
    first = last - timedelta(days=days)
    counted = _counted(one.journey.code, first, last)
    span = {
        "journey": one.journey.code,
        "since": moments.midnight(first, zone),
        "until": moments.midnight(last + moments.ONE_DAY, zone),
    }
    told = db.session.execute(TOLD, span).all()
    channels: Counter[str] = Counter()
    for row in told:
        channels[row.channel] += row.n if row.state in SENT else 0
    window = one.settings["attribution_days"]
    spent = db.session.execute(SPENT, span | {"days": window}).one()
    return Results(
        first=first, last=last, **counted,
        redeemed=db.session.scalar(REDEEMED, span) or 0,
        sent=sum(row.n for row in told if row.state in SENT),
        channels={name: n for name, n in channels.most_common() if n},
        delivered=sum(row.n for row in told if row.state == "delivered"),
        opened=sum(row.opened for row in told),
        clicked=sum(row.clicked for row in told),
        orders=spent.orders, buyers=spent.members, revenue=spent.revenue,
        currency=programme.currency, attribution_days=window,
    )  # fmt: skip


def _counted(code: str, first: date, last: date) -> dict[str, Any]:
    rows = db.session.execute(COUNTS, {"journey": code, "first": first, "last": last}).all()
    states: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    by_day: Counter[date] = Counter()
    for row in rows:
        states[row.state] += row.n
        if row.reason:
            reasons[row.reason] += row.n
        if row.state == "given":
            by_day[row.day] += row.n
    return {
        **{state: states[state] for state in ("given", "skipped", "expired")},
        "reasons": dict(reasons.most_common()),
        "points": sum(row.points for row in rows),
        "coupons": sum(row.coupons for row in rows),
        "by_day": sorted(by_day.items()),
    }


def occasions(
    code: str, *, state: str | None, reason: str | None, limit: int, cursor: str | None
) -> dict[str, Any]:
    """Occasions of a journey, the newest first; maybe those of one state or reason. `channel`: of
    the message that was planned for one."""
    found = (
        select(*JourneyOccasion.__table__.columns, Message.channel)
        .outerjoin(Message, Message.occasion_key == MESSAGE_KEY)
        .where(JourneyOccasion.journey == switching.get(code).journey.code)
    )
    if state is not None:
        found = found.where(JourneyOccasion.state == state)
    if reason is not None:
        found = found.where(JourneyOccasion.reason == reason)
    after = decode(cursor, datetime.fromisoformat, UUID)
    if after:
        found = found.where(tuple_(JourneyOccasion.at, JourneyOccasion.id) < after)
    order = (JourneyOccasion.at.desc(), JourneyOccasion.id.desc())
    rows = db.session.execute(found.order_by(*order).limit(limit + 1)).all()
    return page(rows, limit, lambda row: (row.at.isoformat(), str(row.id)))
