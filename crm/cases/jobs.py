"""The jobs of the room of cases. Killable at any point."""

from datetime import datetime
from uuid import UUID

from crm import clock
from crm.cases import escalation, notices
from crm.db import transaction
from crm.messages import staff_mail
from crm.queue import job

CHUNK = 500


def next_due(now: datetime) -> datetime | None:
    """When the next case becomes overdue."""
    return escalation.next_due()


@job("cases.escalate", every="*/10 * * * *", due_from=next_due)
def escalate(slot: datetime) -> int:
    """Announce cases that nobody closed in time, each once: in their history, and by mail to their
    owners where the shop has a mail server."""
    done = 0
    while True:
        with transaction():
            found = escalation.announce(clock.now(), CHUNK)
            for case_id, due_at in found if staff_mail.is_possible() else ():
                due = due_at.isoformat()
                tell_owner.put(str(case_id), due, key=f"case.overdue:{case_id}:{due}")
        done += len(found)
        if len(found) < CHUNK:
            return done


@job("cases.tell_owner")
def tell_owner(case_id: str, due_at: str) -> bool:
    """Mail the owner of an overdue case, unless it was closed or moved meanwhile; tried again while
    the mail server takes nothing."""
    with transaction():
        note = notices.overdue(UUID(case_id), datetime.fromisoformat(due_at), now=clock.now())
    return note is not None and staff_mail.send(note)
