"""A referral as staff read it: the two, what was promised, what came of it and why."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import url_for
from sqlalchemy import select

from crm.activities.models import Referral
from crm.activities.referrals import WAITING
from crm.auth.approvals import DECIDE
from crm.console import formats, person
from crm.console.pages import when
from crm.console.words import say
from crm.db import db
from crm.errors import N_, NN_
from crm.http.principal import Principal
from crm.i18n import gettext
from crm.members.models import Member

STATES = {
    "open": N_("under way"),
    "review": N_("needs a look"),
    "released": N_("points given"),
    "void": N_("void"),
    "rejected": N_("rejected"),
}
MOODS = {"review": "warn", "released": "good", "void": "quiet", "rejected": "danger"}
REASONS = {
    "order_refunded": N_("The friend’s first order was refunded or cancelled."),
    "same_person": N_("The two, or two of the friends, turned out to be one person."),
    "member_gone": N_("One of the two is no member any more."),
}
FLAGS = {
    "shared_with_referrer": N_("The friend uses a device or a card of the referrer."),
    "shared_with_other_friend": N_("The friend uses a device or a card of another friend."),
}
DECIDED = {
    "released": N_("Approved: both have their points."),
    "void": N_("Nothing was given: {reason}"),
    "rejected": N_("Rejected: this referral gives nothing."),
}


def decided(row: Referral) -> str:
    """What came of a decision."""
    if row.decided_at is None and row.state != "void":
        return ""
    reason = gettext(REASONS[row.reason]) if row.reason else ""
    return say(DECIDED[row.state], reason=reason) if row.state in DECIDED else ""


def rows(found: Sequence[Mapping[str, Any]], who: Principal, now: datetime) -> list[dict[str, Any]]:
    """Referrals as `crm.activities.referrals.documents` tells them, for the table."""
    people = _people(one[side] for one in found for side in ("referee_id", "referrer_id"))
    return [_row(one, people, who, now) for one in found]


def _row(
    one: Mapping[str, Any], people: Mapping[UUID, dict[str, str]], who: Principal, now: datetime
) -> dict[str, Any]:
    state = one["state"]
    own = who.member_id in (one["referee_id"], one["referrer_id"])
    decides = who.may(DECIDE) and not own
    return {
        "id": one["referee_id"],
        "friend": people[one["referee_id"]],
        "referrer": people[one["referrer_id"]],
        "joined": when(one["joined_at"], now),
        "promised": _promised(one["promised"]),
        "state": gettext(STATES[state]),
        "mood": MOODS.get(state, ""),
        "why": _why(one, now),
        "order": _order(one),
        "decided_by": one["decided_by"] or "",
        "decided": when(one["decided_at"], now) if one["decided_at"] else "",
        "note": one["note"] or "",
        "may_approve": decides and state == "review",
        "may_reject": decides and state in WAITING,
        "is_own": own and state in WAITING and who.may(DECIDE),
    }


def _promised(promised: Iterable[Mapping[str, Any]]) -> list[str]:
    """What each rule promised to the referrer and to the friend."""
    found = []
    for rule in promised:
        referrer, friend = formats.number(rule["points"]), rule["referee_points"]
        both = NN_(
            "{referrer} point, and {friend} for the friend",
            "{referrer} points, and {friend} for the friend",
            "referrer",
        )
        text = both if friend else NN_("{referrer} point", "{referrer} points", "referrer")
        found.append(say(text, referrer=referrer, friend=formats.number(friend)))
    return found


def _why(one: Mapping[str, Any], now: datetime) -> list[str]:
    """What it waits for, or why it is what it is."""
    found = [gettext(FLAGS[flag]) for flag in one["flags"]]
    if one["reason"]:
        found.append(gettext(REASONS[one["reason"]]))
    if one["capped"]:
        found.append(
            gettext(N_("The referrer had as many friends as count in a month; he got nothing."))
        )
    if one["state"] == "open":
        found.append(_waits(one, now))
    return found


def _waits(one: Mapping[str, Any], now: datetime) -> str:
    if one["order"] is None:
        return gettext(N_("The friend has not paid an order yet."))
    if one["due_at"] is None:
        return gettext(N_("The points of the friend’s first order wait to be released."))
    return say(N_("The first order can come back until {moment}."), moment=when(one["due_at"], now))


def _order(one: Mapping[str, Any]) -> dict[str, str]:
    if one["order"] is None:
        return {"label": "", "href": ""}
    page = url_for("console.order", order_id=one["order_id"]) if one["order_id"] else ""
    return {"label": one["order"]["order_no"], "href": page}


def _people(ids: Iterable[UUID]) -> dict[UUID, dict[str, str]]:
    """Names, and the page of whoever each of them is today; one statement."""
    found = db.session.scalars(select(Member).where(Member.id.in_(set(ids))))
    return {member.id: _person(member) for member in found}


def _person(member: Member) -> dict[str, str]:
    name = member.name or person.number(member.member_no)
    lives_on = member.id if member.status == "active" else member.merged_into
    return {
        "name": name,
        "lang": person.language(member.name or "", member.locale),
        "href": url_for("console.member", member_id=lives_on) if lives_on else "",
    }
