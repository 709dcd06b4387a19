"""What stops a template from being archived: journeys that are on, campaigns under way."""

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import select

from crm.campaigns.journeys import checks, switching
from crm.campaigns.models import OPEN, Campaign, CampaignArm
from crm.db import db
from crm.i18n import gettext
from crm.messages.templates.usage import Use


def of_template(template_id: UUID) -> Iterator[Use]:
    """All that tell members by a template now, or are about to."""
    for one in switching.enabled():
        if template_id in [one.settings[name] for name in checks.TEMPLATES]:
            yield Use("journey", one.journey.code, gettext(one.journey.name))
    query = (
        select(Campaign.id, Campaign.name)
        .where(
            Campaign.state.in_(OPEN),
            select(CampaignArm)
            .where(CampaignArm.campaign_id == Campaign.id, CampaignArm.template_id == template_id)
            .exists(),
        )
        .order_by(Campaign.id)
    )
    for row in db.session.execute(query):
        yield Use("campaign", str(row.id), row.name)
