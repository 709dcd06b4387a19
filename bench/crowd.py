"""A crowd for the lookup: generated members as the demo makes them, with all their search keys.

Their names are denser than in life (65 surnames, 30 × 30 given names), so every part of a name fits
more members than it would in a shop.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import psycopg
from psycopg import sql

from bench.seeding import settle
from crm.demo import people
from crm.demo.places import STORES
from crm.ids import uuid7
from crm.members import ranking
from crm.members.names import keys_of

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
_THREE_YEARS = 3 * 365 * 86_400
_CHUNK = 20_000
_TABLES = {
    "member": "id, created_at, updated_at, last_seen_at, member_no, home_store, name, name_sort, "
    "name_keys",
    "member_identity": "kind, value, member_id",
    "member_find": "key, store, seen_on, member_id",
    "tier_standing": "member_id, held, tier, since, ladder_version",
}
_INDEX = "CREATE INDEX ix_member_name_keys ON member USING gin (name_keys)"


def seed(database_url: str, members: int, report: Callable[[str], object]) -> None:
    """`members` (at most a million) people with phones, addresses, names, tiers and visits."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        for store in STORES:
            connection.execute(
                "INSERT INTO store (code, name, kind, created_at) VALUES (%s, '{}', 'shop', %s)",
                (store["code"], NOW),
            )
        connection.execute("DROP INDEX ix_member_name_keys")
        for first in range(0, members, _CHUNK):
            _write(connection, range(first, min(first + _CHUNK, members)))
            report(f"{min(first + _CHUNK, members):,} members")
        connection.execute(_INDEX)
    settle(database_url)


def _write(connection: psycopg.Connection, numbers: range) -> None:
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _TABLES}
    for number in numbers:
        for table, row in _rows(number):
            rows[table].append(row)
    with connection.transaction():
        for table, columns in _TABLES.items():
            with connection.cursor().copy(_copying(table, columns)) as copying:
                for row in rows[table]:
                    copying.write_row(row)


def _copying(table: str, columns: str) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, columns.split(", ")))
    return sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)


def _rows(number: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    body, member_id, member_no = people.body(number), uuid7(), f"{number:010d}"
    seen = NOW - timedelta(seconds=Random(number).randrange(_THREE_YEARS))
    store, found = body["home_store"], keys_of(body.get("name"))
    profile = (store, body.get("name"), found.sort, found.keys)
    yield "member", (member_id, seen, seen, seen, member_no, *profile)
    yield "member_identity", ("member_no", member_no, member_id)
    for kind in ("phone", "email"):
        if kind in body:
            yield "member_identity", (kind, body[kind], member_id)
    for key in ranking.keys(found.keys, body.get("phone")):
        yield "member_find", (key, store, seen.date(), member_id)
    yield "tier_standing", (member_id, "new", "new", seen, 1)
