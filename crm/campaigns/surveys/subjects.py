"""What a survey is about, and in which language its member reads."""

from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.points import programme

LOCALE = text("""
    SELECT m.locale FROM survey s JOIN member m ON m.id = s.member_id WHERE s.id = :id
""")
ORDER = text("""
    SELECT o.order_no, o.placed_at FROM survey s JOIN orders o ON o.id = s.order_id
    WHERE s.id = :id
""")


class Subject(NamedTuple):
    """The order that a survey asks about: its number, and the shop's day on which it was placed."""

    order_no: str
    day: date


def locale_of(survey_id: UUID) -> str | None:
    """The language of the member who is asked, if it is known."""
    return db.session.scalar(LOCALE, {"id": survey_id})


def order_of(survey_id: UUID) -> Subject | None:
    """The order that it is about; None when it is about none."""
    row = db.session.execute(ORDER, {"id": survey_id}).one_or_none()
    if row is None:
        return None
    zone = programme.current(row.placed_at).zone
    return Subject(row.order_no, row.placed_at.astimezone(zone).date())
