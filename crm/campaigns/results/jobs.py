"""Jobs of results."""

from datetime import datetime

from crm import clock
from crm.campaigns.results import before
from crm.db import transaction
from crm.queue import job


@job("campaigns.measure_before", every="*/5 * * * *", due_from=before.next_at)
def measure_before(slot: datetime) -> None:
    """Write down what members had bought before a campaign reached them, as far as it did."""
    with transaction():
        waiting = before.pending(clock.now())
    for campaign_id in waiting:
        with transaction():
            before.measure(campaign_id, now=clock.now())
