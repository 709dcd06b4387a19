"""Campaigns in words: states, steps of the waterfall, schedules, the fields of the wizard."""

from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from typing import Any

from crm.console import formats, message_words
from crm.console.telling import Words
from crm.console.words import say
from crm.errors import N_
from crm.http.fields import read_instant
from crm.i18n import gettext

STATES = {
    "draft": N_("draft"),
    "scheduled": N_("waits for its time"),
    "launching": N_("being prepared"),
    "running": N_("being sent now"),
    "paused": N_("paused"),
    "done": N_("finished"),
    "cancelled": N_("cancelled"),
}
MARKS = {
    "scheduled": "",
    "launching": "r-tag--good",
    "running": "r-tag--good",
    "paused": "r-tag--warn",
    "draft": "r-tag--quiet",
    "cancelled": "r-tag--danger",
}
TABS = {
    "": N_("All"),
    "draft": N_("Drafts"),
    "scheduled": N_("Waiting"),
    "running": N_("Being sent"),
    "paused": N_("Paused"),
    "done": N_("Finished"),
    "cancelled": N_("Cancelled"),
}
STEPS = {
    "audience": N_("Audience"),
    "exclusions": N_("Exclusions"),
    "offer": N_("Offer"),
    "schedule": N_("Time and limits"),
    "review": N_("Review and send"),
}
FALLS = {
    "audience": N_("Audience"),
    "excluded": N_("Excluded"),
    "opted_out": N_("No consent for {channel} marketing"),
    "no_address": N_("No address for {channel}"),
    "address_suppressed": N_("The address bounced or complained"),
    "open_case": N_("A complaint is open"),
    "expired": N_("The time has passed where they live"),
    "capped": N_("Had enough messages for now"),
    "holdout": N_("Held out, {percent}%, gets nothing on purpose"),
    "will_send": N_("Will send"),
}
COUNTERS = {
    "sent": N_("sent"),
    "failed": N_("failed"),
    "suppressed": N_("not sent"),
    "holdout": N_("held out"),
    "cancelled": N_("cancelled"),
    "pending": N_("still to come"),
}
COLOURS = {
    "sent": "c-send", "failed": "c-4", "suppressed": "c-out", "holdout": "c-hold",
    "cancelled": "c-keep", "pending": "c-track",
}  # fmt: skip
LABELS = {
    "/name": N_("Name of the campaign"),
    "/audience": N_("Who it is for"),
    "/mode": N_("Whose audience"),
    "/exclude": N_("Who gets nothing"),
    "/holdout_percent": N_("Held out, in percent"),
    "/schedule/at": N_("Day and time"),
    "/schedule/on": N_("Day"),
    "/schedule/local_time": N_("Local time"),
    "/schedule/if_past": N_("Where that time has passed already"),
    "/budget": N_("Budget"),
    "/attribution_days": N_("Days in which purchases count"),
}
HINTS = {
    "/name": N_("Only staff reads it."),
    "/holdout_percent": N_("They get nothing, so that you see what the campaign itself brings."),
    "/schedule/at": N_("By the shop’s clock."),
    "/schedule/on": N_("By each member’s own calendar."),
    "/schedule/local_time": N_("By each member’s own clock."),
    "/budget": N_("Bounds messages, coupons at their most and points together. Empty: no limit."),
    "/attribution_days": N_("Counted from the day of the message."),
}
CHOICES = {
    "/mode": {
        "frozen": N_("Those who are in it when it is launched"),
        "live": N_("Those who are in it when their message is due"),
    },
    "/schedule/if_past": {
        "now": N_("send at once"),
        "tomorrow": N_("send at the same time on the next day"),
        "skip": N_("send nothing"),
    },
}
WAYS = {
    "now": N_("At once"),
    "at": N_("At one moment for all"),
    "local": N_("At each member’s own local time"),
}
WORDS = Words(LABELS, HINTS, CHOICES)
AT_ONCE = N_("at once")
AT = N_("{day}, {time} by the shop’s clock")
LOCAL = N_("{day}, {time} local time")


def state(code: str) -> dict[str, str]:
    """A state as a tag."""
    return {"code": code, "name": gettext(STATES[code]), "mark": MARKS.get(code, "")}


def channel(code: str) -> str:
    """A channel inside a sentence."""
    return gettext(message_words.CHANNELS[code])


def fall(step: str, channel_code: str, percent: int) -> str:
    """A step of the waterfall."""
    if step not in FALLS:
        return message_words.why(step)
    return say(FALLS[step], channel=channel(channel_code), percent=percent)


def when(schedule: Mapping[str, Any], now: datetime, zone: tzinfo) -> str:
    """When it goes, in words."""
    today = now.astimezone(zone).date()
    if "at" in schedule:
        at = read_instant(schedule["at"]).astimezone(zone)
        return say(AT, day=formats.day(at.date(), today), time=formats.clock_time(at, zone))
    if "local_time" in schedule:
        day = formats.day(date.fromisoformat(schedule["on"]), today)
        return say(LOCAL, day=day, time=schedule["local_time"])
    return gettext(AT_ONCE)


def way(schedule: Mapping[str, Any]) -> str:
    """Which of the three ways a schedule is."""
    return "at" if "at" in schedule else "local" if "local_time" in schedule else "now"
