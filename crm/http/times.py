"""Instants and days of the contract."""

import re
import typing
from datetime import UTC, date, datetime

import marshmallow as ma

from crm.errors import N_
from crm.http.mistakes import Field

INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
OUT_OF_RANGE = N_("The year must be between 1970 and 2200.")


class Instant(Field, ma.fields.DateTime):
    """An RFC 3339 instant with an offset, years 1970 to 2200; UTC inside and out, ending in Z."""

    default_error_messages: typing.ClassVar = {
        "invalid_instant": N_("This must be a time such as 2027-01-31T09:30:00Z."),
        "out_of_range": OUT_OF_RANGE,
    }

    def _deserialize(self, value: object, attr, data, **kwargs) -> datetime:
        try:
            return read_instant(value)
        except ValueError as error:
            raise self.make_error(str(error)) from None

    def _serialize(self, value, attr, obj, **kwargs) -> str | None:
        return None if value is None else instant_text(value)


def read_instant(value: object) -> datetime:
    """The instant of an RFC 3339 text, in UTC. Raises `ValueError` with the code of the mistake."""
    if not isinstance(value, str) or not INSTANT.fullmatch(value):
        raise ValueError("invalid_instant")
    try:
        found = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("invalid_instant") from None
    if not 1970 <= found.year <= 2200:
        raise ValueError("out_of_range")
    return found


def instant_text(value: datetime) -> str:
    """RFC 3339 in UTC, as the contract prints times."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Day(Field, ma.fields.Date):
    """A calendar day, 2027-01-31, years 1970 to 2200."""

    default_error_messages: typing.ClassVar = {
        "invalid_day": N_("This must be a day such as 2027-01-31."),
        "out_of_range": OUT_OF_RANGE,
    }

    def _deserialize(self, value: object, attr, data, **kwargs) -> date:
        if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            raise self.make_error("invalid_day")
        try:
            found = date.fromisoformat(value)
        except ValueError:
            raise self.make_error("invalid_day") from None
        if not 1970 <= found.year <= 2200:
            raise self.make_error("out_of_range")
        return found
