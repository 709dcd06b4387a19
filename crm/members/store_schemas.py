"""What the routes of stores take and give."""

from typing import Any

from crm.http import Schema, fields
from crm.http.pagination import page_of
from crm.members.schemas import store_code

# By languages, whose tags are no Python names. English is required.
_NAMES: dict[str, Any] = {
    "en": fields.Text(80, required=True),
    "zh-Hans": fields.Text(80),
    "zh-Hant": fields.Text(80),
}
StoreName = Schema.from_dict(_NAMES, name="StoreName")


class StoreFacts(Schema):
    """A store's name, kind and time zone."""

    name = fields.Nested(StoreName, required=True)
    kind = fields.Choice("shop", "web")
    timezone = fields.Text(64, allow_none=True)


class StoreIn(StoreFacts):
    """A new store. Its code never changes."""

    code = store_code(required=True)


class StorePut(StoreFacts):
    """A store written whole; `closed` closes it or opens it again."""

    closed = fields.Flag()


class StoreOut(Schema):
    """A store."""

    code = fields.Text()
    name = fields.Mapping()
    kind = fields.Text()
    timezone = fields.Text(allow_none=True)
    created_at = fields.Instant()
    closed_at = fields.Instant(allow_none=True)


StorePage = page_of(StoreOut)
