"""Making an audience and changing one: the filter is built, counted as it is typed, and saved."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from crm import clock
from crm.console import audience_form, formats, forms, mistakes, segment_filters
from crm.console.audience_form import Part
from crm.console.audience_told import told_preview
from crm.console.audience_view import Drawer, placed
from crm.console.blueprint import blp
from crm.db import transaction
from crm.errors import Refused
from crm.http.permissions import needs
from crm.points import programme
from crm.segments.audiences import compiling, counting, parsing, previewing, saving
from crm.segments.audiences.schemas import AudienceIn, AudiencePut

Answer = str | AnyResponse | tuple[str, int]
SAMPLED = 5
NOT_COUNTED: dict[str, Any] = {"count": "", "fits": 0, "problems": ()}


@blp.get("/audiences/new")
@needs("audiences:write")
def new_audience() -> str:
    """An empty builder: all members, until the first condition.

    The segments' pages bring the filter of a segment, or of a cell of their maps.
    """
    now, given = clock.now(), segment_filters.document(request.args)
    if given is not None:
        root = audience_form.of_document(given, _currency(now))
    else:
        root = audience_form.act(Part("0", how="all"), "add:0")
    return _page(root, {"name": "", "description": ""}, now)


@blp.get("/audiences/<uuid:audience_id>/edit")
@needs("audiences:write")
def edit_audience(audience_id: UUID) -> str:
    """The builder with a saved filter."""
    found, now = saving.get(audience_id), clock.now()
    texts = {"name": found.name, "description": found.description or "", "version": found.version}
    if found.filter is None:
        return _page(None, texts, now, audience_id)
    return _page(audience_form.of_document(found.filter, _currency(now)), texts, now, audience_id)


@blp.post("/audiences/draft")
@needs("audiences:write")
def draft_audience() -> Answer:
    """The builder after a button or another choice: a condition more, a group less."""
    now = clock.now()
    root = audience_form.act(audience_form.read(request.form), request.form.get("act", ""))
    if "HX-Request" not in request.headers:
        return _page(root, request.form, now, _own())
    audience_form.document(root, _currency(now))
    drawer = Drawer(now, _currency(now), {})
    answer = Response(render_template("parts/filter.html", drawer=drawer, root=drawer.part(root)))
    answer.headers["HX-Trigger-After-Settle"] = "recount"
    return answer


@blp.post("/audiences/count")
@needs("audiences:read")
def count_audience() -> Answer:
    """How many members the filter on the form fits, right now; the rest is fetched after it."""
    now = clock.now()
    root = audience_form.read(request.form)
    try:
        tree = parsing.read(audience_form.document(root, _currency(now)), now=now)
        found = counting.count(compiling.select(tree, now))
    except Refused as refused:
        errors, rest = placed(root, refused)
        return _counted(problems=[*errors.values(), *rest])
    return _counted(formats.number(found), found)


def _counted(count: str = "", fits: int = 0, problems: Sequence[str] = ()) -> str:
    return render_template("parts/audience_count.html", count=count, fits=fits, problems=problems)


@blp.post("/audiences/reach")
@needs("audiences:read")
def audience_reach() -> str:
    """Whom each channel reaches, and some members for example."""
    now = clock.now()
    root = audience_form.read(request.form)
    try:
        body = {
            "filter": audience_form.document(root, _currency(now)),
            "sample": SAMPLED,
            "reach": True,
            "overlap": [],
        }
        shown = told_preview(previewing.preview(body, now=now))
    except Refused:
        return ""
    return render_template("parts/audience_reach.html", preview=shown)


@blp.post("/audiences/new")
@needs("audiences:write")
def create_audience_page() -> Answer:
    """Save a new audience."""
    return _save(None)


@blp.post("/audiences/<uuid:audience_id>/edit")
@needs("audiences:write")
def change_audience_page(audience_id: UUID) -> Answer:
    """Save a changed one."""
    return _save(audience_id)


def _save(audience_id: UUID | None) -> Answer:
    now = clock.now()
    is_list = "list" in request.form
    root = None if is_list else audience_form.read(request.form)
    try:
        with transaction():
            saved = _put(audience_id, _body(root, now), now)
    except Refused as refused:
        return _page(root, request.form, now, audience_id, refused), refused.status
    return redirect(url_for("console.audience", audience_id=saved, saved=1), 303)


def _body(root: Part | None, now: datetime) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": request.form.get("name", ""),
        "description": request.form.get("description", "").strip() or None,
    }
    if root is not None:
        body["filter"] = audience_form.document(root, _currency(now))
    return body


def _put(audience_id: UUID | None, body: dict[str, Any], now: datetime) -> UUID:
    if audience_id is None:
        kind = "filter" if "filter" in body else "list"
        loaded = mistakes.load(AudienceIn(), body | {"kind": kind})
        return saving.create(loaded, now=now).id
    version = forms.whole(request.form.get("version", ""))
    if isinstance(version, int):
        body["version"] = version
    return saving.change(audience_id, mistakes.load(AudiencePut(), body), now=now).id


def _currency(now: datetime) -> str:
    return programme.current(now).currency


def _own() -> UUID | None:
    """The audience that the form on the page changes."""
    try:
        return UUID(request.form.get("audience", ""))
    except ValueError:
        return None


def _page(
    root: Part | None,
    texts: Mapping[str, Any],
    now: datetime,
    audience_id: UUID | None = None,
    refused: Refused | None = None,
) -> str:
    errors: dict[str, str] = {}
    said: list[str] = []
    if root is not None and refused is None:
        audience_form.document(root, _currency(now))
    if refused is not None:
        errors, said = placed(root or Part("0", how="all"), refused)
    drawer = Drawer(now, _currency(now), errors)
    return render_template(
        "audience_form.html",
        drawer=drawer,
        root=drawer.part(root) if root is not None else None,
        texts=texts,
        audience_id=audience_id,
        said=said,
        errors=errors,
        **NOT_COUNTED,
    )
