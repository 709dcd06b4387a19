"""The tree of a filter as its template draws it: controls, choices, and what is wrong where."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from crm.console.audience_form import DAYS_OPS, Part
from crm.console.audience_words import HOWS, NO, YES, field_name, op_name, room_name
from crm.db import db
from crm.errors import Invalid, Refused
from crm.http import problems
from crm.i18n import gettext
from crm.segments.audiences import registry
from crm.segments.audiences.errors import AudienceNameTaken
from crm.segments.audiences.field import Choice, Field
from crm.segments.audiences.models import Audience

MOST_AUDIENCES = 200
NUMERIC = ("whole", "money", "share")


class Drawer:
    """Draws the parts of one filter; choices are looked up once for each field."""

    def __init__(self, now: datetime, currency: str, errors: Mapping[str, str]) -> None:
        self.now, self.currency, self.errors = now, currency, errors
        self._choices: dict[str, Sequence[Choice]] = {}
        self.fields = self._fields()

    def _fields(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Every field under the heading of its room."""
        found: dict[str, list[tuple[str, str]]] = {}
        for one in registry.every():
            found.setdefault(room_name(one.name), []).append((one.name, field_name(one)))
        return list(found.items())

    def part(self, part: Part) -> dict[str, Any]:
        """A part with everything that its controls need."""
        shown = {"path": part.path, "id": part.path.replace(".", "-"), "wrong": self._wrong(part)}
        if part.how:
            hows = [(code, gettext(name)) for code, name in HOWS.items()]
            parts = [self.part(one) for one in part.parts]
            return shown | {"how": part.how, "hows": hows, "parts": parts}
        known = part.known()
        assert known is not None, "settled"
        return shown | {
            "how": "",
            "field": part.field,
            "label": field_name(known),
            "about": gettext(known.about),
            "named": part.field.endswith("*"),
            "rest": part.rest,
            "op": part.op,
            "ops": [(op, op_name(known, op)) for op in known.ops],
            "window": known.window,
            "ahead": known.ahead,
            "days": part.days,
            **self._control(part, known),
        }

    def _control(self, part: Part, known: Field) -> dict[str, Any]:
        values, kind = part.values, known.kind.name
        shown: dict[str, Any] = {"values": values, "unit": "", "type": "text", "mode": "text"}
        if kind == "money" and part.op not in DAYS_OPS:
            shown["unit"] = self.currency
        if kind == "share":
            shown["unit"] = "%"
        if kind in NUMERIC or part.op in DAYS_OPS:
            shown["mode"] = "decimal" if kind in ("money", "share") else "numeric"
        if part.op == "exists" or kind == "flag":
            yes_no = [("true", gettext(YES)), ("false", gettext(NO))]
            return shown | {"widget": "select", "choices": yes_no}
        if part.op in DAYS_OPS:
            return shown | {"widget": "input"}
        choices = self._known_choices(known)
        if choices and kind not in NUMERIC:
            extra = [(text, text) for text in values if text and text not in dict(choices)]
            widget = "checks" if part.op == "in" else "select"
            if part.op == "has" and kind == "text":
                widget = "input"
            return shown | {"widget": widget, "choices": [*choices, *extra]}
        if kind in ("day", "instant") and not any("T" in text for text in values):
            shown["type"] = "date"
        if part.op == "in":
            return shown | {"widget": "lines", "values": ["\n".join(values)]}
        return shown | {"widget": "pair" if part.op == "between" else "input"}

    def _known_choices(self, known: Field) -> list[tuple[str, str]]:
        if known.name not in self._choices:
            if known.kind.name == "reference":
                self._choices[known.name] = self._audiences()
            else:
                self._choices[known.name] = known.choices(self.now) if known.choices else ()
        return [tuple(one) for one in self._choices[known.name]]  # type: ignore[misc]

    def _audiences(self) -> list[Choice]:
        rows = db.session.execute(
            select(Audience.id, Audience.name)
            .where(Audience.archived_at.is_(None))
            .order_by(Audience.name)
            .limit(MOST_AUDIENCES)
        )
        return [Choice(str(row.id), row.name) for row in rows]

    def _wrong(self, part: Part) -> str:
        return self.errors.get(part.at, "") if part.at else ""


def placed(root: Part, refused: Refused) -> tuple[dict[str, str], list[str]]:
    """What is wrong, by the place of the part or the field that it is about; and the rest."""
    if isinstance(refused, AudienceNameTaken):
        return {"/name": problems.document(refused)["detail"]}, []
    if not isinstance(refused, Invalid):
        return {}, [problems.document(refused)["detail"]]
    known = {part.at for part in root.walk() if part.at} | {"/name", "/description"}
    errors: dict[str, str] = {}
    rest = []
    for error in refused.errors:
        pointer, said = error.pointer, problems.say(error.detail, error.facts)
        while pointer and pointer not in known:
            pointer = pointer.rpartition("/")[0]
        if pointer:
            errors.setdefault(pointer, said)
        else:
            rest.append(said)
    return errors, rest
