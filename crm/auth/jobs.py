"""House-keeping: old tries and sessions are forgotten, requests that waited too long closed."""

from datetime import datetime, timedelta

from crm import clock
from crm.auth import approvals, sessions, throttle
from crm.db import transaction
from crm.queue import job, never_on_the_way


@job("auth.purge", every="41 3 * * *", due_from=never_on_the_way)
def purge(slot: datetime) -> None:
    """Forget tries to sign in after a day, and ended sessions after thirty days."""
    with transaction():
        throttle.purge(slot - timedelta(days=1))
        sessions.purge(slot - timedelta(days=30))


@job("approvals.expire", every="*/15 * * * *", due_from=approvals.next_expiry)
def expire(slot: datetime) -> int:
    """Close requests that nobody has decided in time; reading never waits for it."""
    with transaction():
        return approvals.expire(clock.now())
