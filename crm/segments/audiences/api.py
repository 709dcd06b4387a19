"""Audiences over HTTP: saved, counted, previewed, uploaded."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from crm import clock
from crm.db import transaction
from crm.http import Blueprint, needs
from crm.http.pagination import PageQuery
from crm.segments.audiences import catalogue, lists, previewing, saving, viewing
from crm.segments.audiences.schemas import (
    AudienceIn,
    AudienceMemberPage,
    AudienceOut,
    AudiencePage,
    AudiencePut,
    AudienceQuery,
    FilterFieldsOut,
    PreviewAudienceIn,
    PreviewAudienceOut,
    UploadIn,
    UploadOut,
)

blp = Blueprint("audiences", __name__, description="Members by saved filters and by lists.")


@blp.get("/audiences")
@needs("audiences:read")
@blp.arguments(AudienceQuery, location="query")
@blp.response(200, AudiencePage)
def list_audiences(query: dict[str, Any]):
    """Audiences, the newest first."""
    return saving.listed(query)


@blp.post("/audiences")
@needs("audiences:write")
@blp.arguments(AudienceIn)
@blp.response(201, AudienceOut)
def create_audience(body: dict[str, Any]):
    """A new audience. What of its filter can't be read is refused, each mistake by its place."""
    with transaction():
        return saving.document(saving.create(body, now=clock.now()))


@blp.get("/audiences/fields")
@needs("audiences:read")
@blp.response(200, FilterFieldsOut)
def list_fields():
    """The fields that filters can name: types, operators, choices, in the reader's language."""
    return {"data": catalogue.shown(clock.now()), "next_cursor": None}


@blp.post("/audiences/preview")
@needs("audiences:read")
@blp.arguments(PreviewAudienceIn)
@blp.response(200, PreviewAudienceOut)
def preview_audience(body: dict[str, Any]):
    """How many members a filter fits, some of them, whom each channel reaches. Saves nothing."""
    return previewing.preview(body, now=clock.now())


@blp.get("/audiences/<uuid:audience_id>")
@needs("audiences:read")
@blp.response(200, AudienceOut)
def read_audience(audience_id: UUID):
    """One audience."""
    return saving.document(saving.get(audience_id))


@blp.put("/audiences/<uuid:audience_id>")
@needs("audiences:write")
@blp.arguments(AudiencePut)
@blp.response(200, AudienceOut)
def change_audience(body: dict[str, Any], audience_id: UUID):
    """Change name, description or filter, archive it or take it back."""
    with transaction():
        return saving.document(saving.change(audience_id, body, now=clock.now()))


@blp.get("/audiences/<uuid:audience_id>/members")
@needs("audiences:read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, AudienceMemberPage)
def list_audience_members(query: dict[str, Any], audience_id: UUID):
    """Who is in an audience now, by id."""
    return viewing.members(audience_id, query["limit"], query["cursor"], now=clock.now())


@blp.post("/audiences/<uuid:audience_id>/members")
@needs("audiences:write")
@blp.arguments(UploadIn)
@blp.response(200, UploadOut)
def upload_members(body: dict[str, Any], audience_id: UUID):
    """Put members on a list, take them off it, or let it have just these. The same upload again
    changes nothing."""
    file = body.get("csv")
    lines = lists.of_values(body["members"]) if file is None else lists.of_file(file.encode())
    with transaction():
        return asdict(lists.put(audience_id, lines, body["mode"], now=clock.now()))
