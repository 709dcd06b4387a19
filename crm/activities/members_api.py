"""Members who register or change their profile, and what that gives them at once."""

from typing import Any
from uuid import UUID

from crm import clock
from crm.activities import arrivals, referrals
from crm.db import transaction
from crm.http import Blueprint, needs, principal
from crm.i18n import gettext
from crm.members import amendment, documents, drafts, fingerprints, registration
from crm.members.schemas import MemberIn, MemberOut, MemberPatch

blp = Blueprint(
    "joining", __name__, description="Members who join, and who tell more of themselves."
)


@blp.post("/members")
@needs("members:write")
@blp.arguments(MemberIn)
@blp.response(201, MemberOut)
@blp.alt_response(200, schema=MemberOut)
def register(body: dict[str, Any]):
    """Register a member: 201, or 200 with the member who has one of these identities already.

    A new one has the points of the rules for `sign_up` and `profile_completed` at once.
    """
    now = clock.now()
    with transaction():
        draft = drafts.read(body, now=now)
        member, created = registration.enter(draft, now=now)
        if created:
            fingerprints.see([(member.id, body.get("fingerprints") or ())], now=now)
            referrals.open_one(member.id, member.referred_by, now=now)
            arrivals.welcome([member.id], actor=principal().name, now=now)
        shown = documents.document(member.id, now=now)
    shown["warnings"] = _said(draft.warnings) if created else []
    return shown, 201 if created else 200


@blp.patch("/members/<uuid:member_id>")
@needs("members:write")
@blp.arguments(MemberPatch)
@blp.response(200, MemberOut)
def change_member(body: dict[str, Any], member_id: UUID):
    """Change what is named (merge patch): null clears, lists are replaced, attributes merged."""
    now = clock.now()
    with transaction():
        arrivals.lock_profile(member_id, now=now)
        warnings = amendment.amend(member_id, body, now=now)
        arrivals.profile_changed(member_id, actor=principal().name, now=now)
        shown = documents.document(member_id, now=now)
    return shown | {"warnings": _said(warnings)}


def _said(warnings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Warnings with a sentence in the reader's language."""
    return [
        one | {"detail": gettext(drafts.WARNINGS[one["code"]]).format(**one)} for one in warnings
    ]
