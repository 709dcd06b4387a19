"""The job of the room of cases. Killable at any point."""

from datetime import datetime

from crm import clock
from crm.cases import escalation
from crm.db import transaction
from crm.queue import job

CHUNK = 500


def next_due(now: datetime) -> datetime | None:
    """When the next case becomes overdue."""
    return escalation.next_due()


@job("cases.escalate", every="*/10 * * * *", due_from=next_due)
def escalate(slot: datetime) -> int:
    """Announce cases that nobody closed in time, each once, in their history."""
    done = 0
    while True:
        with transaction():
            found = escalation.announce(clock.now(), CHUNK)
        done += found
        if found < CHUNK:
            return done
