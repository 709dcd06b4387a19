"""What the floor forgets in time: old answers to requests, tasks that are done."""

from datetime import timedelta

from crm import clock, outbox
from crm.db import transaction
from crm.http import idempotency
from crm.queue import job


@job("floor.forget", every="40 * * * *")
def forget(slot: str) -> None:
    """Drop idempotency keys after 72 hours and finished tasks after 14 days."""
    with transaction():
        idempotency.purge(clock.now() - timedelta(hours=idempotency.KEPT_HOURS))
    with transaction():
        outbox.purge(clock.now() - outbox.DONE_KEPT)
