"""Cases: whose they are, what is overdue; one case with its history and what can be done."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.cases import documents, owners, policy, working
from crm.cases.models import Case
from crm.cases.schemas import CasePatch, CasePolicyIn
from crm.console import case_words, forms, mistakes, person
from crm.console.blueprint import blp
from crm.console.forms import Form, Leaf
from crm.console.settings_page import manner_at
from crm.db import transaction
from crm.errors import N_, NotFound, Refused
from crm.http import Schema, fields
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.members.models import Member
from crm.points import programme

SHOWN = 50
TABS = {
    "mine": N_("Mine"),
    "open": N_("All open"),
    "overdue": N_("Overdue"),
    "closed": N_("Closed"),
}
SAVED, OPENED = (
    N_("Saved."),
    N_("The case is open. Until it is closed the member gets no marketing."),
)
Answer = str | Response | tuple[str, int]


class CasesShown(Schema):
    """Which of them, and a page."""

    show = fields.Choice(*TABS, load_default=None)
    cursor = fields.Text(500, load_default=None)


@blp.get("/cases")
@needs("cases:read")
def cases_page() -> str:
    """The list: one's own first for who works on cases, all open ones for who reads."""
    return _list()


@blp.post("/case-policy")
@needs("cases:manage")
def change_case_policy() -> Answer:
    """Change what new cases follow."""
    given = request.form
    days, owner = given.get("due_days", "").strip(), given.get("owner", "")
    body = {"due_days": forms.whole(days), "owner": owner or None}
    try:
        with transaction():
            policy.put(mistakes.load(CasePolicyIn(), body), now=clock.now())
    except Refused as refused:
        form = blamed({"/due_days": days, "/owner": owner}, refused, CasePolicyIn)
        return _list(form), refused.status
    return redirect(url_for("console.cases_page", saved="1"), 303)


def _list(form: Form | None = None) -> str:
    now, who, found = clock.now(), principal(), policy.current()
    form = form or Form({"/due_days": found["due_days"], "/owner": str(found["owner"] or "")})
    given = {name: request.args[name] for name in ("show", "cursor") if request.args.get(name)}
    asked = mistakes.load(CasesShown(), given)
    counts = documents.counts(who, now)
    show = asked["show"] or ("mine" if who.may("cases:write") and counts["mine"] else "open")
    listed = documents.listed(_query(show) | {"cursor": asked["cursor"], "limit": SHOWN}, now=now)
    return render_template(
        "cases.html",
        rows=case_words.rows(listed["data"], who, now),
        cursor=listed["next_cursor"],
        show=show,
        tabs=TABS,
        figures=counts,
        form=form,
        owners=owners.choices() if who.may("cases:manage") else [],
        said=SAVED if request.args.get("saved") else "",
    )


def _query(show: str) -> dict[str, Any]:
    if show == "closed":
        return {"open": False}
    mine = {"owner": principal().id} if show == "mine" else {}
    late = {"overdue": True} if show == "overdue" else {}
    return {"open": True, "sort": "due"} | mine | late


@blp.get("/cases/<uuid:case_id>")
@needs("cases:read")
def case_page(case_id: UUID) -> str:
    """One case."""
    return _page(case_id)


@blp.post("/cases/<uuid:case_id>")
@needs("cases:write")
def change_case(case_id: UUID) -> Answer:
    """Save what was changed in the form, with the comment."""
    case, now = working.find(case_id), clock.now()
    try:
        body = mistakes.load(CasePatch(), _body(case, request.form))
        with transaction():
            working.change(case_id, body, by=principal(), now=now)
    except NotFound:
        raise
    except Refused as refused:
        return _page(case_id, blamed(_typed(request.form), refused, CasePatch)), refused.status
    return redirect(url_for("console.case_page", case_id=case_id, saved="1"), 303)


@blp.post("/cases/<uuid:case_id>/take")
@needs("cases:write")
def take_case(case_id: UUID) -> Answer:
    """Look after a case oneself."""
    try:
        with transaction():
            body = {"owner": principal().id}
            working.change(case_id, body, by=principal(), now=clock.now())
    except NotFound:
        raise
    except Refused as refused:
        return _page(case_id, blamed({}, refused, CasePatch)), refused.status
    return redirect(url_for("console.case_page", case_id=case_id, saved="1"), 303)


def _body(case: Case, given: Mapping[str, str]) -> dict[str, Any]:
    """What a form says, as the API takes it; what it does not hold stays as it is."""
    found: dict[str, Any] = {name: given[name] for name in ("state", "kind") if given.get(name)}
    if given.get("comment", "").strip():
        found["comment"] = given["comment"].replace("\r\n", "\n")
    if "owner" in given:
        found["owner"] = given["owner"] or None
    if found.get("state") == "closed" and given.get("reason"):
        found["reason"] = given["reason"]
    zone = programme.current(clock.now()).zone
    typed = given.get("due_at", "").strip()
    if typed and typed != forms.local(case.due_at, zone):  # untouched, it may be over by now
        found["due_at"] = forms.instant(typed, zone)
    return found


def _typed(given: Mapping[str, str]) -> dict[str, str]:
    return {f"/{name}": text for name, text in given.items()}


def _page(case_id: UUID, form: Form | None = None) -> str:
    now, who = clock.now(), principal()
    found = documents.document(case_id, now=now)
    member = person.shown(owner) if (owner := _member(found["member_id"])) else None
    zone = programme.current(now).zone
    shown = case_words.row(found, who, now)
    current = {
        "/state": found["state"],
        "/reason": found["reason"] or "",
        "/kind": found["kind"],
        "/owner": str(found["owner"]["id"]) if found["owner"] else "",
        "/due_at": forms.local(found["due_at"], zone),
        "/comment": "",
    }
    form = form or Form({})
    form.values = current | form.values
    return render_template(
        "case.html",
        case=shown | {"text": found["text"], "order": found["order"]},
        source=case_words.SOURCES[found["source"]],
        why=case_words.REASONS[found["reason"]] if found["reason"] else "",
        member=member,
        order_page=_order_page(case_id),
        history=case_words.happened(found["history"], now),
        form=form,
        states=case_words.STATES,
        reasons=case_words.REASONS,
        kinds=case_words.KINDS,
        owners=_choices(found),
        works=who.may("cases:manage") or shown["is_mine"],
        takes=who.may("cases:write") and not found["owner"] and who.kind == "staff",
        said=_said(),
    )


def _choices(found: Mapping[str, Any]) -> list[tuple[UUID, str]]:
    """Whom the case can be given to, its present owner among them even if he has left."""
    choices, owner = owners.choices(), found["owner"]
    if owner and owner["id"] not in {one for one, _ in choices}:
        choices.append((owner["id"], owner["name"] or ""))
    return choices


def _member(member_id: UUID) -> Member | None:
    try:
        return person.load(member_id)
    except NotFound:
        return None  # erased since: the case stays, the page does not


def _order_page(case_id: UUID) -> str:
    order_id = working.find(case_id).order_id
    return url_for("console.order", order_id=order_id) if order_id else ""


def _said() -> str:
    if request.args.get("opened"):
        return OPENED
    return SAVED if request.args.get("saved") else ""


def blamed(values: Mapping[str, Any], refused: Refused, schema: type[Schema]) -> Form:
    """The form as it was typed, each mistake beside its field."""
    form = Form(dict(values))
    known = [Leaf(f"/{name}", one) for name, one in schema().load_fields.items()]
    mistakes.blame(form, refused, known, manner_at(clock.now()))
    return form
