"""What the floor forgets in time: old answers to requests, tasks that are done."""

from datetime import datetime, timedelta

from crm import clock, outbox
from crm.db import transaction
from crm.http import idempotency
from crm.queue import job, never_on_the_way


@job("floor.forget", every="40 * * * *", due_from=never_on_the_way)
def forget(slot: datetime) -> None:
    """Drop idempotency keys after 72 hours and finished tasks after 14 days."""
    with transaction():
        idempotency.purge(clock.now() - timedelta(hours=idempotency.KEPT_HOURS))
    with transaction():
        outbox.purge(clock.now() - outbox.DONE_KEPT)
