"""Ledgers with a past: members with many lots each, hash chains and all, by the statement."""

from collections.abc import Callable

import psycopg

from bench import seeding

_SLICE = 50_000  # members a transaction
_MEMBERS = """
    INSERT INTO member (id, created_at, updated_at, member_no, name, name_sort, name_keys)
    SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
           now() - interval '1 year', now(), lpad(n::text, 10, '0'), 'Member ' || n,
           'member ' || n, '{}'
    FROM generate_series(%(first)s::integer, %(last)s::integer) n
"""
# One award after the other, a day apart, each chained to the one before.
_ENTRIES = """
    INSERT INTO points_entry (member_id, seq, kind, points, balance_after, occurred_at, source_type,
                              source_id, hash)
    WITH RECURSIVE chain AS (
        SELECT m.id, m.member_no, 1 AS seq, m.created_at AS at, %(lots)s + (
                   CASE WHEN %(third)s AND m.member_no::bigint %% 3 = 0 THEN 1 ELSE 0 END) AS last,
               points_hash('', m.id, 1, 'award', %(points)s, %(points)s, m.created_at,
                           'award:custom', m.member_no || '-1') AS hash
        FROM member m WHERE m.id BETWEEN %(from)s AND %(to)s
        UNION ALL
        SELECT c.id, c.member_no, c.seq + 1, c.at + interval '1 day', c.last,
               points_hash(c.hash, c.id, c.seq + 1, 'award', %(points)s,
                           %(points)s::bigint * (c.seq + 1), c.at + interval '1 day',
                           'award:custom', c.member_no || '-' || c.seq + 1)
        FROM chain c WHERE c.seq < c.last
    )
    SELECT id, seq, 'award', %(points)s, %(points)s::bigint * seq, at, 'award:custom',
           member_no || '-' || seq, hash
    FROM chain ORDER BY id, seq
"""
_LOTS = """
    INSERT INTO points_lot (member_id, opened_by, size, remaining, available_at, released_at,
                            expires_at)
    SELECT member_id, seq, points, points, occurred_at, occurred_at,
           date_trunc('day', now()) + make_interval(days => %(days)s)
    FROM points_entry WHERE member_id BETWEEN %(from)s AND %(to)s ORDER BY member_id, seq
"""
_ACCOUNTS = """
    INSERT INTO points_account (member_id, seq, balance, lifetime_earned, head)
    SELECT DISTINCT ON (member_id) member_id, seq, balance_after, balance_after, hash
    FROM points_entry WHERE member_id BETWEEN %(from)s AND %(to)s ORDER BY member_id, seq DESC
"""
_SOURCES = """
    INSERT INTO points_source (key, member_id, seq)
    SELECT points_source_key(source_type, source_id), member_id, seq
    FROM points_entry WHERE source_type = 'award:custom'
      AND member_id BETWEEN %(from)s AND %(to)s
"""


def seed(
    database_url: str,
    members: int,
    *,
    lots: int,
    points: int,
    days: int,
    first: int = 1,
    third: bool = False,
    report: Callable[[str], object] = lambda _: None,
) -> None:
    """`members` members, numbered from `first`, each with `lots` awards of `points` points that
    lapse in `days` days (negative: have lapsed); with `third`, one lot more for each third one."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute("ALTER TABLE points_source DROP CONSTRAINT pk_points_source")
        for start in range(first, first + members, _SLICE):
            last = min(start + _SLICE, first + members) - 1
            given = {"first": start, "last": last, "lots": lots, "points": points, "third": third}
            given |= {"days": days, "from": seeding.MEMBER_ID % start}
            given |= {"to": seeding.MEMBER_ID % last}
            with connection.transaction():
                for statement in (_MEMBERS, _ENTRIES, _LOTS, _ACCOUNTS, _SOURCES):
                    connection.execute(statement, given)
            report(f"{last - first + 1:,} members with {lots} lots")
        connection.execute(
            "ALTER TABLE points_source ADD CONSTRAINT pk_points_source PRIMARY KEY (key)"
        )
    seeding.settle(database_url)
