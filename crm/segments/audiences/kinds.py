"""The types of fields: which operators they know, and how a value of theirs is read from JSON."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from crm.errors import N_, NN_
from crm.http.fields import MINOR_LIMIT, read_id
from crm.http.strict_json import text_problem
from crm.http.texts import CONTROL
from crm.http.times import read_instant

LONGEST_TEXT = 200
MOST_VALUES = 1_000
MOST_DAYS = 3_660
LARGEST = MINOR_LIMIT
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

OPS = (
    *("eq", "ne", "lt", "le", "gt", "ge", "in", "between", "has", "exists"),
    *("within_days", "before", "after"),
)
ORDERED = ("lt", "le", "gt", "ge", "between")


class Wrong(ValueError):
    """A value that a field does not take: code, sentence, the facts that fill it."""

    def __init__(self, code: str, text: str, **facts: object) -> None:
        super().__init__(code)
        self.code, self.text, self.facts = code, text, facts


@dataclass(frozen=True)
class Kind:
    """A type of value. `read` checks one value and gives it as the database takes it."""

    name: str
    ops: tuple[str, ...]
    read: Callable[[object], Any]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Wrong("invalid_type", N_("This must be text."))
    found = value.strip()
    if not found:
        raise Wrong(
            "too_short",
            NN_(
                "This must have at least {low} character.",
                "This must have at least {low} characters.",
                "low",
            ),
            low=1,
        )
    if len(found) > LONGEST_TEXT:
        text = NN_(
            "This must have at most {high} character.",
            "This must have at most {high} characters.",
            "high",
        )
        raise Wrong("too_long", text, high=LONGEST_TEXT)
    if text_problem(found) or CONTROL.search(found):
        raise Wrong("not_storable", N_("The text contains characters that can't be stored."))
    return found


def _whole(value: object) -> int:
    if type(value) is not int:
        raise Wrong("invalid_type", N_("This must be a whole number."))
    return _bounded(value)


def _bounded(value: Any, low: int = -LARGEST, high: int = LARGEST) -> Any:
    if not low <= value <= high:
        text = N_("This must be between {low} and {high}.")
        raise Wrong("out_of_range", text, low=low, high=high)
    return value


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Wrong("invalid_type", N_("This must be a number."))
    return _bounded(float(value), 0, 1)


def _number(value: object) -> float | int:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Wrong("invalid_type", N_("This must be a number."))
    return _bounded(value)


def read_flag(value: object) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise Wrong("invalid_type", N_("This must be true or false."))
    return value


def read_days(value: object) -> int:
    """A number of days, 0 (today) to ten years."""
    return _bounded(_whole(value), 0, MOST_DAYS)


def _day(value: object) -> date:
    if isinstance(value, str) and DAY.fullmatch(value):
        try:
            found = date.fromisoformat(value)
        except ValueError:
            pass
        else:
            if 1900 <= found.year <= 2200:
                return found
    raise Wrong("invalid_day", N_("This must be a day such as 2027-01-31."))


def _moment(value: object) -> Any:
    """A day, or an instant."""
    if isinstance(value, str) and not DAY.fullmatch(value):
        try:
            return read_instant(value)
        except ValueError:
            text = N_("This must be a day such as 2027-01-31 or a time such as {example}.")
            raise Wrong("invalid_instant", text, example="2027-01-31T09:30:00Z") from None
    return _day(value)


def _id(value: object) -> Any:
    try:
        return read_id(value)
    except ValueError:
        raise Wrong("invalid_id", N_("This must be a UUID.")) from None


def _scalar(value: object) -> Any:
    if isinstance(value, bool):
        return value
    return _number(value) if isinstance(value, (int, float)) else _text(value)


TEXT = Kind("text", ("eq", "ne", "in", "has", "exists"), _text)
CHOICE = Kind("choice", ("eq", "ne", "in", "exists"), _text)
WHOLE = Kind("whole", ("eq", "ne", *ORDERED, "in", "exists"), _whole)
MONEY = Kind("money", ("eq", "ne", *ORDERED, "exists"), _whole)
SHARE = Kind("share", (*ORDERED, "exists"), _share)
FLAG = Kind("flag", ("eq", "ne"), read_flag)
DATE = Kind("day", ("eq", "before", "after", "between", "within_days", "exists"), _day)
INSTANT = Kind("instant", ("before", "after", "between", "within_days", "exists"), _moment)
SCALAR = Kind("scalar", ("eq", "ne", *ORDERED, "in", "has", "exists"), _scalar)
WORDS = Kind("words", ("has", "in", "exists"), _text)
IDS = Kind("ids", ("has", "in", "exists"), _id)
REFERENCE = Kind("reference", ("eq", "in"), _id)
ANNIVERSARY = Kind("anniversary", ("within_days", "exists"), _day)
