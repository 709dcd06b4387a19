"""Coupon templates: what is left of each, and one with its coupons."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.console import coupon_words, formats, mistakes, person
from crm.console.blueprint import blp
from crm.console.coupon_forms import CODES
from crm.console.coupon_words import KINDS, MARKS, STATES, words_for
from crm.console.forms import Form
from crm.console.leaves import Manner
from crm.console.settings_page import manner_at
from crm.console.words import ngettext, say
from crm.coupons import documents, templates
from crm.coupons.documents import STATES as CODES_STATES
from crm.db import transaction
from crm.errors import N_
from crm.http import Schema, fields
from crm.http.pagination import decode, page
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.i18n import gettext

SHOWN = 50


class TemplatesQuery(Schema):
    """Which templates, and which page of them."""

    state = fields.Choice("open", "all", load_default="open")
    cursor = fields.Text(500, load_default=None)


class CodesQuery(Schema):
    """Which of a template's coupons, and which page of them; what was done just now."""

    state = fields.Choice(*CODES_STATES, load_default=None)
    cursor = fields.Text(500, load_default=None)
    saved = fields.Text(1, load_default=None)
    added = fields.Whole(0, query=True, load_default=None)
    known = fields.Whole(0, query=True, load_default=0)


@blp.get("/coupons")
@needs("coupons:read")
def coupons() -> str:
    """The templates, the newest first, with what is left of each."""
    now = clock.now()
    asked = mistakes.load(TemplatesQuery(), request.args.to_dict())
    after = decode(asked["cursor"], UUID)
    rows = templates.listed(
        SHOWN + 1,
        after[0] if after else None,
        open_at=now if asked["state"] == "open" else None,
    )
    found, manner = page(rows, SHOWN, lambda row: (str(row.id),)), manner_at(now)
    return render_template(
        "coupons.html",
        tabs=[("open", gettext(N_("given now"))), ("all", gettext(N_("all")))],
        state=asked["state"],
        rows=[shown(documents.template(row, now), manner) for row in found["data"]],
        cursor=found["next_cursor"],
    )


def shown(found: Mapping[str, Any], manner: Manner) -> dict[str, Any]:
    """A template as pages show it, with its bars."""
    terms = dict(found)
    return {
        "id": found["id"],
        "name": found["name"],
        "kind": gettext(KINDS[found["kind"]]),
        "gives": coupon_words.gives(terms, manner),
        "when": list(coupon_words.conditions(terms, manner)),
        "lasts": coupon_words.lasts(found["validity"], manner),
        "ended": found["state"] == "ended",
        "issued": _bar(found["issued"], _supply(found)),
        "used": _bar(found["used"], found["issued"]),
        "spent": _spent(found, manner),
        "pool": formats.number(found["pool"]) if found["has_pool"] else "",
    }


def _supply(found: Mapping[str, Any]) -> int | None:
    """How many coupons there can be in all: the stock, or what the pool began with."""
    pool = found["issued"] + found["pool"] if found["has_pool"] else None
    limits = [limit for limit in (found["stock"], pool) if limit is not None]
    return min(limits) if limits else None


def _bar(count: int, of: int | None) -> dict[str, Any]:
    return {
        "count": formats.number(count),
        "of": formats.number(of) if of is not None else "",
        "share": min(100.0, 100 * count / of) if of else None,
    }


def _spent(found: Mapping[str, Any], manner: Manner) -> dict[str, Any]:
    budget, spent = found["budget"], found["value_used"] + found["committed"]
    return {
        "used": formats.money(found["value_used"], manner.currency),
        "open": formats.money(found["committed"], manner.currency),
        "of": formats.money(budget, manner.currency) if budget is not None else "",
        "share": min(100.0, 100 * spent / budget) if budget else None,
    }


@blp.get("/coupons/<uuid:template_id>")
@needs("coupons:read")
def coupon(template_id: UUID) -> str:
    """One template: figures, terms, what can be done, and its coupons."""
    return template_page(template_id, Form({}))


def template_page(template_id: UUID, form: Form) -> str:
    """The page, with a form for more codes as it was typed."""
    now, who = clock.now(), principal()
    asked = mistakes.load(CodesQuery(), request.args.to_dict())
    manner = manner_at(now)
    found = documents.template(templates.get(template_id), now)
    rows, cursor = [], None
    if who.may("coupons:manage"):
        listed = documents.of_template(
            template_id, SHOWN, asked["cursor"], now=now, state=asked["state"]
        )
        rows, cursor = listed["data"], listed["next_cursor"]
    owners = person.called(row["member_id"] for row in rows)
    return render_template(
        "coupon.html",
        template=shown(found, manner),
        facts=list(_facts(found, manner)),
        tabs=[(code, gettext(STATES[code])) for code in CODES_STATES],
        state=asked["state"],
        rows=[row_of(row, owners, manner) for row in rows],
        cursor=cursor,
        said=_said(asked),
        form=form,
        words=words_for(found["kind"]),
        codes={leaf.pointer: leaf for leaf in CODES},
    )


def _said(asked: Mapping[str, Any]) -> str:
    if asked["added"] is not None:
        added, known = asked["added"], asked["known"]
        if not known:
            return ngettext("{count} code was added.", "{count} codes were added.", added)
        text = N_("Codes added: {count}. Known already, or there twice: {known}.")
        return say(text, count=formats.number(added), known=formats.number(known))
    return gettext(N_("It is saved.")) if asked["saved"] else ""


def _facts(found: Mapping[str, Any], manner: Manner):
    """What else is set, as names and values."""
    limit, stock = found["per_member_limit"], found["stock"]
    yes, no = gettext(N_("yes")), gettext(N_("no"))
    yield gettext(N_("Good for")), coupon_words.lasts(found["validity"], manner)
    if limit is not None:
        yield gettext(N_("For each member at most")), formats.number(limit)
    if stock is not None:
        yield gettext(N_("How many there are")), formats.number(stock)
    back = yes if found["returns_on_refund"] else no
    yield gettext(N_("Comes back when all of its order is refunded")), back
    yield gettext(N_("Made by")), found["created_by"]


def row_of(row: Mapping[str, Any], owners: Mapping[UUID, str], manner: Manner) -> dict[str, Any]:
    """A coupon in a list."""
    used = row["used"]
    return {
        "code": row["code"],
        "member_id": row["member_id"],
        "member": owners.get(row["member_id"], ""),
        "state": gettext(STATES[row["state"]]),
        "mark": MARKS.get(row["state"], ""),
        "until": coupon_words.end(row["expires_at"], manner.zone) if row["expires_at"] else "",
        "order": f"{used['channel']} {used['order_no']}" if used else "",
    }


@blp.post("/coupons/<uuid:template_id>/end")
@needs("coupons:manage")
def end_coupon(template_id: UUID) -> Response:
    """Give no more coupons of this template, or (`open`) give them again."""
    now = clock.now()
    with transaction():
        ended_at = None if "open" in request.form else now
        templates.change(template_id, {"ended_at": ended_at}, now=now)
    return redirect(url_for("console.coupon", template_id=template_id, saved=1), 303)
