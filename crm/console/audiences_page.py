"""Audiences: the list of them; one with its members, reach and overlap; lists by upload."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from crm import clock
from crm.console import formats, mistakes
from crm.console.audience_told import told_preview
from crm.console.blueprint import blp
from crm.console.pages import when
from crm.db import db, transaction
from crm.errors import Refused
from crm.http import Schema, fields, problems
from crm.http.permissions import needs
from crm.i18n import N_, gettext
from crm.segments.audiences import lists, previewing, saving
from crm.segments.audiences.lists import Report
from crm.segments.audiences.models import Audience

Answer = str | Response | tuple[str, int]
SHOWN, COMPARED, TOLD = 50, 5, 50
KINDS = {"filter": N_("filter"), "list": N_("list")}
CODES = {
    "unknown_member": N_("nobody is known by this"),
    "not_understood": N_("neither a member number, phone number nor e-mail address"),
}


class AudiencesQuery(Schema):
    """Which audiences, and which page of them."""

    state = fields.Choice("open", "all", load_default="open")
    cursor = fields.Text(500, load_default=None)


@blp.get("/audiences")
@needs("audiences:read")
def audiences() -> str:
    """The audiences, the newest first, with what was counted last."""
    now = clock.now()
    asked = mistakes.load(AudiencesQuery(), request.args.to_dict())
    found = saving.listed(
        {"limit": SHOWN, "cursor": asked["cursor"], "archived": asked["state"] == "all"}
    )
    return render_template(
        "audiences.html",
        tabs=[("open", gettext(N_("in use"))), ("all", gettext(N_("all")))],
        state=asked["state"],
        rows=[_row(row, now) for row in found["data"]],
        cursor=found["next_cursor"],
    )


def _row(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "description": row["description"] or "",
        "kind": gettext(KINDS[row["kind"]]),
        "members": "–" if row["members"] is None else formats.number(row["members"]),
        "counted": when(row["counted_at"], now) if row["counted_at"] else "",
        "changed": when(row["changed_at"], now),
        "by": row["created_by"],
        "archived": row["archived_at"] is not None,
    }


@blp.get("/audiences/<uuid:audience_id>")
@needs("audiences:read")
def audience(audience_id: UUID) -> str:
    """One audience as it is now."""
    return _page(audience_id)


def _page(
    audience_id: UUID, *, said: str = "", wrong: str = "", report: Report | None = None
) -> str:
    now = clock.now()
    found = saving.get(audience_id)
    wanted = {"field": "audience", "op": "eq", "value": str(audience_id)}
    others = _others(audience_id)
    preview = previewing.preview(
        {"filter": wanted, "sample": SHOWN // 5, "reach": True, "overlap": list(others)}, now=now
    )
    if request.args.get("saved"):
        said = gettext(N_("It is saved."))
    return render_template(
        "audience.html",
        audience=_row(saving.document(found), now),
        is_list=found.kind == "list",
        preview=told_preview(preview),
        overlap=[_overlap(row, others, preview["count"]) for row in preview["overlap"]],
        said=said,
        wrong=wrong,
        report=_told(report) if report else None,
        most=formats.number(lists.MOST_LINES),
    )


def _others(audience_id: UUID) -> dict[UUID, str]:
    """The audiences changed last, to compare with."""
    rows = db.session.execute(
        select(Audience.id, Audience.name)
        .where(Audience.archived_at.is_(None), Audience.id != audience_id)
        .order_by(Audience.changed_at.desc())
        .limit(COMPARED)
    )
    return {row.id: row.name for row in rows}


def _overlap(row: dict[str, Any], names: dict[UUID, str], count: int) -> dict[str, Any]:
    return {
        "id": row["audience"],
        "name": names[row["audience"]],
        "members": row["members"],
        "shared": formats.number(row["shared"]),
        "share": 100 * row["shared"] / count if count else 0.0,
        "percent": formats.percent(row["shared"] / count) if count else "–",
    }


def _told(report: Report) -> dict[str, Any]:
    return {
        "lines": formats.number(report.lines),
        "found": formats.number(report.found),
        "added": formats.number(report.added),
        "removed": formats.number(report.removed),
        "unknown": report.unknown_count,
        "rows": [row | {"why": gettext(CODES[row["code"]])} for row in report.unknown_lines[:TOLD]],
        "more": report.unknown_count > TOLD,
    }


@blp.post("/audiences/<uuid:audience_id>/members")
@needs("audiences:write")
def upload_audience(audience_id: UUID) -> Answer:
    """Lines of a file or of the form: onto the list, off it, or instead of it."""
    mode = request.form.get("mode", "add")
    try:
        lines = _lines()
        with transaction():
            known = mode if mode in lists.MODES else "add"
            report = lists.put(audience_id, lines, known, now=clock.now())
    except Refused as refused:
        document = problems.document(refused)
        said = " ".join(one["detail"] for one in document.get("errors") or [document])
        return _page(audience_id, wrong=said), refused.status
    return _page(audience_id, report=report)


def _lines() -> list[lists.Line]:
    file = request.files.get("file")
    if file is not None and file.filename:
        return lists.of_file(file.read())
    return lists.of_file(request.form.get("lines", "").encode())


@blp.post("/audiences/<uuid:audience_id>/archive")
@needs("audiences:write")
def archive_audience(audience_id: UUID) -> Response:
    """Take an audience out of the lists, or (`back`) put it back."""
    with transaction():
        saving.change(audience_id, {"archived": "back" not in request.form}, now=clock.now())
    return redirect(url_for("console.audience", audience_id=audience_id, saved=1), 303)
