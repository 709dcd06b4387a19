"""Templates of messages at the console: the list, the editor beside its preview, test sends."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.console import formats, message_words, mistakes, person, template_form, template_preview
from crm.console.blueprint import blp
from crm.console.settings_page import manner_at
from crm.console.template_form import LANGUAGES, TemplateForm
from crm.console.words import say
from crm.db import transaction
from crm.errors import N_, FieldError, Invalid, NotFound, Refused
from crm.http import Schema, fields
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.i18n import LOCALES, gettext
from crm.messages import testing
from crm.messages.states import CHANNELS, PURPOSES
from crm.messages.template_schemas import TemplateIn, TemplatePut
from crm.messages.templates import store
from crm.messages.templates.fields import known

SHOWN = 50
DONE = {
    "made": N_("The template is saved as version {version}."),
    "saved": N_("The template is saved as version {version}."),
    "tested": N_("The test is on its way."),
    "archived": N_("The template has left the list."),
    "restored": N_("The template stands in the list again."),
}
Answer = str | Response | tuple[str, int]


class TemplatesShown(Schema):
    """Which of them, and which page."""

    channel = fields.Choice(*CHANNELS, load_default=None)
    archived = fields.Flag(load_default=False)
    cursor = fields.Text(500, load_default=None)


@blp.get("/templates")
@needs("templates:read")
def templates() -> str:
    """The templates by code."""
    asked = mistakes.load(TemplatesShown(), request.args.to_dict())
    found = store.listed(asked | {"limit": SHOWN})
    zone, now = manner_at(clock.now()).zone, clock.now()
    return render_template(
        "templates.html",
        rows=[
            {
                "id": one["id"],
                "code": one["code"],
                "channel": gettext(message_words.CHANNELS[one["channel"]]),
                "purpose": gettext(person.PURPOSES[one["purpose"]]),
                "languages": [
                    LANGUAGES[locale] for locale in LOCALES if locale in one["languages"]
                ],
                "version": one["version"],
                "changed": formats.moment(one["changed_at"], now, zone),
            }
            for one in found["data"]
        ],
        cursor=found["next_cursor"],
        channel=asked["channel"] or "",
        archived=asked["archived"],
        tabs=[(code, gettext(name)) for code, name in message_words.CHANNELS.items()],
    )


@blp.get("/templates/new")
@needs("templates:write")
def new_template() -> str:
    """The form for a channel and purpose, or first the choice of them."""
    channel, purpose = request.args.get("channel", ""), request.args.get("purpose", "")
    if channel not in CHANNELS or purpose not in PURPOSES:
        return render_template(
            "template_kinds.html",
            channels=[(code, gettext(name)) for code, name in message_words.CHANNELS.items()],
            purposes=[(code, gettext(person.PURPOSES[code])) for code in PURPOSES],
        )
    return _page(template_form.empty(channel, purpose), None)


@blp.post("/templates/new")
@needs("templates:write")
def create_template() -> Answer:
    """Make a template."""
    channel, purpose = request.form.get("channel", ""), request.form.get("purpose", "")
    if channel not in CHANNELS or purpose not in PURPOSES:
        raise NotFound()
    form = template_form.typed(channel, purpose, request.form)
    try:
        document = {"code": form.code, "channel": channel, "purpose": purpose}
        body = mistakes.load(TemplateIn(), document | {"languages": form.languages()})
        with transaction():
            made = store.create(body, now=clock.now())
    except Refused as refused:
        form.blame(refused)
        return _page(form, None), refused.status
    return redirect(url_for("console.template", template_id=made["id"], done="made"), 303)


@blp.get("/templates/<uuid:template_id>")
@needs("templates:read")
def template(template_id: UUID) -> str:
    """One template: its texts to change, its preview, its versions."""
    found = store.get(template_id)
    document = store.document(found, request.args.get("version", type=int))
    return _page(template_form.of_document(document, found.version), template_id)


@blp.post("/templates/<uuid:template_id>")
@needs("templates:write")
def change_template(template_id: UUID) -> Answer:
    """Save a new version; or, by another button, archive the template or bring it back."""
    found = store.get(template_id)
    form = template_form.typed(found.channel, found.purpose, request.form)
    form.code, do = found.code, request.form.get("do", "save")
    if do in ("archive", "restore"):
        return _shelve(template_id, do == "archive")
    try:
        document = {"languages": form.languages(), "version": form.version or found.version}
        body = mistakes.load(TemplatePut(), document)
        with transaction():
            store.change(template_id, body, now=clock.now())
    except Refused as refused:
        form.blame(refused)
        return _page(form, template_id), refused.status
    return _done(template_id, "saved")


def _shelve(template_id: UUID, archived: bool) -> Answer:
    """Archive a template or bring it back; who uses it is named where it can't be archived."""
    found = store.get(template_id)
    try:
        with transaction():
            store.change(template_id, {"archived": archived}, now=clock.now())
    except Refused as refused:
        form = template_form.of_document(store.document(found), found.version)
        form.blame(refused)
        return _page(form, template_id), refused.status
    return _done(template_id, "archived" if archived else "restored")


@blp.post("/templates/<uuid:template_id>/test")
@needs("templates:write")
def test_template(template_id: UUID) -> Answer:
    """Send what is saved to an address of one's own."""
    found = store.get(template_id)
    form = template_form.of_document(store.document(found), found.version)
    member_id = template_preview.member_of(request.form.get("member", ""))
    body: dict[str, Any] = {"locale": request.form.get("locale")}
    if body["locale"] not in LOCALES:
        body["locale"] = None
    if request.form.get("to", "").strip():
        body["to"] = request.form["to"].strip()
    try:
        if member_id is None:
            nobody = template_preview.NOBODY
            raise Invalid([FieldError("/member", "member_not_found", nobody)])
        with transaction():
            testing.send(template_id, member_id, body, now=clock.now())
    except Refused as refused:
        form.blame(refused)
        return _page(form, template_id), refused.status
    return _done(template_id, "tested")


def _done(template_id: UUID, what: str) -> Response:
    return redirect(url_for("console.template", template_id=template_id, done=what), 303)


def _page(form: TemplateForm, template_id: UUID | None) -> str:
    now = clock.now()
    zone, who = manner_at(now).zone, principal()
    said, versions, archived = "", [], False
    if template_id is not None:
        found = store.get(template_id)
        archived = found.archived_at is not None
        done = DONE.get(request.args.get("done", ""))
        said = say(done, version=found.version) if done else ""
        versions = [_version(row, now, zone) for row in store.versions_of(template_id)]
    return render_template(
        "template.html",
        form=form,
        template_id=template_id,
        archived=archived,
        channel_name=gettext(message_words.CHANNELS[form.channel]),
        purpose_name=gettext(person.PURPOSES[form.purpose]),
        may_write=who.may("templates:write"),
        shown_version=request.args.get("version", type=int),
        versions=versions,
        fields=known(),
        said=said,
        member=request.form.get("member", "") or request.args.get("member", ""),
    )


def _version(row: Any, now: Any, zone: Any) -> Mapping[str, Any]:
    return {
        "number": row.version,
        "by": row.created_by,
        "when": formats.moment(row.created_at, now, zone),
    }
