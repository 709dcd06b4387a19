"""The form that opens a case for a member, and what the member's pages say of open ones."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from crm import clock
from crm.cases import documents, opening
from crm.cases.errors import CaseOrderUnknown
from crm.cases.opening import Complaint
from crm.cases.schemas import CaseIn
from crm.console import case_words, mistakes, person
from crm.console.blueprint import blp
from crm.console.cases_page import blamed
from crm.console.forms import Form
from crm.console.member_orders import goods
from crm.db import db, transaction
from crm.errors import N_, Refused
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.i18n import gettext
from crm.ids import uuid7
from crm.orders import documents as orders
from crm.orders.models import Order

LAST_ORDERS = 10
NAMES = ("form", "kind", "subject", "text", "order")
SCHEMA = CaseIn(only=("order", "kind", "subject", "text"))
NO_SUBJECT = N_("Say in a few words what it is about.")
STALE = N_("Open the form anew: it was not sent from this page.")


def of_member(member_id: UUID, now: datetime) -> list[dict[str, Any]] | None:
    """A member's open cases for his page; None for who may not see them."""
    who = principal()
    if not who.may("cases:read"):
        return None
    return [case_words.row(one, who, now) for one in documents.open_of(member_id, now=now)]


@blp.get("/members/<uuid:member_id>/cases/new")
@needs("cases:write")
def case_form(member_id: UUID) -> str:
    """The form, with what he bought last to choose from."""
    order = request.args.get("order", "")
    return _page(member_id, Form(_typed({"form": str(uuid7()), "order": order})))


@blp.post("/members/<uuid:member_id>/cases/new")
@needs("cases:write")
def open_case(member_id: UUID) -> str | Response | tuple[str, int]:
    """Open it; sent twice, the form opens one case."""
    found, given = person.load(member_id), request.form
    try:
        form = UUID(given.get("form", ""))
    except ValueError:
        stale = Form({**_typed(given), "/form": str(uuid7())}, said=[gettext(STALE)])
        return _page(member_id, stale), 422
    try:
        body = mistakes.load(SCHEMA, _body(given))
        with transaction():
            order = _order(found.id, given.get("order", ""))
            complaint = _complaint(body, order.id if order else None, form)
            case = opening.open_case(found.id, complaint, now=clock.now())
    except Refused as refused:
        return _page(member_id, _blamed(given, refused)), refused.status
    return redirect(url_for("console.case_page", case_id=case.id, opened="1"), 303)


def _body(given: Mapping[str, str]) -> dict[str, Any]:
    words = given.get("text", "").replace("\r\n", "\n").strip()
    return {"kind": given.get("kind", ""), "subject": given.get("subject", "")} | (
        {"text": words} if words else {}
    )


def _complaint(body: Mapping[str, Any], order_id: UUID | None, form: UUID) -> Complaint:
    return Complaint(
        kind=body["kind"],
        subject=body["subject"],
        source="staff",
        text=body["text"],
        order_id=order_id,
        occasion=f"form:{form}",
    )


def _order(member_id: UUID, text: str) -> Order | None:
    """The order that was chosen, if it is this member's. Raises `CaseOrderUnknown`."""
    if not text:
        return None
    try:
        query = select(Order).where(Order.id == UUID(text), Order.member_id == member_id)
    except ValueError:
        raise CaseOrderUnknown(pointer="/order") from None
    found = db.session.scalar(query)
    if found is None:
        raise CaseOrderUnknown(pointer="/order")
    return found


def _blamed(given: Mapping[str, str], refused: Refused) -> Form:
    form = blamed(_typed(given), refused, CaseIn)
    if not given.get("subject", "").strip():
        form.errors["/subject"] = gettext(NO_SUBJECT)
    return form


def _typed(given: Mapping[str, str]) -> dict[str, str]:
    return {
        f"/{name}": given.get(name, "") for name in ("form", "kind", "subject", "text", "order")
    }


def _choices(member_id: UUID, chosen: str) -> list[tuple[str, str]]:
    """The orders to choose from: the last ones, and the one from whose page he came."""
    last = orders.of_member(member_id, LAST_ORDERS, None)["data"]
    found = [(str(one.id), f"{one.order_no} · {goods(one)}") for one in last]
    if chosen in {one for one, _ in found}:
        return found
    try:
        older = _order(member_id, chosen)
    except CaseOrderUnknown:
        return found
    return [(str(older.id), older.order_no), *found] if older else found


def _page(member_id: UUID, form: Form) -> str:
    found = person.load(member_id)
    return render_template(
        "case_form.html",
        member=person.shown(found),
        form=form,
        kinds={name: text for name, text in case_words.KINDS.items() if name != "rating"},
        orders=_choices(member_id, form.values["/order"]),
    )
