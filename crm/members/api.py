"""Members over HTTP: read; consents, tags, notes.

Registering and changing are in `crm.activities.members_api`: they may give points.
"""

from typing import Any
from uuid import UUID

import marshmallow as ma

from crm import clock
from crm.db import transaction
from crm.http import Blueprint, fields, needs
from crm.http.pagination import PageQuery
from crm.http.schema import invalid
from crm.members import (
    consents,
    documents,
    listing,
    notes,
    profiles,
    reveal,
    tags,
)
from crm.members.fact_schemas import (
    ConsentOut,
    ConsentPage,
    NoteIn,
    NoteOut,
    RevealOut,
    TagsOut,
)
from crm.members.schemas import (
    ConsentFacts,
    MemberOut,
    MemberPage,
    MemberQuery,
    tag_field,
)

blp = Blueprint("members", __name__, description="Who the members are.")


@blp.get("/members")
@needs("members:read")
@blp.arguments(MemberQuery, location="query")
@blp.response(200, MemberPage)
def list_members(query: dict[str, Any]):
    """Members who meet every filter, the newest first."""
    return listing.page(query, now=clock.now())


@blp.get("/members/<uuid:member_id>")
@needs("members:read")
@blp.response(200, MemberOut)
def read_member(member_id: UUID):
    """One member."""
    return documents.document(member_id, now=clock.now())


@blp.post("/members/<uuid:member_id>/reveal")
@needs("members:reveal")
@blp.response(200, RevealOut)
def reveal_contacts(member_id: UUID):
    """The full phone number and e-mail address. Every call is in the audit trail."""
    with transaction():
        return reveal.contacts_of(member_id, now=clock.now())


@blp.get("/members/<uuid:member_id>/consents")
@needs("members:read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, ConsentPage)
def list_consents(query: dict[str, Any], member_id: UUID):
    """Every decision, newest first; those that count now are `current`."""
    profiles.require(member_id)
    return consents.page(member_id, query["limit"], query["cursor"])


@blp.put("/members/<uuid:member_id>/consents/<channel>/<purpose>")
@needs("members:write")
@blp.arguments(ConsentFacts)
@blp.response(200, ConsentOut)
def set_consent(body: dict[str, Any], member_id: UUID, channel: str, purpose: str):
    """Record a decision; it counts at once, and the earlier one is kept."""
    _check("channel", fields.Choice(*consents.CHANNELS), channel)
    _check("purpose", fields.Choice(*consents.PURPOSES), purpose)
    with transaction():
        return consents.set_one(member_id, channel, purpose, body, now=clock.now())


@blp.put("/members/<uuid:member_id>/tags/<tag>")
@needs("members:write")
@blp.response(200, TagsOut)
def add_tag(member_id: UUID, tag: str):
    """Put a tag on; nothing happens when it is there."""
    tag = _check("tag", tag_field(), tag)
    with transaction():
        return {"tags": tags.add(member_id, tag, now=clock.now())}


@blp.delete("/members/<uuid:member_id>/tags/<tag>")
@needs("members:write")
@blp.response(204)
def remove_tag(member_id: UUID, tag: str):
    """Take a tag off; nothing happens when it is not there."""
    tag = _check("tag", tag_field(), tag)
    with transaction():
        tags.remove(member_id, tag, now=clock.now())


@blp.post("/members/<uuid:member_id>/notes")
@needs("members:write")
@blp.arguments(NoteIn)
@blp.response(201, NoteOut)
def add_note(body: dict[str, Any], member_id: UUID):
    """Write a note about a member."""
    with transaction():
        return notes.add(member_id, body["text"], now=clock.now())


def _check(name: str, field: fields.Text, value: str) -> str:
    """A part of the path obeys the same rules as a field of a body."""
    try:
        return field.deserialize(value)
    except ma.ValidationError as error:
        raise invalid(error, f"/{name}") from None
