"""Cases over HTTP: opened, listed, worked on; and the policy that new ones follow."""

from typing import Any
from uuid import UUID

from crm import clock
from crm.cases import documents, opening, policy, working
from crm.cases.opening import Complaint
from crm.cases.schemas import (
    CaseIn,
    CasePage,
    CasePatch,
    CasePolicyIn,
    CasePolicyOut,
    CaseQuery,
    CaseWithHistoryOut,
)
from crm.db import transaction
from crm.http import Blueprint, idempotent, needs, principal
from crm.members import identity

blp = Blueprint("cases", __name__, description="Complaints: whose, who looks after them, by when.")


@blp.get("/cases")
@needs("cases:read")
@blp.arguments(CaseQuery, location="query")
@blp.response(200, CasePage)
def list_cases(query: dict[str, Any]):
    """Cases, the newest first or those due first."""
    return documents.listed(query, now=clock.now())


@blp.post("/cases")
@needs("cases:write")
@idempotent
@blp.arguments(CaseIn)
@blp.response(201, CaseWithHistoryOut)
def open_case(body: dict[str, Any]):
    """Open a case. From now on the member gets no marketing, until his last one is closed."""
    now = clock.now()
    member_id = identity.require(identity.parse_ref(body["member"], at="/member"))
    order = body["order"]
    complaint = Complaint(
        kind=body["kind"],
        subject=body["subject"],
        source="staff" if principal().kind == "staff" else "api",
        text=body["text"],
        order=(order["channel"], order["order_no"]) if order else None,
        owner_id=body["owner"],
        due_at=body["due_at"],
    )
    return documents.document(opening.open_case(member_id, complaint, now=now).id, now=now)


@blp.get("/cases/<uuid:case_id>")
@needs("cases:read")
@blp.response(200, CaseWithHistoryOut)
def read_case(case_id: UUID):
    """One case, with all that happened to it."""
    return documents.document(case_id, now=clock.now())


@blp.patch("/cases/<uuid:case_id>")
@needs("cases:write")
@blp.arguments(CasePatch)
@blp.response(200, CaseWithHistoryOut)
def change_case(body: dict[str, Any], case_id: UUID):
    """Change what is named, and write down a comment. The same again changes nothing.

    Other people's cases take the permission `cases:manage`, but to comment on them.
    """
    now = clock.now()
    with transaction():
        working.change(case_id, body, by=principal(), now=now)
    return documents.document(case_id, now=now)


@blp.get("/case-policy")
@needs("cases:read")
@blp.response(200, CasePolicyOut)
def read_policy():
    """What new cases follow."""
    return policy.current()


@blp.put("/case-policy")
@needs("cases:manage")
@blp.arguments(CasePolicyIn)
@blp.response(200, CasePolicyOut)
def write_policy(body: dict[str, Any]):
    """Change what new cases follow; what is not named stays. Cases that are there stay as they
    are."""
    with transaction():
        return policy.put(body, now=clock.now())
