"""What the owner of an overdue case is told by mail."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.cases import owners
from crm.db import config, db
from crm.errors import N_
from crm.i18n import gettext, use
from crm.ids import digest_id
from crm.messages.staff_mail import Note
from crm.messages.templates.showing import day
from crm.points import programme

SUBJECT = N_("Overdue: {subject}")
TEXT = N_(
    "Hello {name},\n\nthe case “{subject}” of member {member_no} was due on {day} and is still "
    "open. Until it is closed, this member gets no marketing.\n\n{link}\n"
)
LATE = text("""
    SELECT c.id, c.subject, c.member_id, c.order_id, m.member_no, s.id AS owner_id
    FROM member_case c
    JOIN member m ON m.id = c.member_id
    LEFT JOIN staff s ON s.id = c.owner_id AND s.active
    WHERE c.id = :id AND c.state <> 'closed' AND c.due_at = :due_at
""")
READER = text("SELECT email, name, locale FROM staff WHERE id = :id AND active")


def overdue(case_id: UUID, due_at: datetime, *, now: datetime) -> Note | None:
    """The mail to its owner, or to who would be given it now where that account does not work.

    None: it was closed or moved meanwhile, or there is nobody to tell.
    """
    found = db.session.execute(LATE, {"id": case_id, "due_at": due_at}).one_or_none()
    if found is None:
        return None
    owner = found.owner_id or owners.find(found.member_id, found.order_id, None)
    reader = db.session.execute(READER, {"id": owner}).one_or_none()
    if reader is None:
        return None
    zone = programme.current(now).timezone
    with use(reader.locale):
        facts = {
            "name": reader.name,
            "subject": found.subject,
            "member_no": found.member_no,
            "day": day(due_at.isoformat(), "long", reader.locale, zone),
            "link": f"{config().base_url.rstrip('/')}/console/cases/{case_id}",
        }
        return Note(
            id=UUID(digest_id("case.overdue", f"{case_id}:{due_at.isoformat()}")),
            address=reader.email,
            locale=reader.locale,
            subject=gettext(SUBJECT).format(**facts),
            text=gettext(TEXT).format(**facts),
        )
