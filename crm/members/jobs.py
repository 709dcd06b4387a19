"""Jobs of the members' room."""

from datetime import datetime

from crm.db import transaction
from crm.members import ranking
from crm.queue import job, never_on_the_way


@job("members.refresh_ranking", every="37 19 * * *", due_from=never_on_the_way)
def refresh_ranking(slot: datetime) -> int:
    """Every night: the order of lookups follows the visits. Returns how many rows moved."""
    with transaction():
        return ranking.refresh()
