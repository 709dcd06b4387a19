"""Cases in words: what they are about, how they stand, what happened to them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import url_for

from crm.cases import owners
from crm.cases.models import CaseEvent
from crm.console import person
from crm.console.pages import when
from crm.console.words import say
from crm.errors import N_
from crm.http.principal import Principal
from crm.i18n import gettext

KINDS = {
    "product": N_("Goods"),
    "delivery": N_("Delivery"),
    "service": N_("Service"),
    "refund": N_("Refund"),
    "points": N_("Points"),
    "rating": N_("Bad rating"),
    "other": N_("Something else"),
}
STATES = {
    "open": N_("open"),
    "in_progress": N_("in progress"),
    "waiting": N_("waiting for the member"),
    "closed": N_("closed"),
}
MARKS = {
    "open": "r-tag--warn",
    "in_progress": "",
    "waiting": "r-tag--quiet",
    "closed": "r-tag--quiet",
}
REASONS = {
    "resolved": N_("Solved"),
    "refunded": N_("Money back"),
    "replaced": N_("Replaced"),
    "compensated": N_("Made up for with points or a coupon"),
    "unfounded": N_("There was nothing to it"),
    "no_answer": N_("The member did not answer"),
    "duplicate": N_("There is another case for it"),
}
SOURCES = {"staff": N_("staff"), "survey": N_("survey"), "api": N_("shop system")}
HAPPENED = {
    "opened": N_("Case opened"),
    "comment": N_("Comment"),
    "changed": N_("Changed"),
    "closed": N_("Closed"),
    "reopened": N_("Opened again"),
    "overdue": N_("Overdue: nobody closed it in time"),
}
MOODS = {"closed": "good", "overdue": "warn", "reopened": "warn"}
FIELDS = {
    "state": N_("State: {value}"),
    "reason": N_("Why closed: {value}"),
    "owner": N_("Looked after by {value}"),
    "due_at": N_("Due {value}"),
    "kind": N_("About: {value}"),
    "subject": N_("Subject: {value}"),
}
NOBODY = N_("nobody")
RATED = N_("Rated {rating} of 5")


def subject(case: Mapping[str, Any]) -> str:
    """What a case is called; one that a rating opened says which."""
    if case["source"] == "survey" and case["rating"]:
        return say(RATED, rating=case["rating"])
    return case["subject"]


def rows(cases: Sequence[Mapping[str, Any]], who: Principal, now: datetime) -> list[dict[str, Any]]:
    """Cases as `crm.cases.documents` tells them, for tables."""
    names = person.called(case["member_id"] for case in cases)
    return [row(case, who, now) | {"member": names.get(case["member_id"], "")} for case in cases]


def row(case: Mapping[str, Any], who: Principal, now: datetime) -> dict[str, Any]:
    """One case in words."""
    owner = case["owner"]
    return {
        "id": case["id"],
        "subject": subject(case),
        "about": gettext(KINDS[case["kind"]]),
        "state": gettext(STATES[case["state"]]),
        "mark": MARKS[case["state"]],
        "closed": case["state"] == "closed",
        "owner": owner["name"] if owner else "",
        "is_mine": bool(owner) and owner["id"] == who.id,
        "due": when(case["due_at"], now),
        "overdue": case["overdue"],
        "opened": when(case["opened_at"], now),
        "opened_by": case["opened_by"],
        "member_page": url_for("console.member", member_id=case["member_id"]),
    }


def happened(events: Sequence[CaseEvent], now: datetime) -> list[dict[str, Any]]:
    """A case's history for its page, the newest first."""
    ids = {UUID(one) for event in events for one in event.changes.get("owner", ()) if one}
    names = owners.names(ids)
    return [
        {
            "what": gettext(HAPPENED[event.kind]),
            "mood": MOODS.get(event.kind, ""),
            "by": "" if event.kind == "overdue" else event.actor,
            "changes": _changes(event, names, now),
            "text": event.text or "",
            "when": when(event.at, now),
            "at": event.at.isoformat(),
        }
        for event in reversed(events)
    ]


def _changes(event: CaseEvent, names: Mapping[UUID, str], now: datetime) -> list[str]:
    if event.kind == "overdue":
        return []
    return [
        say(FIELDS[name], value=_value(name, after, names, now))
        for name, (_, after) in event.changes.items()
        if name in FIELDS and not (name == "reason" and after is None)
    ]


def _value(name: str, after: Any, names: Mapping[UUID, str], now: datetime) -> str:
    if name == "owner":
        return names.get(UUID(after), "") if after else gettext(NOBODY)
    if name == "due_at":
        return when(datetime.fromisoformat(after), now)
    words = {"state": STATES, "reason": REASONS, "kind": KINDS}.get(name)
    return gettext(words[after]) if words else str(after)
