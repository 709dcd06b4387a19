"""From the segments' pages to an audience: the filter of a segment, or of a cell of a heat map."""

from collections.abc import Mapping
from typing import Any

FIELDS = {
    "recency": "rfm.recency_days",
    "frequency": "rfm.frequency",
    "monetary": "rfm.monetary",
}
SEGMENT = "rfm.segment"
LIMIT = 12  # digits of a number in an address


def of_cell(
    columns: list[int | None], column: int, name: str, starts: list[int], row: int
) -> dict[str, int]:
    """The arguments of a cell's address: from and to, both included, where they are bounded.

    Columns are upper bounds of days, the last one open; rows lower bounds, most first.
    """
    bounds = {
        "recency_from": columns[column - 1] + 1 if column else None,  # type: ignore[operator]
        "recency_to": columns[column],
        f"{name}_from": starts[row],
        f"{name}_to": starts[row - 1] - 1 if row else None,
    }
    return {key: value for key, value in bounds.items() if value is not None}


def document(args: Mapping[str, str]) -> dict[str, Any] | None:
    """The filter that an address asks for; None when it asks for nothing that is understood."""
    conditions: list[dict[str, Any]] = []
    if args.get("segment"):
        conditions.append({"field": SEGMENT, "op": "in", "value": [args["segment"]]})
    for name, field in FIELDS.items():
        for end, op in (("from", "ge"), ("to", "le")):
            value = args.get(f"{name}_{end}", "")
            if value.isascii() and value.isdigit() and len(value) <= LIMIT:
                conditions.append({"field": field, "op": op, "value": int(value)})
    return {"all": conditions} if conditions else None
