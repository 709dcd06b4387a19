"""A member's progress as the contract prints it, with names in the reader's language."""

from datetime import datetime
from typing import Any

from crm.i18n import locale
from crm.members.tiers.ladder import Ladder
from crm.members.tiers.progress import Goal, Progress
from crm.members.tiers.storage import shown


def page(progress: Progress, ladder: Ladder, now: datetime) -> dict[str, Any]:
    """The document of `GET /members/{id}/tier`, but for the history."""
    standing = progress.standing
    held = shown(standing, ladder, now)
    return {
        "tier": {
            "code": held.code,
            "name": held.name,
            "since": held.since,
            "valid_until": held.valid_until,
        },
        "earned": _named(standing.tier, ladder)
        | {
            "since": standing.since,
            "valid_until": standing.valid_until,
            "grace_until": standing.grace_until,
        },
        "floor": standing.floor
        and _named(standing.floor, ladder)
        | {
            "since": standing.floor_since,
            "until": standing.floor_until,
            "reason": standing.floor_reason,
        },
        "window": {
            "kind": ladder.window.kind,
            "months": ladder.window.months,
            "from_": progress.window_start,
            "to": now,
        },
        "metrics": progress.metrics._asdict(),
        "next": _goal(progress.next, ladder),
        "keep": _goal(progress.keep, ladder),
        "expected": progress.expected
        and _named(progress.expected, ladder) | {"at": progress.expected_at},
        "ladder_version": ladder.version,
    }


def _named(code: str, ladder: Ladder) -> dict[str, Any]:
    return {"code": code, "name": ladder.tier(code).name(locale())}


def _goal(goal: Goal | None, ladder: Ladder) -> dict[str, Any] | None:
    if goal is None:
        return None
    facts = {"match": goal.match, "conditions": goal.needs, "met": goal.met}
    return _named(goal.tier, ladder) | facts
