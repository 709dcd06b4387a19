"""Jobs of the room of activities. Killable at any point."""

from datetime import datetime

from crm import clock
from crm.activities import releasing
from crm.db import transaction
from crm.queue import job

CHUNK = 500


def next_window(now: datetime) -> datetime | None:
    """When the next referral can be settled."""
    return releasing.earliest(now)


@job("points.referrals", every="*/10 * * * *", due_from=next_window)
def release_referrals(slot: datetime) -> int:
    """Settle the referrals whose friend's first order can't come back any more; each in a
    transaction of its own. Returns how many were looked at."""
    done, after = 0, releasing.FIRST_ID
    while after is not None:
        with transaction():
            ready, after = releasing.due(clock.now(), CHUNK, after)
        for referee_id in ready:
            with transaction():
                releasing.settle(referee_id, now=clock.now())
            done += 1
    return done
