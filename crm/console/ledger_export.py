"""A member's whole ledger as a file for a spreadsheet; who took it is on record."""

import csv
from collections.abc import Iterable, Iterator
from datetime import tzinfo
from io import StringIO
from itertools import islice
from typing import Any
from uuid import UUID

from flask import Response

from crm import audit, clock
from crm.console import ledger_words, origins, person
from crm.console.blueprint import blp
from crm.console.member_ledger import zone_of
from crm.db import transaction
from crm.http.permissions import needs
from crm.points import browsing

BATCH = 500
COLUMNS = (
    "seq",
    "kind",
    "what",
    "points",
    "balance_after",
    "occurred_at",
    "recorded_at",
    "source_type",
    "source_id",
    "source",
    "actor",
    "reason",
    "lots",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
BYTE_ORDER_MARK = "\ufeff"  # without it spreadsheets take UTF-8 for something else


@blp.post("/members/<uuid:member_id>/ledger.csv")
@needs("points:export")
def export_ledger(member_id: UUID) -> Response:
    """Every entry, newest first, times by the member's clock."""
    now, found = clock.now(), person.load(member_id)
    zone, name = zone_of(member_id, now), f"ledger-{found.member_no}.csv"
    with transaction():
        audit.record("ledger.exported", "member", member_id, now=now)
    # One member's entries fit in memory; a stream would outlive the reader's language.
    text = "".join(_parts(member_id, zone))
    response = Response(text, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _parts(member_id: UUID, zone: tzinfo) -> Iterator[str]:
    yield BYTE_ORDER_MARK + csv_of([COLUMNS])
    entries = browsing.all_entries(member_id)
    while batch := list(islice(entries, BATCH)):
        lots = browsing.touched(member_id, [row.seq for row in batch])
        known = origins.of(batch)
        yield csv_of(_row(row, lots[row.seq], known, zone) for row in batch)


def _row(
    row: Any, lots: list[browsing.Touch], known: origins.Origins, zone: tzinfo
) -> list[object]:
    source = origins.key(row)
    return [
        row.seq,
        row.kind,
        ledger_words.kind(row.kind, row.source_type),
        row.points,
        row.balance_after,
        row.occurred_at.astimezone(zone).isoformat(timespec="seconds"),
        row.recorded_at.astimezone(zone).isoformat(timespec="seconds"),
        *map(harmless, source),
        harmless(known.get(source, origins.NOWHERE).label),
        harmless(row.actor or ""),
        harmless(row.reason or ""),
        "; ".join(f"{one.how} {one.opened_by}: {one.points}" for one in lots),
    ]


def harmless(value: str) -> str:
    """The text so that no spreadsheet takes it for a formula."""
    return "'" + value if value.startswith(FORMULA) else value


def csv_of(rows: Iterable[Iterable[object]]) -> str:
    out = StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()
