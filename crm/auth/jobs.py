"""House-keeping of the door: tries and sessions that no longer matter are forgotten."""

from datetime import datetime, timedelta

from crm.auth import sessions, throttle
from crm.db import transaction
from crm.queue import job, never_on_the_way


@job("auth.purge", every="41 3 * * *", due_from=never_on_the_way)
def purge(slot: datetime) -> None:
    """Forget tries to sign in after a day, and ended sessions after thirty days."""
    with transaction():
        throttle.purge(slot - timedelta(days=1))
        sessions.purge(slot - timedelta(days=30))
