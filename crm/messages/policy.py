"""The policy of messages: quiet hours, caps, retries and rates; versioned, changed at run time.

The default is what the programme starts with; a change is a new version and counts at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from sqlalchemy import text

from crm import audit
from crm.db import db
from crm.http import principal
from crm.messages.models import MessagePolicy

DEFAULT: Mapping[str, Any] = {
    "timezone": "Asia/Shanghai",
    "quiet_hours": {"marketing": {"from": "09:00", "to": "20:30"}},
    "caps": {"per_day": 1, "per_week": 3},
    "retries": {"most": 8, "first_seconds": 30, "longest_seconds": 3600},
    "rates": {},
}
NEWEST = text("SELECT version, document FROM message_policy ORDER BY version DESC LIMIT 1")
NEWEST_LOCKED = text(f"{NEWEST.text} FOR UPDATE")
SMS_HOURS = (time(8), time(22))  # no setting: a text message at night wakes people


@dataclass(frozen=True, slots=True)
class Policy:
    """What is in force. Hours are local; a cap of None counts nothing; `rates` per second."""

    version: int
    timezone: str
    marketing_hours: tuple[time, time]
    per_day: int | None
    per_week: int | None
    most_attempts: int
    first_seconds: int
    longest_seconds: int
    rates: Mapping[str, float]


def current() -> Policy:
    """The policy in force, read in the current transaction."""
    return read(*_newest())


def document() -> dict[str, Any]:
    """The newest version as the API shows it."""
    version, found = _newest()
    return {**DEFAULT, **found, "version": version}


def put(body: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """A new version of the policy; what is not named keeps its value. Telling the same again
    changes nothing."""
    version, before = _newest(lock=True)
    after = {name: {**before[name], **given} if isinstance(given, Mapping) and name != "rates"
             else given for name, given in body.items()}  # fmt: skip
    whole = {**before, **after}
    if whole == before:
        return {**before, "version": version}
    db.session.add(
        MessagePolicy(
            version=version + 1, document=whole, created_by=principal().name, created_at=now
        )
    )
    audit.record("message_policy.changed", "message_policy", version + 1,
                 before=before, after=whole, now=now)  # fmt: skip
    db.session.flush()
    return {**whole, "version": version + 1}


def _newest(*, lock: bool = False) -> tuple[int, dict[str, Any]]:
    found = db.session.execute(NEWEST_LOCKED if lock else NEWEST).one_or_none()
    return (found.version, found.document) if found else (0, dict(DEFAULT))


def read(version: int, found: Mapping[str, Any]) -> Policy:
    """A stored document as rules use it."""
    hours = found["quiet_hours"]["marketing"]
    retries, caps = found["retries"], found["caps"]
    return Policy(
        version=version,
        timezone=found["timezone"],
        marketing_hours=(time.fromisoformat(hours["from"]), time.fromisoformat(hours["to"])),
        per_day=caps["per_day"],
        per_week=caps["per_week"],
        most_attempts=retries["most"],
        first_seconds=retries["first_seconds"],
        longest_seconds=retries["longest_seconds"],
        rates=found["rates"],
    )
