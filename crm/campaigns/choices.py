"""Which campaigns filters of audiences can name: those that were launched, the newest first."""

from datetime import datetime

from sqlalchemy import select

from crm.campaigns.models import Campaign
from crm.db import db
from crm.segments.audiences.field import Choice

MOST = 200


def launched(_: datetime) -> list[Choice]:
    """Launched campaigns by id, at most two hundred."""
    query = select(Campaign.id, Campaign.name).where(Campaign.launched_at.is_not(None))
    rows = db.session.execute(query.order_by(Campaign.id.desc()).limit(MOST))
    return [Choice(str(row.id), row.name) for row in rows]
