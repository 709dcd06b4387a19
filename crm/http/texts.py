"""Texts of the contract: free, of a pattern, or one of some words."""

import re
import typing

import marshmallow as ma
from marshmallow import validate

from crm.errors import N_, NN_
from crm.http.mistakes import Field
from crm.http.strict_json import text_problem

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Text(Field, ma.fields.String):
    """Text without control characters, trimmed, `low` to `high` characters, maybe of a pattern."""

    checks_bounds = True
    default_error_messages: typing.ClassVar = {
        "invalid_type": N_("This must be text."),
        "too_short": NN_(
            "This must have at least {low} character.",
            "This must have at least {low} characters.",
            "low",
        ),
        "too_long": NN_(
            "This must have at most {high} character.",
            "This must have at most {high} characters.",
            "high",
        ),
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
