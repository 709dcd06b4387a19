"""Merging members over HTTP: look before it, do it, undo it within thirty days."""

from typing import Any
from uuid import UUID

from crm import clock
from crm.http import Blueprint, idempotent, needs, principal
from crm.members import identity
from crm.members.merging import register
from crm.overview import merge_pages, merging
from crm.overview.merge_schemas import (
    MergeIn,
    MergeListOut,
    MergeOut,
    MergePreviewOut,
    UndoIn,
)

blp = Blueprint("merges", __name__, description="Two records of one person become one.")


def _from(body: dict[str, Any]) -> UUID:
    return identity.record_of(identity.parse_ref(body["from_"], at="/from"))


@blp.post("/members/<uuid:member_id>/merge")
@needs("members:merge")
@idempotent
@blp.arguments(MergeIn)
@blp.response(201, MergeOut)
@blp.alt_response(200, schema=MergeOut)
def merge(body: dict[str, Any], member_id: UUID):
    """Merge another record into this member: 201, or 200 when that was done before.

    Identities, points, debts, orders, tags, consents and referrals move; the better tier lives on.
    """
    found = merging.merge(member_id, _from(body), actor=principal().name, now=clock.now())
    return merge_pages.document(found.merge), 201 if found.created else 200


@blp.post("/members/<uuid:member_id>/merge/preview")
@needs("members:merge")
@blp.arguments(MergeIn)
@blp.response(200, MergePreviewOut)
def preview(body: dict[str, Any], member_id: UUID):
    """Both records and what would move; writes nothing, refuses what the merge would refuse."""
    return merge_pages.preview(member_id, _from(body), now=clock.now())


@blp.post("/merges/<uuid:merge_id>/undo")
@needs("members:merge")
@idempotent
@blp.arguments(UndoIn)
@blp.response(200, MergeOut)
def undo(body: dict[str, Any], merge_id: UUID):
    """Part two records again, within thirty days, the newest merge first.

    What is left of the points that moved goes back; what was spent stays spent.
    """
    return merge_pages.document(merging.undo(merge_id, actor=principal().name, now=clock.now()))


@blp.get("/merges/<uuid:merge_id>")
@needs("members:read")
@blp.response(200, MergeOut)
def read(merge_id: UUID):
    """One merge."""
    return merge_pages.document(register.find(merge_id))


@blp.get("/members/<uuid:member_id>/merges")
@needs("members:read")
@blp.response(200, MergeListOut)
def of_member(member_id: UUID):
    """The merges that this record took part in, undone ones too; also of a record merged away."""
    register.records((member_id, member_id))
    return {"data": [merge_pages.document(one) for one in register.of_member(member_id)]}
