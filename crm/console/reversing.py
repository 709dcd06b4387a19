"""Giving back by hand what a redemption spent, whole or in part."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from crm import audit, clock
from crm.console import formats, ledger_words, person
from crm.console.adjusting import whole
from crm.console.blueprint import blp
from crm.console.member_ledger import zone_of
from crm.console.words import say
from crm.db import db, transaction
from crm.errors import N_, Refused
from crm.http import problems
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.members.models import Member
from crm.points import restoring
from crm.points.accounts import lock_accounts
from crm.points.errors import RedemptionNotFound
from crm.points.models import PointsEntry

NOT_SO_MANY = N_("Give a whole number from 1 to {left}.")
MEANWHILE = N_("Something was given back since this page was opened. Look again.")


@blp.get("/members/<uuid:member_id>/spent/<uuid:entry_id>/reverse")
@needs("points:write")
def reverse_form(member_id: UUID, entry_id: UUID) -> str:
    """What was spent, what is left of it to give back, and the form to do so."""
    return _page(person.load(member_id), entry_id)


@blp.post("/members/<uuid:member_id>/spent/<uuid:entry_id>/reverse")
@needs("points:write")
def reverse(member_id: UUID, entry_id: UUID) -> str | tuple[str, int] | Response:
    """Give back as many as the form says; one sent twice is refused the second time."""
    found, now = person.load(member_id), clock.now()
    typed = request.form.get("points", "")
    try:
        with transaction():
            lock_accounts([member_id])
            spent = _spent(member_id, entry_id)
            left = restoring.left(member_id, spent.seq)
            points = whole(typed) or 0
            wrong = ""
            if str(left) != request.form.get("left"):
                wrong = say(MEANWHILE)
            elif not 1 <= points <= left:
                wrong = say(NOT_SO_MANY, left=formats.number(left))
            else:
                _give_back(spent, points, now)
    except RedemptionNotFound:
        raise
    except Refused as refused:
        return _page(found, entry_id, problems.document(refused)["detail"], typed), refused.status
    if wrong:
        return _page(found, entry_id, wrong, typed), 422
    return redirect(url_for("console.member", member_id=member_id, given_back=points), 303)


def _give_back(spent: PointsEntry, points: int, now: datetime) -> None:
    done = restoring.reverse(spent.id, points, now=now, actor=principal().name)
    audit.record(
        "points.reversed",
        "member",
        spent.member_id,
        now=now,
        after={"points": done.points, "seq": done.seq, "of_seq": spent.seq},
    )


def _spent(member_id: UUID, entry_id: UUID) -> PointsEntry:
    """The member's entry that spent points. Raises `RedemptionNotFound`."""
    query = select(PointsEntry).filter_by(member_id=member_id, id=entry_id)
    found = db.session.scalar(query.where(PointsEntry.kind.in_(ledger_words.SPENDING)))
    if found is None:
        raise RedemptionNotFound()
    return found


def _page(found: Member, entry_id: UUID, wrong: str = "", typed: str = "") -> str:
    now = clock.now()
    spent = _spent(found.id, entry_id)
    left, zone = restoring.left(found.id, spent.seq), zone_of(found.id, now)
    facts: dict[str, Any] = spent.data or {}
    return render_template(
        "reverse.html",
        member=person.shown(found),
        entry_id=entry_id,
        spent=-spent.points,
        left=left,
        reference=facts.get("reference") or spent.source_id,
        when=formats.begun(formats.moment(spent.occurred_at, now, zone)),
        typed=typed or left,
        wrong=wrong,
    )
