"""Fields of the contract: strict types, bounds on everything, a stable code for every mistake."""

import re
import typing
from datetime import UTC, date, datetime
from uuid import UUID

import marshmallow as ma
from marshmallow import validate

from crm.errors import N_
from crm.http.strict_json import text_problem

POINTS_LIMIT = 1_000_000_000
MINOR_LIMIT = 1_000_000_000_000
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# Text as `Text` takes it without trimming, for readers that know patterns only.
PLAIN = r"^[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?\Z"
INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Said:
    """A mistake as it travels inside marshmallow: code, sentence, the facts that fill it."""

    __slots__ = ("code", "facts", "text")

    def __init__(self, code: str, text: str, **facts: object) -> None:
        self.code, self.text, self.facts = code, text, facts


def wrong(code: str, text: str, **facts: object) -> ma.ValidationError:
    """The error to raise inside a field or a schema's validator."""
    return ma.ValidationError([Said(code, text, **facts)])  # type: ignore[list-item]


REQUIRED = N_("This field is required.")
NULL = N_("This field may not be null.")


class Field(ma.fields.Field):
    """What all fields share: the two mistakes that any of them can have."""

    default_error_messages: typing.ClassVar = {"required": REQUIRED, "null": NULL}
    checks_bounds: typing.ClassVar[bool] = False  # while reading: validators only tell OpenAPI

    def _validate(self, value: object) -> None:
        if self.validators and not self.checks_bounds:
            super()._validate(value)

    def make_error(self, key: str, **facts: object) -> ma.ValidationError:
        """An error with a code: the key of the message."""
        return wrong(key, str(self.error_messages[key]), **facts)


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


class Text(Field, ma.fields.String):
    """Text without control characters, trimmed, `low` to `high` characters, maybe of a pattern."""

    checks_bounds = True
    default_error_messages: typing.ClassVar = {
        "invalid_type": N_("This must be text."),
        "too_short": N_("This must have at least {low} characters."),
        "too_long": N_("This must have at most {high} characters."),
        "not_storable": N_("The text contains characters that can't be stored."),
        "bad_format": N_("This does not have the expected form."),
    }

    def __init__(
        self,
        high: int = 200,
        *,
        low: int = 1,
        pattern: str | None = None,
        multiline: bool = False,
        **kwargs,
    ):
        rules: list[validate.Validator] = [validate.Length(low, high)]
        if pattern:
            rules.append(validate.Regexp(f"^(?:{pattern})$"))
        super().__init__(validate=rules, **kwargs)
        self.low, self.high, self.multiline = low, high, multiline
        self.pattern = re.compile(pattern, re.ASCII) if pattern else None

    def _deserialize(self, value: object, attr, data, **kwargs) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid_type")
        value = value.strip()
        if len(value) < self.low:
            raise self.make_error("too_short", low=self.low)
        if len(value) > self.high:
            raise self.make_error("too_long", high=self.high)
        if text_problem(value) or (CONTROL_BUT_LINES if self.multiline else CONTROL).search(value):
            raise self.make_error("not_storable")
        if self.pattern and not self.pattern.fullmatch(value):
            raise self.make_error("bad_format")
        return value


def code(high: int = 64, **kwargs) -> Text:
    """A machine name: letters, digits and . _ - : / (no spaces)."""
    return Text(high, pattern=r"[A-Za-z0-9][A-Za-z0-9._:/-]*", **kwargs)


class Choice(Text):
    """One of a fixed set of words."""

    default_error_messages: typing.ClassVar = {
        "unknown_choice": N_("This must be one of: {choices}.")
    }

    def __init__(self, *choices: str, **kwargs):
        super().__init__(64, **kwargs)
        self.choices = choices
        self.validators = [validate.OneOf(choices)]

    def _deserialize(self, value: object, attr, data, **kwargs) -> str:
        if value not in self.choices:
            raise self.make_error("unknown_choice", choices=", ".join(self.choices))
        return typing.cast(str, value)


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


class Instant(Field, ma.fields.DateTime):
    """An RFC 3339 instant with an offset, years 1970 to 2200; UTC inside and out, ending in Z."""

    default_error_messages: typing.ClassVar = {
        "invalid_instant": N_("This must be a time such as 2027-01-31T09:30:00Z."),
        "out_of_range": N_("The year must be between 1970 and 2200."),
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
    """A calendar day, 2027-01-31."""

    default_error_messages: typing.ClassVar = {
        "invalid_day": N_("This must be a day such as 2027-01-31.")
    }

    def _deserialize(self, value: object, attr, data, **kwargs) -> date:
        if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            raise self.make_error("invalid_day")
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise self.make_error("invalid_day") from None


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


class Nested(Field, ma.fields.Nested):
    """An object inside an object."""


class Items(Field, ma.fields.List):
    """A list of at most `high` items."""

    checks_bounds = True
    default_error_messages: typing.ClassVar = {
        "invalid_type": N_("This must be a list."),
        "too_few": N_("This must have at least {low} items."),
        "too_many": N_("This must have at most {high} items."),
    }

    def __init__(self, inner, high: int = 100, *, low: int = 0, **kwargs):
        super().__init__(inner, validate=validate.Length(low, high), **kwargs)
        self.low, self.high = low, high

    def _deserialize(self, value: object, attr, data, **kwargs) -> list:
        if not isinstance(value, list):
            raise self.make_error("invalid_type")
        if len(value) < self.low:
            raise self.make_error("too_few", low=self.low)
        if len(value) > self.high:
            raise self.make_error("too_many", high=self.high)
        return super()._deserialize(value, attr, data, **kwargs)


class Mapping(Field, ma.fields.Dict):
    """A JSON object with free keys."""

    default_error_messages: typing.ClassVar = {
        "invalid_type": N_("This must be an object."),
        "too_many": N_("This must have at most {high} items."),
    }

    def __init__(self, keys=None, values=None, *, high: int = 50, **kwargs):
        super().__init__(keys=keys or Text(80), values=values, **kwargs)
        self.high = high

    def _deserialize(self, value: object, attr, data, **kwargs):
        if not isinstance(value, dict):
            raise self.make_error("invalid_type")
        if len(value) > self.high:
            raise self.make_error("too_many", high=self.high)
        try:
            return super()._deserialize(value, attr, data, **kwargs)
        except ma.ValidationError as error:
            # {name: {"key": […], "value": …}}: a place in JSON has no such step.
            found = typing.cast(dict, error.messages)
            raise ma.ValidationError(
                {name: [*parts.values()] for name, parts in found.items()}
            ) from None
