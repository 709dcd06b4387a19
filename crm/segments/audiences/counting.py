"""How many members an audience has, now."""

from datetime import datetime

from crm.db import db
from crm.segments.audiences import compiling
from crm.segments.audiences.compiling import Selection
from crm.segments.audiences.models import Audience

COUNT = "SELECT count(*) FROM ({}) a"


def count(selection: Selection) -> int:
    """How many members a selection gives."""
    return db.session.execute(selection.statement(COUNT), selection.params).scalar_one()


def recount(audience: Audience, *, now: datetime) -> int:
    """Count a saved audience and keep the figure with it. It is flushed already."""
    found = count(compiling.audience(audience.id, now))
    audience.members, audience.counted_at = found, now
    return found
