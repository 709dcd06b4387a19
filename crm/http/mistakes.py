"""Mistakes of fields: a stable code, a sentence, the facts that fill it."""

import typing

import marshmallow as ma

from crm.errors import N_


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
