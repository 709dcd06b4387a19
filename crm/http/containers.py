"""Objects and lists of the contract."""

import typing

import marshmallow as ma
from marshmallow import validate

from crm.errors import N_, NN_
from crm.http.mistakes import Field
from crm.http.texts import Text


class Nested(Field, ma.fields.Nested):
    """An object inside an object."""


class Items(Field, ma.fields.List):
    """A list of at most `high` items."""

    checks_bounds = True
    default_error_messages: typing.ClassVar = {
        "invalid_type": N_("This must be a list."),
        "too_few": NN_(
            "This must have at least {low} item.", "This must have at least {low} items.", "low"
        ),
        "too_many": NN_(
            "This must have at most {high} item.", "This must have at most {high} items.", "high"
        ),
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
        "too_many": NN_(
            "This must have at most {high} item.", "This must have at most {high} items.", "high"
        ),
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
