"""The base of all schemas: unknown fields are refused, mistakes carry codes and places."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import marshmallow as ma

from crm.errors import N_, FieldError, Invalid
from crm.http.fields import Said
from crm.http.strict_json import escape

MOST_ERRORS = 50


class Schema(ma.Schema):
    """A schema of the contract. Mass assignment is impossible: unknown fields are refused (422)."""

    class Meta:
        unknown = ma.RAISE

    body_optional: ClassVar[bool] = False  # whether a request may come without any body

    error_messages: ClassVar[dict[str, Any]] = {
        "unknown": Said("unknown_field", N_("This field is not known.")),
        "type": Said("invalid_type", N_("This must be an object.")),
    }

    def _deserialize(self, data: Any, **options: Any) -> Any:
        """As marshmallow's, with a short way for what nearly every body is: one object, no mistake.

        What the short way can't read is read again the long way, which collects all that is wrong.
        """
        plain = isinstance(data, dict) and not options.get("many")
        if plain and options.get("partial") is None and options.get("unknown") == ma.RAISE:
            try:
                found = self._read_plain(data)
            except ma.ValidationError:
                found = None
            if found is not None:
                return found
        return super()._deserialize(data, **options)

    def _read_plain(self, data: dict[str, Any]) -> dict[str, Any] | None:
        found, unread = {}, len(data)
        for name, field in self.load_fields.items():
            key = field.data_key or name
            given = data.get(key, ma.missing)
            unread -= given is not ma.missing
            value = field.deserialize(given, key, data)
            if value is not ma.missing:
                found[field.attribute or name] = value
        return None if unread else found


def field_errors(messages: Any, pointer: str = "") -> Iterator[FieldError]:
    """marshmallow's tree of messages as a flat list, each with its JSON pointer."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            step = "" if key == "_schema" else f"/{escape(str(key))}"
            yield from field_errors(inner, pointer + step)
    elif isinstance(messages, (list, tuple)):
        for inner in messages:
            yield from field_errors(inner, pointer)
    elif isinstance(messages, Said):
        yield FieldError(pointer, messages.code, messages.text, messages.facts)
    else:
        yield FieldError(pointer, "invalid", str(messages))


def invalid(error: ma.ValidationError, at: str = "") -> Invalid:
    """The refusal that says all that marshmallow found, at most fifty places."""
    found = field_errors(error.messages, at)
    return Invalid([item for item, _ in zip(found, range(MOST_ERRORS), strict=False)])
