"""Opening a case: with an owner and a due date, and no more marketing from that instant on."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from crm import audit
from crm.cases import history, owners, policy, stops
from crm.cases.errors import CaseDueInThePast, CaseOrderUnknown
from crm.cases.models import Case
from crm.db import db
from crm.http import principal
from crm.members import profiles
from crm.orders.models import Order


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a case is about. `order`: channel and number; `occasion`: what opens it if no person.

    Without `owner_id` and `due_at` the policy says whose it is and by when.
    """

    kind: str
    subject: str
    source: str
    text: str | None = None
    order: tuple[str, str] | None = None
    order_id: UUID | None = None
    rating: int | None = None
    occasion: str | None = None
    owner_id: UUID | None = None
    due_at: datetime | None = None


def open_case(member_id: UUID, complaint: Complaint, *, now: datetime) -> Case:
    """Open a case in the caller's transaction; the same occasion again is the same case.

    Raises `MemberNotFound`, `CaseOrderUnknown`, `CaseOwnerUnknown`, `CaseDueInThePast`.
    """
    order_id = _order_held(member_id, complaint)
    profiles.require(member_id, to_write=True)
    if complaint.occasion is not None:
        known = db.session.scalar(select(Case).where(Case.occasion == complaint.occasion))
        if known is not None:
            return known
    case = Case(
        member_id=member_id,
        order_id=order_id,
        source=complaint.source,
        occasion=complaint.occasion,
        kind=complaint.kind,
        subject=complaint.subject,
        text=complaint.text,
        rating=complaint.rating,
        state="open",
        opened_at=now,
        opened_by=principal().name,
        updated_at=now,
        **_duty(member_id, order_id, complaint, now),
    )
    db.session.add(case)
    db.session.flush()
    history.write(case, "opened", now=now)
    stops.stop(member_id, case.id, now=now)
    after = {"member": str(member_id), "kind": case.kind, "source": case.source}
    audit.record("case.opened", "case", case.id, after=after, now=now)
    db.session.flush()
    return case


def _duty(
    member_id: UUID, order_id: UUID | None, complaint: Complaint, now: datetime
) -> dict[str, object]:
    """Whose the case is, and by when."""
    if complaint.due_at is not None and complaint.due_at <= now:
        raise CaseDueInThePast(pointer="/due_at")
    rules = policy.current()
    if complaint.owner_id is not None:
        owner = owners.require(complaint.owner_id, pointer="/owner")
    else:
        default = UUID(rules["owner"]) if rules["owner"] else None
        owner = owners.find(member_id, order_id, default)
    due_at = complaint.due_at or now + timedelta(days=rules["due_days"])
    return {"owner_id": owner, "due_at": due_at}


def _order_held(member_id: UUID, complaint: Complaint) -> UUID | None:
    """The order's id, its row held: orders are locked before records, as merges do it."""
    if complaint.order is None and complaint.order_id is None:
        return None
    query = select(Order.id).where(Order.member_id == member_id)
    if complaint.order is not None:
        channel, order_no = complaint.order
        query = query.filter_by(channel=channel, order_no=order_no)
    else:
        query = query.where(Order.id == complaint.order_id)
    found = db.session.scalar(query.with_for_update(read=True, key_share=True))
    if found is None and complaint.order is not None:
        raise CaseOrderUnknown(pointer="/order")
    return found  # None also where an order that we named ourselves has become another's
