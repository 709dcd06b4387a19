"""Shares and percentiles in the shapes of this room's API."""

import marshmallow as ma
from marshmallow import validate


def ratio(**kwargs) -> ma.fields.Float:
    """A share or a percentile, 0 to 1."""
    return ma.fields.Float(validate=validate.Range(0, 1), **kwargs)
