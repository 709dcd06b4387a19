"""Reports of campaigns over HTTP."""

from uuid import UUID

from crm import clock
from crm.campaigns.results import reading
from crm.campaigns.results.definitions import told
from crm.campaigns.results.schemas import CampaignReportOut
from crm.http import Blueprint, needs

blp = Blueprint("campaign_results", __name__, description="What came of campaigns.")


@blp.get("/campaigns/<uuid:campaign_id>/report")
@needs("campaigns:read")
@blp.response(200, CampaignReportOut)
def get_report(campaign_id: UUID):
    """Figures per arm, profit beyond doing nothing with its 95 % interval, and the best arm."""
    return reading.report(campaign_id, now=clock.now()) | {"definitions": told()}
