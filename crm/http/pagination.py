"""Pages: `?limit=&cursor=` in, `{"data": […], "next_cursor": …}` out."""

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

import marshmallow as ma

from crm.errors import N_, FieldError, Invalid, Malformed
from crm.http import strict_json
from crm.http.fields import Text, Whole
from crm.http.schema import Schema

DEFAULT_LIMIT, MOST = 50, 200
BAD_CURSOR = (ValueError, TypeError, OverflowError, AttributeError, Malformed, Invalid)


class PageQuery(Schema):
    """The two parameters of every list."""

    limit = Whole(1, MOST, query=True, load_default=DEFAULT_LIMIT)
    cursor = Text(500, load_default=None)


def page_of(item: type[ma.Schema]) -> ma.Schema:
    """The schema of one page of `item`."""
    name = item.__name__.removesuffix("Out")
    fields = {
        "data": ma.fields.List(ma.fields.Nested(item), required=True),
        "next_cursor": ma.fields.String(required=True, allow_none=True),
    }
    return Schema.from_dict(fields, name=f"{name}Page")()  # type: ignore[arg-type]


def encode(*key: Any) -> str:
    """A cursor: the sort key of the last row shown, opaque to callers. JSON values only."""
    return base64.urlsafe_b64encode(json.dumps(key, default=str).encode()).decode().rstrip("=")


def decode(cursor: str | None, *types: Callable[[Any], Any]) -> tuple[Any, ...] | None:
    """The sort key inside a cursor, each part made by its type; None for the first page.

    Raises `Invalid` (`bad_cursor`) for anything that `encode` did not make.
    """
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        parts = strict_json.loads(raw)
        if not isinstance(parts, list) or len(parts) != len(types):
            raise ValueError("another list's cursor")
        return tuple(make(part) for make, part in zip(types, parts, strict=True))
    except BAD_CURSOR as error:
        raise Invalid(
            [FieldError("/cursor", "bad_cursor", N_("This cursor was not made by this list."))]
        ) from error


def page(rows: Sequence[Any], limit: int, key: Callable[[Any], tuple[Any, ...]]) -> dict[str, Any]:
    """The page of `rows`, of which the query fetched `limit + 1`."""
    more = len(rows) > limit
    shown = rows[:limit]
    return {"data": shown, "next_cursor": encode(*key(shown[-1])) if more else None}
