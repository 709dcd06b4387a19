"""Merging from the member page: find the other record, see both side by side, merge, undo."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.console import finding, formats, member_points, person
from crm.console.blueprint import blp
from crm.console.merging_told import UNDONE, moves, pair
from crm.console.words import say
from crm.db import transaction
from crm.errors import N_, Refused
from crm.http import problems
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.members.merging import register
from crm.members.models import Member
from crm.overview import merge_pages, merging
from crm.points import programme

PERMISSION = "members:merge"


@blp.get("/members/<uuid:member_id>/merge")
@needs("members:merge")
def merge_form(member_id: UUID) -> str | tuple[str, int]:
    """Find the other record; with `with`, both side by side and what would move."""
    found, other = person.load(member_id), _id(request.args.get("with", ""))
    if other is None:
        return _page(found)
    try:
        return _page(found, seen=merge_pages.preview(member_id, other, now=clock.now()))
    except Refused as refused:
        return _page(found, wrong=_said(refused)), refused.status


@blp.post("/members/<uuid:member_id>/merge/find")
@needs("members:merge")
def merge_find(member_id: UUID) -> str:
    """The records that fit what was typed; this one is not among them."""
    looked = finding.listed(finding.typed(), without=member_id)
    return _page(person.load(member_id), looked=looked)


@blp.post("/members/<uuid:member_id>/merge")
@needs("members:merge")
def merge_members(member_id: UUID) -> str | tuple[str, int] | Response:
    """Merge, and go back to the member; sent twice, it is one merge."""
    found, other = person.load(member_id), _id(request.form.get("from", ""))
    if other is None:
        return _page(found), 422
    try:
        with transaction():
            done = merging.merge(member_id, other, actor=principal().name, now=clock.now())
    except Refused as refused:
        return _page(found, wrong=_said(refused)), refused.status
    where = url_for("console.member", member_id=member_id, merged=done.merge.id)
    return redirect(where, 303)


@blp.post("/merges/<uuid:merge_id>/undo")
@needs("members:merge")
def undo_merge(merge_id: UUID) -> str | tuple[str, int] | Response:
    """Part two records again, and go to the one that lived on."""
    into = register.find(merge_id).into_id
    try:
        with transaction():
            merging.undo(merge_id, actor=principal().name, now=clock.now())
    except Refused as refused:
        return _page(person.load(into), wrong=_said(refused)), refused.status
    return redirect(url_for("console.member", member_id=into, parted=1), 303)


def undoable(member_id: UUID, now: datetime, zone: ZoneInfo) -> list[dict[str, Any]]:
    """The merges of a member that can still be undone, the newest first, for who may."""
    if not principal().may(PERMISSION):
        return []
    today = now.astimezone(zone).date()
    found = [
        merge
        for merge in register.of_member(member_id)
        if merge.into_id == member_id and merge.undone_at is None and now < merge.at + register.UNDO
    ]
    return [
        {
            "id": merge.id,
            "number": person.number(register.number_of(merge.from_id)),
            "by": merge.actor,
            "day": formats.day(merge.at.astimezone(zone).date(), today),
            "until": formats.moment(merge.at + register.UNDO, now, zone),
            "is_last": place == 0,
        }
        for place, merge in enumerate(found)
    ]


def done() -> str:
    """What the address says has just been done, in words."""
    if _id(request.args.get("merged", "")) is not None:
        return say(N_("Merged. It can be undone for thirty days, further down on this page."))
    return say(UNDONE) if request.args.get("parted") else ""


def _page(
    found: Member,
    *,
    seen: dict[str, Any] | None = None,
    looked: dict[str, Any] | None = None,
    wrong: str = "",
) -> str:
    now = clock.now()
    shown: dict[str, Any] = {"rows": [], "moves": [], "other": None}
    if seen is not None:
        settings = programme.current(now)
        ids = [seen["into"]["id"], seen["from_"]["id"]]
        points = member_points.available(ids, now)
        shown = {
            "rows": pair(seen, points, now, settings.zone),
            "moves": moves(seen["moves"]),
            "other": {
                "id": seen["from_"]["id"],
                "number": person.number(seen["from_"]["member_no"]),
            },
        }
    return render_template(
        "merge.html", member=person.shown(found), looked=looked, wrong=wrong, **shown
    )


def _said(refused: Refused) -> str:
    return problems.document(refused)["detail"]


def _id(given: str) -> UUID | None:
    try:
        return UUID(given)
    except ValueError:
        return None
