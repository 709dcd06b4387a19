"""The fields of the language as people read them: what `GET /audiences/fields` shows."""

from datetime import datetime
from typing import Any

from crm.i18n import gettext
from crm.segments.audiences import registry


def shown(now: datetime) -> list[dict[str, Any]]:
    """Every field with its words, type, operators and choices, in the reader's language."""
    return [
        {
            "field": one.name,
            "label": gettext(one.label),
            "description": gettext(one.about),
            "type": one.kind.name,
            "ops": list(one.ops),
            "window": one.window or "none",
            "choices": [choice._asdict() for choice in (one.choices(now) if one.choices else ())],
            "closed": one.closed,
        }
        for one in registry.every()
    ]
