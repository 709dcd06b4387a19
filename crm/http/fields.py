"""Fields of the contract: strict types, bounds on everything, a stable code for every mistake."""

import re
import typing
from uuid import UUID

import marshmallow as ma
from marshmallow import validate

from crm.errors import N_
from crm.http.containers import Items, Mapping, Nested
from crm.http.mistakes import NULL, REQUIRED, Field, Said, wrong
from crm.http.texts import Choice, Text, code
from crm.http.times import Day, Instant, instant_text, read_instant

__all__ = [
    "MINOR_LIMIT",
    "NULL",
    "PLAIN",
    "POINTS_LIMIT",
    "REQUIRED",
    "Choice",
    "Day",
    "Field",
    "Flag",
    "Id",
    "Instant",
    "Items",
    "Mapping",
    "Nested",
    "Said",
    "Text",
    "Whole",
    "code",
    "instant_text",
    "minor",
    "points",
    "read_id",
    "read_instant",
    "wrong",
]

POINTS_LIMIT = 1_000_000_000
MINOR_LIMIT = 1_000_000_000_000
# Text as `Text` takes it without trimming, for readers that know patterns only.
PLAIN = r"^[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?\Z"
ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Whole(Field, ma.fields.Integer):
    """An integer within bounds. Not a boolean, not 1.0, not "1" (but in query strings, "1")."""

    checks_bounds = True
    default_error_messages: typing.ClassVar = {
        "invalid_type": N_("This must be a whole number."),
        "out_of_range": N_("This must be between {low} and {high}."),
    }

    def __init__(self, low: int = 0, high: int = POINTS_LIMIT, *, query: bool = False, **kwargs):
        super().__init__(validate=validate.Range(low, high), **kwargs)
        self.low, self.high, self.query = low, high, query

    def _deserialize(self, value: object, attr, data, **kwargs) -> int:
        if self.query and isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
            value = int(value)
        if type(value) is not int:
            raise self.make_error("invalid_type")
        if not self.low <= value <= self.high:
            raise self.make_error("out_of_range", low=self.low, high=self.high)
        return value


def points(low: int = 0, **kwargs) -> Whole:
    """Points: at most a thousand million either way."""
    return Whole(low, POINTS_LIMIT, **kwargs)


def minor(low: int = 0, **kwargs) -> Whole:
    """An amount of money in minor units of the programme's currency."""
    return Whole(low, MINOR_LIMIT, **kwargs)


class Flag(Field, ma.fields.Boolean):
    """true or false; in query strings the words."""

    default_error_messages: typing.ClassVar = {"invalid_type": N_("This must be true or false.")}

    def _deserialize(self, value: object, attr, data, **kwargs) -> bool:
        found = (
            {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
        )
        if not isinstance(found, bool):
            raise self.make_error("invalid_type")
        return found


class Id(Field, ma.fields.UUID):
    """An identifier of ours (UUID)."""

    default_error_messages: typing.ClassVar = {"invalid_id": N_("This must be a UUID.")}

    def _deserialize(self, value: object, attr, data, **kwargs) -> UUID:
        try:
            return read_id(value)
        except ValueError as error:
            raise self.make_error(str(error)) from None


def read_id(value: object) -> UUID:
    """The UUID of a text in its usual form. Raises `ValueError` with the code of the mistake."""
    if not isinstance(value, str) or not ID.fullmatch(value):
        raise ValueError("invalid_id")
    return UUID(value)
