"""Templates over HTTP: written in versions, previewed on a real member, tried out."""

from typing import Any
from uuid import UUID

from flask import Response, jsonify

from crm import clock
from crm.db import transaction
from crm.http import Blueprint, idempotent, needs
from crm.members.identity import parse_ref, require
from crm.messages import testing
from crm.messages.schemas import MessageOut
from crm.messages.template_schemas import (
    PreviewIn,
    PreviewOut,
    TemplateIn,
    TemplateOut,
    TemplatePage,
    TemplatePut,
    TemplateQuery,
    TestSendIn,
    VersionQuery,
)
from crm.messages.templates import compiling, previewing, store

blp = Blueprint("templates", __name__, description="What messages say, in three languages.")


@blp.get("/templates")
@needs("templates:read")
@blp.arguments(TemplateQuery, location="query")
@blp.response(200, TemplatePage)
def list_templates(query: dict[str, Any]):
    """Templates by code, each with what its newest version says."""
    return store.listed(query)


@blp.post("/templates")
@needs("templates:write")
@blp.arguments(TemplateIn)
@blp.response(201, TemplateOut)
def create_template(body: dict[str, Any]):
    """A new template. Everything that would not work is refused here, by part and line."""
    with transaction():
        return store.create(body, now=clock.now())


@blp.get("/templates/<uuid:template_id>")
@needs("templates:read")
@blp.arguments(VersionQuery, location="query")
@blp.response(200, TemplateOut)
def read_template(query: dict[str, Any], template_id: UUID):
    """One template with what its newest version says, or another one."""
    return store.document(store.get(template_id), query["version"])


@blp.put("/templates/<uuid:template_id>")
@needs("templates:write")
@blp.arguments(TemplatePut)
@blp.response(200, TemplateOut)
def change_template(body: dict[str, Any], template_id: UUID):
    """Write a new version. What was planned before keeps the version it was planned with."""
    with transaction():
        return store.change(template_id, body, now=clock.now())


@blp.post("/templates/<uuid:template_id>/preview")
@needs("templates:read")
@blp.arguments(PreviewIn)
@blp.response(200, PreviewOut)
def preview_template(body: dict[str, Any], template_id: UUID):
    """Every language as a member would read it; nothing is sent and nothing is written."""
    found = store.get(template_id)
    if "languages" in body:
        ready = store.check(found.channel, found.purpose, store.told(body["languages"]))
    else:
        languages = store.languages_of(found, body.get("version"))
        ready = compiling.compiled(found.channel, found.purpose, languages)
    member_id = require(parse_ref(body["member"], "/member"))
    variables = body.get("variables", {})
    shown = previewing.preview(
        found.channel, ready, member_id, variables=variables, now=clock.now()
    )
    return {"languages": shown}


@blp.post("/templates/<uuid:template_id>/test-send")
@needs("templates:write")
@idempotent
@blp.arguments(TestSendIn)
@blp.alt_response(202, schema=MessageOut)
def test_send(body: dict[str, Any], template_id: UUID) -> Response:
    """Send a template to an address of one's own, through the real channel."""
    member_id = require(parse_ref(body["member"], "/member"))
    sent = testing.send(template_id, member_id, body, now=clock.now())
    response = jsonify(MessageOut().dump(sent))
    response.status_code = 202
    return response
