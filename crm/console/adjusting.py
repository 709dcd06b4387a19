"""The form to adjust a member's points by hand, and what it says before it is sent."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import marshmallow as ma
from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.auth import approvals
from crm.auth.approvals import KINDS
from crm.console import formats, person
from crm.console.blueprint import blp
from crm.console.pages import when
from crm.console.words import say
from crm.db import transaction
from crm.errors import N_, NN_, Refused
from crm.http import problems
from crm.http.fields import POINTS_LIMIT
from crm.http.permissions import needs
from crm.http.principal import Principal, principal
from crm.http.schema import field_errors
from crm.ids import uuid7
from crm.members.models import Member
from crm.points import adjustment_limits, adjustments, balances, programme
from crm.points.adjustment_reasons import REASONS
from crm.points.adjustment_schemas import AdjustmentIn

FIELDS = ("points", "reason_code", "note", "member_text")
SCHEMA = AdjustmentIn(only=FIELDS)
SENTENCES = {
    "points": N_("Give a whole number, such as 200 or −50."),
    "reason_code": N_("Choose a reason."),
}
MOST_PENDING = 5


@dataclass(frozen=True)
class Form:
    """What stands in the form; `said` is what is wrong, by field ("" is about the whole)."""

    id: UUID
    points: str = ""
    reason_code: str = ""
    note: str = ""
    member_text: str = ""
    said: dict[str, str] | None = None


def offered(member_id: UUID, now: datetime) -> dict[str, Any] | None:
    """What parts/adjust.html shows; None for who may not adjust this member."""
    who = principal()
    if not who.may(adjustments.PERMISSION) or who.member_id == member_id:
        return None
    return _shown(Form(uuid7()), who, now)


def waiting(member_id: UUID, now: datetime) -> list[dict[str, str]]:
    """The adjustments of a member that wait for a second person, as this one may see them."""
    who = principal()
    if not who.may("approvals:read"):
        return []
    wanted = {"state": "pending", "subject_type": "member", "subject_id": str(member_id)}
    rows = approvals.listed(wanted, MOST_PENDING, None, by=who, now=now)
    return [
        {
            "what": KINDS[row.kind].tell(row.payload),
            "by": row.requester_name,
            "when": when(row.requested_at, now),
        }
        for row in rows[:MOST_PENDING]
    ]


@blp.get("/members/<uuid:member_id>/adjust")
@needs("points:adjust")
def adjust_form(member_id: UUID) -> str:
    """The form on a page of its own, for browsers without fold-outs and for bookmarks."""
    return _page(person.load(member_id), Form(uuid7()))


@blp.post("/members/<uuid:member_id>/adjust")
@needs("points:adjust")
def adjust(member_id: UUID) -> str | tuple[str, int] | Response:
    """Adjust at once or send for approval; sent twice, the form counts once."""
    found, now = person.load(member_id), clock.now()
    form, body = _read()
    if form.said:
        return _page(found, form), 422
    ask = adjustments.Adjustment(form.id, member_id, **body)
    try:
        with transaction():
            done = adjustments.adjust(ask, by=principal(), now=now)
    except Refused as refused:
        wrong = replace(form, said={"": problems.document(refused)["detail"]})
        return _page(found, wrong), refused.status
    became: dict[str, Any] = {"adjusted" if done.approval is None else "asked": ask.points}
    return redirect(url_for("console.member", member_id=member_id, **became), 303)


@blp.get("/members/<uuid:member_id>/adjust/forecast")
@needs("points:adjust")
def forecast(member_id: UUID) -> str:
    """What would happen with the points typed so far: a sentence for the form's live region."""
    now = clock.now()
    points = whole(request.args.get("points", ""))
    if not points or abs(points) > POINTS_LIMIT:
        return ""
    available = balances.balance(person.load(member_id).id, now, now=now)["available"]
    if points < 0 and available < -points:
        return say(
            NN_(
                "Only {available} point can be spent, so no more can be taken.",
                "Only {available} points can be spent, so no more can be taken.",
                "available",
            ),
            available=formats.number(available),
        )
    if _alone(principal(), now).allows(points):
        return say(
            NN_(
                "Takes effect at once: {before} point to spend becomes {after}.",
                "Takes effect at once: {before} points to spend become {after}.",
                "before",
            ),
            before=formats.number(available),
            after=formats.number(available + points),
        )
    return say(N_("Above your limit: this is sent to a second person, and nothing changes yet."))


def done() -> str:
    """What the address says has just been done with points, in words; else nothing."""
    for name, text in (
        ("adjusted", NN_("Adjusted by {points} point.", "Adjusted by {points} points.", "points")),
        (
            "given_back",
            NN_("Given back: {points} point.", "Given back: {points} points.", "points"),
        ),
        (
            "asked",
            NN_(
                "Sent for approval: {points} point. Somebody else decides it.",
                "Sent for approval: {points} points. Somebody else decides it.",
                "points",
            ),
        ),
    ):
        points = whole(request.args.get(name, ""))
        if points and abs(points) <= POINTS_LIMIT:
            return say(text, points=formats.signed(points))
    return ""


@dataclass(frozen=True)
class Alone:
    """What one may adjust alone today."""

    limit: adjustment_limits.AdjustmentLimit
    used: int

    def allows(self, points: int) -> bool:
        """Whether these points need nobody else."""
        return self.limit.allows(points, self.used)

    def told(self) -> str:
        """The limits in words."""
        at_once, a_day = self.limit.per_act, self.limit.per_day
        if at_once is None or a_day is None:
            return say(N_("You may adjust any number of points. It takes effect at once."))
        return say(
            NN_(
                "Up to {at_once} point at once, and {left} more today, take effect at once. Abo"
                "ve that a second person decides.",
                "Up to {at_once} points at once, and {left} more today, take effect at once. Abo"
                "ve that a second person decides.",
                "at_once",
            ),
            at_once=formats.number(at_once),
            left=formats.number(max(a_day - self.used, 0)),
        )


def _alone(who: Principal, now: datetime) -> Alone:
    settings = programme.current(now)
    used = adjustment_limits.day(who, settings, now).used
    return Alone(adjustment_limits.alone(who, settings), used)


def _shown(form: Form, who: Principal, now: datetime) -> dict[str, Any]:
    return {"form": form, "reasons": REASONS, "limits": _alone(who, now).told()}


def _page(found: Member, form: Form) -> str:
    now = clock.now()
    available = balances.balance(found.id, now, now=now)["available"]
    return render_template(
        "adjust.html",
        member=person.shown(found),
        available=available,
        own=principal().member_id == found.id,
        adjusting=_shown(form, principal(), now),
    )


def _read() -> tuple[Form, dict[str, Any]]:
    """The form as it was sent, and what of it goes into an adjustment."""
    given = {name: request.form.get(name, "").strip()[:1000] for name in FIELDS}
    typed: dict[str, Any] = given | {"points": whole(given["points"])}
    typed["member_text"] = given["member_text"] or None
    said: dict[str, str] = {}
    body: dict[str, Any] = {}
    try:
        body = cast(dict[str, Any], SCHEMA.load(typed))
    except ma.ValidationError as error:
        for one in field_errors(error.messages):
            name = one.pointer.strip("/")
            said.setdefault(name, problems.say(SENTENCES.get(name, one.detail), one.facts))
    return Form(_id(), **given, said=said), body


def _id() -> UUID:
    """The form's own id, which makes sending it twice harmless; a new one if it was tampered."""
    try:
        return UUID(request.form.get("id", ""))
    except ValueError:
        return uuid7()


def whole(typed: str) -> int | None:
    """+200, −50, 1,000, ２００: a whole number as people type it."""
    plain = typed.strip().replace("−", "-").replace("－", "-").replace("＋", "+")
    plain = plain.replace(",", "").replace("，", "").replace(" ", "")
    digits = plain[1:] if plain[:1] in ("+", "-") else plain
    return int(plain) if digits.isdecimal() and len(digits) <= 12 else None
