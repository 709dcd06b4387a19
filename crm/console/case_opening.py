"""The form that opens a case for a member, and what the member's pages say of open ones."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.cases import documents, opening
from crm.cases.opening import Complaint
from crm.cases.schemas import CaseIn
from crm.console import case_words, mistakes, person
from crm.console.blueprint import blp
from crm.console.cases_page import told
from crm.console.member_orders import goods
from crm.db import transaction
from crm.errors import N_, Invalid, Refused
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.ids import uuid7
from crm.orders import documents as orders

LAST_ORDERS = 10
SCHEMA = CaseIn(only=("order", "kind", "subject", "text"))
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
    return _page(member_id, {"form": str(uuid7()), "order": order})


@blp.post("/members/<uuid:member_id>/cases/new")
@needs("cases:write")
def open_case(member_id: UUID) -> str | Response | tuple[str, int]:
    """Open it; sent twice, the form opens one case."""
    found, given = person.load(member_id), request.form
    try:
        form = UUID(given.get("form", ""))
    except ValueError:
        return _page(member_id, {**given, "form": str(uuid7())}, wrong=STALE), 422
    try:
        body = mistakes.load(SCHEMA, _body(given))
        with transaction():
            complaint = _complaint(body, given.get("order", ""), form)
            case = opening.open_case(found.id, complaint, now=clock.now())
    except Refused as refused:
        return _page(member_id, given, wrong=_sentence(refused)), refused.status
    return redirect(url_for("console.case_page", case_id=case.id, opened="1"), 303)


def _body(given: Mapping[str, str]) -> dict[str, Any]:
    words = given.get("text", "").replace("\r\n", "\n").strip()
    return {"kind": given.get("kind", ""), "subject": given.get("subject", "")} | (
        {"text": words} if words else {}
    )


def _complaint(body: Mapping[str, Any], order: str, form: UUID) -> Complaint:
    return Complaint(
        kind=body["kind"],
        subject=body["subject"],
        source="staff",
        text=body["text"],
        order_id=UUID(order) if _is_id(order) else None,
        occasion=f"form:{form}",
    )


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _sentence(refused: Refused) -> str:
    if isinstance(refused, Invalid) and any(one.pointer == "/subject" for one in refused.errors):
        return N_("Say in a few words what it is about.")
    return told(refused)


def _page(member_id: UUID, given: Mapping[str, str], *, wrong: str = "") -> str:
    found = person.load(member_id)
    last = orders.of_member(member_id, LAST_ORDERS, None)["data"]
    names = ("form", "kind", "subject", "text", "order")
    return render_template(
        "case_form.html",
        member=person.shown(found),
        typed={name: given.get(name, "") for name in names},
        kinds={name: text for name, text in case_words.KINDS.items() if name != "rating"},
        orders=[(str(one.id), f"{one.order_no} · {goods(one)}") for one in last],
        wrong=wrong,
    )
