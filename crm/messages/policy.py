"""The policy of messages: quiet hours, caps, retries and rates."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

from crm.messages.models import MessagePolicy
from crm.policies import Versions

DEFAULT: Mapping[str, Any] = {
    "timezone": "Asia/Shanghai",
    "quiet_hours": {"marketing": {"from": "09:00", "to": "20:30"}},
    "caps": {"per_day": 1, "per_week": 3},
    "retries": {"most": 8, "first_seconds": 30, "longest_seconds": 3600},
    "rates": {},
}
VERSIONS = Versions(MessagePolicy, DEFAULT, replaced=frozenset({"rates"}))
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
    found = VERSIONS.document()
    return read(found["version"], found)


document, put = VERSIONS.document, VERSIONS.put


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
