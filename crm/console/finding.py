"""The till: one box that finds a member by anything that staff type or scan."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.console import formats, member_points, person, standing
from crm.console.blueprint import blp
from crm.console.pages import when
from crm.console.words import ngettext, say
from crm.errors import N_
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.i18n import gettext
from crm.members import lookup
from crm.members.lookup import Found
from crm.members.tiers import storage
from crm.overview import finding

LONGEST = 100
ENDING = 4
TOO_SHORT = N_("Type at least four digits, two letters or one Chinese character.")
NOBODY = N_("Nobody fits “{typed}”. Check it, or try the end of the phone number.")
ORDER = N_("This store first, then the most recent visit.")


@blp.get("/till")
@needs("members:read")
def till() -> str:
    """The empty box."""
    return render_template("till.html", **listed(""))


@blp.post("/till")
@needs("members:read")
def find() -> str | Response:
    """What Enter does, with or without scripts: straight to the only hit, else to the list."""
    asked = typed()
    found = listed(asked)
    if len(found["hits"]) == 1:
        return redirect(url_for("console.member", member_id=found["hits"][0]["id"]), 303)
    return render_template("till.html", **found)


@blp.post("/till/hits")
@needs("members:read")
def hits() -> str:
    """The list alone, while somebody types."""
    return render_template("parts/hits.html", **listed(typed()))


def typed() -> str:
    """What was typed or scanned into the box, cleaned of what nobody types."""
    return "".join(sign for sign in request.form.get("q", "")[:LONGEST] if sign.isprintable())


def listed(given: str, *, without: UUID | None = None) -> dict[str, Any]:
    """The members who fit, as the list shows them, and how many in words; `without` one of them."""
    asked, now = given.strip(), clock.now()
    if not asked:
        return {"asked": "", "hits": [], "said": ""}
    found = finding.find(asked, store=principal().store, now=now)
    found = replace(found, hits=[hit for hit in found.hits if hit["id"] != without])
    points = member_points.available([hit["id"] for hit in found.hits], now)
    top = storage.ladder_at(now).top
    return {
        "asked": asked,
        "hits": [_hit(hit, found, points[hit["id"]], top, now) for hit in found.hits],
        "said": _said(asked, found),
    }


def _said(asked: str, found: Found) -> str:
    if not found.hits:
        too_short = found.shape is None and len(asked) < ENDING
        return gettext(TOO_SHORT) if too_short else say(NOBODY, typed=asked)
    if found.more:
        many = say(N_("<strong>More than {most} members</strong> fit."), most=lookup.MOST_HITS)
    elif found.shape == "phone_end":
        many = ngettext(
            "<strong>{count} member</strong> has a phone ending in {typed}.",
            "<strong>{count} members</strong> have a phone ending in {typed}.",
            len(found.hits),
            typed=asked,
        )
    else:
        many = ngettext(
            "<strong>{count} member</strong> fits.",
            "<strong>{count} members</strong> fit.",
            len(found.hits),
        )
    if len(found.hits) == 1:
        return many
    return say(N_("{first} {second}"), first=many, second=gettext(ORDER))


def _hit(hit: dict[str, Any], found: Found, points: int, top: int, now: datetime) -> dict[str, Any]:
    contact = hit["phone"] or hit["email"] or ""
    cut = len(contact) - ENDING if found.shape == "phone_end" and hit["phone"] else len(contact)
    tier = hit["tier"]
    return {
        "id": hit["id"],
        "name": hit["name"] or person.number(hit["member_no"]),
        "lang": person.language(hit["name"] or "", None),
        "reading": hit["reading"] or "",
        "contact_start": contact[:cut],
        "contact_end": contact[cut:],
        "tier": tier and {"name": tier["name"], "pips": standing.pips(tier["rank"], top)},
        "seen": formats.begun(when(hit["last_seen_at"], now)) if hit["last_seen_at"] else "",
        "store": hit["store_name"] or "",
        "points": formats.number(points),
    }
