"""The shapes of suggestions in the API."""

import marshmallow as ma

from crm.http import Schema, fields
from crm.segments.shares import ratio


class SuggestionQuery(Schema):
    """How many, and of which category of goods."""

    limit = fields.Whole(1, 20, query=True, load_default=5)
    category = fields.Text(200, load_default=None)


class ProductOut(Schema):
    """A product."""

    sku = fields.Text(required=True)
    name = fields.Text(required=True, allow_none=True)


class SuggestionOut(ProductOut):
    """A product to suggest to a member, and why.

    `next`: of those who bought `because`, a share of `confidence` bought this with it or within 90
    days, `lift` times as many as of all customers. `own`: he buys it again and again. `popular`: a
    best seller that he does not have.
    """

    category = fields.Text(required=True)
    basis = fields.Choice("own", "next", "popular", required=True)
    because = fields.Nested(ProductOut, required=True, allow_none=True)
    confidence = ratio(required=True, allow_none=True)
    lift = ma.fields.Float(required=True, allow_none=True)


class SuggestionsOut(Schema):
    """Suggestions, best first."""

    data = fields.Items(fields.Nested(SuggestionOut), required=True)
