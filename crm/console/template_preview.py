"""The live preview of a template: each language side by side, as wide as a phone, on a member.

It is a page of its own inside a frame: mail brings its own styles, which no other page of the
console allows. No script runs in it, and each mail stands in a frame that may do nothing at all.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Response, make_response, render_template, request
from sqlalchemy import text

from crm import clock
from crm.console import formats, person
from crm.console.blueprint import blp
from crm.console.template_form import LANGUAGES, TemplateForm, of_document, typed
from crm.db import config, db
from crm.errors import N_, NotFound, Refused
from crm.http.permissions import needs
from crm.i18n import gettext
from crm.members import contacts
from crm.members.identity import MemberRef, resolve
from crm.messages.states import CHANNELS, PURPOSES
from crm.messages.templates import previewing, store

POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' https: data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)
SAMPLE = text("""
    SELECT id FROM member WHERE status = 'active' AND name IS NOT NULL ORDER BY id DESC LIMIT 1
""")
NOBODY = N_("No member has this number, phone or address.")
NO_MEMBERS = N_("There is no member yet to show it on.")
LIVE = ("member", "points", "shop", "links")  # looked up for each member, not brought along


@blp.get("/templates/<uuid:template_id>/preview")
@needs("templates:read")
def template_shown(template_id: UUID) -> Response:
    """What is saved, on a member."""
    found = store.document(store.get(template_id), request.args.get("version", type=int))
    return frame(of_document(found, found["version"]), request.args.get("member", ""))


@blp.post("/templates/preview")
@needs("templates:read")
def template_tried() -> Response:
    """What stands in the form, on a member. Writes nothing."""
    channel, purpose = request.form.get("channel", ""), request.form.get("purpose", "")
    if channel not in CHANNELS or purpose not in PURPOSES:
        raise NotFound()
    return frame(typed(channel, purpose, request.form), request.form.get("member", ""))


def frame(form: TemplateForm, wanted: str, brings: Mapping[str, Any] | None = None) -> Response:
    """The texts of a form as the member of a number, phone or address would read them.

    `brings` is what the message would carry; None: nobody knows yet, so what only comes with a
    message is not said to be missing.
    """
    shown: list[dict[str, Any]] = []
    said, name = "", ""
    member_id = member_of(wanted)
    if member_id is None:
        said = gettext(NOBODY if wanted.strip() else NO_MEMBERS)
    else:
        name = person.called([member_id])[member_id]
        try:
            shown = _languages(form, member_id, brings)
        except Refused as refused:
            form.blame(refused)
    page = render_template(
        "template_preview.html", channel=form.channel, name=name, shown=shown, said=said,
        mistakes=_mistakes(form),
    )  # fmt: skip
    response = make_response(page)
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _languages(
    form: TemplateForm, member_id: UUID, brings: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    known = brings is not None
    ready = store.check(form.channel, form.purpose, form.languages())
    found = previewing.preview(
        form.channel, ready, member_id, variables=brings or {}, now=clock.now()
    )
    return [
        one
        | {
            "name": LANGUAGES[one["locale"]],
            "lacks": [name for name in one["missing"] if known or _is_live(name)],
            "comes": [name for name in one["missing"] if not known and not _is_live(name)],
            "parts": formats.number(one["segments"]) if one["segments"] else "",
        }
        for one in found
    ]


def _is_live(name: str) -> bool:
    return name.partition(".")[0] in LIVE


def _mistakes(form: TemplateForm) -> list[str]:
    found = list(form.said)
    for pointer, texts in form.errors.items():
        locale = pointer.split("/")[2] if pointer.startswith("/languages/") else ""
        found += [f"{LANGUAGES.get(locale, '')} {text}".strip() for text in texts]
    return found


def member_of(wanted: str) -> UUID | None:
    """The member of a number, phone or address; of nothing, the newest who has a name."""
    plain = wanted.strip()
    if not plain:
        return db.session.execute(SAMPLE).scalar()
    if "@" in plain:
        address = contacts.email_or_none(plain)
        return resolve(MemberRef("email", address)) if address else None
    digits = plain.replace(" ", "")
    if digits.isascii() and digits.isdigit() and len(digits) == 10:
        found = resolve(MemberRef("member_no", digits))
        if found is not None:
            return found
    phone = contacts.phone_or_none(plain, config().phone_region)
    return resolve(MemberRef("phone", phone)) if phone else None
