"""Where one member stands: percentiles beside all customers, and the segment next to his."""

from typing import Any

from crm.console import formats
from crm.console.words import say
from crm.errors import N_
from crm.i18n import gettext

NAMES = {
    "recency": N_("How recently"),
    "frequency": N_("How often"),
    "monetary": N_("How much"),
}
CLEAR = 0.1  # a margin below it is near the border, and a move across waits for a second run


def ranks(percentiles: dict[str, float] | None) -> list[dict[str, Any]]:
    """Each percentile in words and as a bar's length; empty without a purchase or a run."""
    return [
        {
            "name": gettext(name),
            "text": say(N_("percentile {number}"), number=formats.number(100 * percentiles[code])),
            "share": 100 * percentiles[code],
        }
        for code, name in NAMES.items()
        if percentiles
    ]


def following(found: dict[str, Any]) -> str:
    """Which segment is next to his, and whether the border is near. "" where rules decide."""
    if found["next_segment"] is None or found["margin"] is None:
        return ""
    name = found["next_segment"]["name"]
    if found["margin"] < CLEAR:
        return say(N_("Next to it, and near: {segment}"), segment=name)
    return say(N_("Next to it: {segment}"), segment=name)
