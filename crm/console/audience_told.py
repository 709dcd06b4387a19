"""What a filter comes to, in words and figures: the sample, and whom each channel reaches."""

from collections.abc import Mapping
from typing import Any

from crm.console import formats, person
from crm.errors import N_
from crm.i18n import gettext
from crm.segments import labels

CHANNELS = {
    "email": N_("E-mail"),
    "sms": N_("Text message"),
    "webhook": N_("WeChat and app"),
    "inbox": N_("In-app inbox"),
}
REASONS = {
    "no_consent": N_("no consent"),
    "no_address": N_("no address"),
    "suppressed": N_("address stopped"),
    "blocked": N_("open complaint"),
}


def told_preview(found: Mapping[str, Any]) -> dict[str, Any]:
    """A preview as pages show it."""
    called = labels.names()
    return {
        "count": formats.number(found["count"]),
        "sample": [_member(row, called) for row in found["sample"]],
        "reach": [_channel(row) for row in found["reach"]],
    }


def _member(row: Mapping[str, Any], called: labels.Names) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"] or person.number(row["member_no"]),
        "number": person.number(row["member_no"]),
        "contact": row["phone"] or row["email"] or "",
        "segment": called.get(row["segment"], ""),
    }


def _channel(row: Mapping[str, Any]) -> dict[str, Any]:
    why = [
        {"name": gettext(text), "count": formats.number(row[code])}
        for code, text in REASONS.items()
        if row[code]
    ]
    return {
        "name": gettext(CHANNELS[row["channel"]]),
        "reach": formats.number(row["reach"]),
        "share": 100 * row["reach"] / row["members"] if row["members"] else 0.0,
        "percent": formats.percent(row["reach"] / row["members"]) if row["members"] else "–",
        "why": why,
    }
