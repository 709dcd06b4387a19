"""Generated members and their first points, written by a handful of statements."""

import psycopg

# Ids that a load generator can make up from a number, in the shape of UUIDv7.
MEMBER_ID = "01900000-0000-7000-8000-%012x"

_MEMBERS = """
    INSERT INTO member (id, created_at, updated_at, member_no, name, name_sort, name_keys)
    SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
           now() - interval '1 year', now(), lpad(n::text, 10, '0'), 'Member ' || n,
           'member ' || n, '{}'
    FROM generate_series(1, %(members)s::integer) n
"""
_NUMBERS = """
    INSERT INTO member_identity (kind, value, member_id)
    SELECT 'member_no', member_no, id FROM member
"""
_PHONES = """
    INSERT INTO member_identity (kind, value, member_id)
    SELECT 'phone', '+8613' || right(member_no, 9), id FROM member
"""
_ENTRIES = """
    INSERT INTO points_entry (member_id, seq, kind, points, balance_after, occurred_at, source_type,
                              source_id, hash)
    SELECT id, 1, 'award', 1000, 1000, created_at, 'award:sign_up', member_no,
           points_hash('', id, 1, 'award', 1000, 1000, created_at, 'award:sign_up', member_no)
    FROM member
"""
_LOTS = """
    INSERT INTO points_lot (member_id, opened_by, size, remaining, available_at, released_at,
                            expires_at)
    SELECT member_id, 1, 1000, 1000, occurred_at, occurred_at, now() + interval '1 year'
    FROM points_entry
"""
_SOURCES = """
    INSERT INTO points_source (key, member_id, seq)
    SELECT points_source_key(source_type, source_id), member_id, seq FROM points_entry
"""
_ACCOUNTS = """
    INSERT INTO points_account (member_id, seq, balance, lifetime_earned, head)
    SELECT member_id, seq, points, points, hash FROM points_entry
"""


def seed(database_url: str, members: int) -> None:
    """`members` members, each with two identities and one award of 1,000 points."""
    with psycopg.connect(database_url) as connection:
        connection.execute(_MEMBERS, {"members": members})
        for statement in (_NUMBERS, _PHONES, _ENTRIES, _LOTS, _SOURCES, _ACCOUNTS):
            connection.execute(statement)
    settle(database_url)


def settle(database_url: str) -> None:
    """Statistics, visibility and a checkpoint, so that no measurement pays for the seeding."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
