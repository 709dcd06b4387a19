"""The segments: their table, heat maps, movement and quality; one segment, and its name."""

from typing import Any

from flask import redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from crm import clock
from crm.console import (
    back_test_told,
    category_test_told,
    formats,
    mistakes,
    person,
    segment_figures,
    segment_runs_page,
    standing,
)
from crm.console.blueprint import blp
from crm.console.forms import Form, leaves
from crm.console.pages import when
from crm.console.settings_page import manner_at
from crm.db import db, transaction
from crm.errors import N_, Refused
from crm.http.permissions import needs
from crm.i18n import gettext
from crm.members.models import Member
from crm.members.tiers import storage
from crm.points import programme
from crm.segments import directory, labels, runs
from crm.segments.schemas import LabelsIn

MEMBERS_SHOWN = 50
FAILED = N_("The last calculation did not finish. The segments below are from the one before.")
RENAMED = N_("The name was saved.")
NAMES = tuple(leaves(LabelsIn))


@blp.get("/segments")
@needs("segments:read")
def segments() -> str:
    """The segments as the newest finished run has them, and a run that is going on."""
    now = clock.now()
    run, newest = runs.current(), segment_runs_page.newest()
    currency = programme.current(now).currency
    shown = (
        segment_figures.told(run, currency, when(run.finished_at or run.as_of, now))
        if run
        else None
    )
    return render_template(
        "segments.html",
        run=shown,
        forecast=back_test_told.told(now),
        by_category=category_test_told.told(now),
        working=segment_runs_page.working(),
        failed=gettext(FAILED) if newest and newest.state == "failed" else "",
    )


@blp.get("/segments/<code>")
@needs("segments:read")
def segment(code: str) -> str:
    """One segment: who it is, and its members, a page at a time."""
    return _page(code, Form(_named(code)))


@blp.post("/segments/<code>/names")
@needs("segments:write")
def rename_segment(code: str) -> Response | tuple[str, int]:
    """Give a segment the shop's own names; a blank one gives back the product's."""
    given = {leaf.pointer: request.form.get(leaf.pointer, "").strip() for leaf in NAMES}
    form = Form(dict(given))
    document = {leaf.pointer[1:]: given[leaf.pointer] or None for leaf in NAMES}
    try:
        wished = mistakes.load(LabelsIn(), document)
        with transaction():
            labels.renamed(code, labels.by_language(wished), now=clock.now())
    except Refused as refused:
        mistakes.blame(form, refused, NAMES, manner_at(clock.now()))
        return _page(code, form), refused.status
    return redirect(url_for("console.segment", code=code, said="renamed"), 303)


def _named(code: str) -> dict[str, Any]:
    return {f"/{language}": name or "" for language, name in labels.told(code)["labels"].items()}


def _page(code: str, form: Form) -> str:
    now = clock.now()
    found = directory.members_of(code, MEMBERS_SHOWN, request.args.get("cursor"), now=now)
    ids = [row["id"] for row in found["data"]]
    query = select(Member.id, Member.name, Member.locale).where(Member.id.in_(ids))
    names = {row.id: row for row in db.session.execute(query)}
    tiers, top = storage.shown_many(ids, now), storage.ladder_at(now).top
    return render_template(
        "segment.html",
        segment=labels.told(code),
        form=form,
        said=gettext(RENAMED) if request.args.get("said") == "renamed" else "",
        play=gettext(segment_figures.PLAYS[code]),
        rows=[_member(row, names[row["id"]], tiers[row["id"]], top) for row in found["data"]],
        cursor=found["next_cursor"],
    )


def _member(row: dict[str, Any], name: Any, tier: storage.Shown, top: int) -> dict[str, Any]:
    spent = row["monetary"]
    recency = row["recency_days"]
    return {
        "id": row["id"],
        "name": name.name or person.number(row["member_no"]),
        "lang": person.language(name.name or "", name.locale),
        "number": person.number(row["member_no"]),
        "tier": {"name": tier.name, "pips": standing.pips(tier.rank, top)},
        "recency": "–" if recency is None else formats.days(recency),
        "frequency": formats.number(row["frequency"]),
        "monetary": formats.money(spent["amount"], spent["currency"]),
    }
