"""Members all over the globe, and a shop that writes to them: what tests of journeys share."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

from people import make
from sqlalchemy import text

from crm.campaigns.journeys import switching
from crm.campaigns.journeys.jobs import tick
from crm.coupons import templates as coupons
from crm.db import db, transaction
from crm.ids import uuid7

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # in Shanghai, a Sunday
_numbers = count(1)

CONSENT = text("""
    INSERT INTO member_consent (member_id, id, channel, purpose, granted, at, actor)
    VALUES (:member, :id, :channel, :purpose, :granted, :at, 'test')
""")
BIRTHDAY = text("""
    UPDATE member SET birthday_month = :month, birthday_day = :day, birthday_calendar = :calendar
    WHERE id = :member
""")


def traveller(
    *,
    zone: str | None = None,
    born: tuple[int, int] | None = None,
    calendar: str = "solar",
    consents: Mapping[str, bool] = {"email.marketing": True},
    joined: datetime | None = None,
    locale: str = "en",
) -> UUID:
    """An active member with an e-mail address; `born` is (month, day) of the calendar."""
    member = make(joined, zone) if joined else make(zone=zone)
    with transaction():
        db.session.execute(
            text("INSERT INTO member_identity (kind, value, member_id) VALUES ('email', :v, :m)"),
            {"v": f"t{next(_numbers)}@example.test", "m": member},
        )
        db.session.execute(
            text("UPDATE member SET locale = :l WHERE id = :m"), {"l": locale, "m": member}
        )
        if born is not None:
            values = {"month": born[0], "day": born[1], "calendar": calendar, "member": member}
            db.session.execute(BIRTHDAY, values)
    for key, granted in consents.items():
        consent(member, key, granted)
    return member


def consent(member: UUID, key: str, granted: bool, at: datetime = NOON) -> None:
    """A decision: `consent(member, "email.marketing", False)`; it supersedes the one before."""
    channel, purpose = key.split(".")
    with transaction():
        db.session.execute(
            text("""
                UPDATE member_consent SET superseded_at = :at
                WHERE member_id = :m AND channel = :c AND purpose = :p AND superseded_at IS NULL
            """),
            {"at": at, "m": member, "c": channel, "p": purpose},
        )
        values = {"channel": channel, "purpose": purpose, "granted": granted}
        db.session.execute(CONSENT, values | {"member": member, "id": uuid7(), "at": at})


def coupon_template(now: datetime = NOON, **values: Any) -> UUID:
    """A coupon template: 20.00 off without more."""
    given = {"name": "Gift", "kind": "amount", "value": 2000, "valid_days": 30} | values
    with transaction():
        return coupons.create(given, now=now).id


def switch(code: str, now: datetime = NOON, *, on: bool = True, **settings: Any) -> None:
    """Switch a journey on with these settings (JSON values)."""
    with transaction():
        switching.change(code, {"enabled": on, "settings": settings}, now=now)


def run_at(at: datetime, set_clock: Any) -> int:
    """Let the tick have its slot at this instant; how many occasions it handled."""
    set_clock(at)
    return tick(at)


def occasions(code: str, member: UUID | None = None) -> list[tuple]:
    """What a journey did: (day, state, reason, points, whether a coupon, told), by day."""
    db.session.rollback()
    rows = db.session.execute(
        text("""
            SELECT CAST(day AS text), state, reason, points, coupon_code IS NOT NULL, told
            FROM journey_occasion
            WHERE journey = :code AND (CAST(:m AS uuid) IS NULL OR member_id = :m)
            ORDER BY day, at, state, reason
        """),
        {"code": code, "m": member},
    )
    return [tuple(row) for row in rows]


def given(code: str, member: UUID | None = None) -> list[str]:
    """The days on which a journey gave something."""
    return [day for day, state, *_ in occasions(code, member) if state == "given"]


def reasons(code: str, member: UUID | None = None) -> list[str | None]:
    """Why it gave nothing, by day."""
    return [reason for _, state, reason, *_ in occasions(code, member) if state != "given"]


def messages(member: UUID) -> list[tuple]:
    """A member's messages: (occasion, state, reason), by occasion."""
    db.session.rollback()
    rows = db.session.execute(
        text("SELECT occasion, state, reason FROM message WHERE member_id = :m ORDER BY occasion"),
        {"m": member},
    )
    return [tuple(row) for row in rows]


def points_of(member: UUID) -> int:
    """All points that a member was ever awarded."""
    db.session.rollback()
    return db.session.scalar(
        text("SELECT coalesce(sum(points), 0) FROM points_entry WHERE member_id = :m"),
        {"m": member},
    )


def coupons_of(member: UUID) -> list[tuple[str, str, UUID]]:
    """A member's coupons: (occasion, state, template), by occasion."""
    db.session.rollback()
    rows = db.session.execute(
        text("""
            SELECT occasion, state, template_id FROM coupon WHERE member_id = :m ORDER BY occasion
        """),
        {"m": member},
    )
    return [tuple(row) for row in rows]
