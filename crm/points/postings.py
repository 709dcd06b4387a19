"""Earnings in the caller's transaction, set-based: for orders, batches, imports."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text

from crm.db import as_rows, db
from crm.ids import digest_id, uuid7
from crm.points.accounts import Account, entry_hash, settle, stir

INACTIVITY = '"inactivity_months"'


@dataclass(frozen=True, slots=True)
class Posting:
    """An earning to be written: points > 0 of one business source.

    `parts` are its points by a policy of their own, or None for `expiry`; empty: all by `expiry`.
    """

    member_id: UUID
    points: int
    occurred_at: datetime
    source_type: str
    source_id: str
    available_at: datetime | None
    zone: str
    expiry: str  # the expiry policy in force, as JSON
    parts: Sequence[tuple[int, str | None]] = ()

    @property
    def lets_idle_points_lapse(self) -> bool:
        """Whether inactivity lets some of its points lapse."""
        policies = [policy or self.expiry for _, policy in self.parts] or [self.expiry]
        return any(INACTIVITY in policy for policy in policies)


SAID = """
    WITH said AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS s (
            member_id uuid, seq integer, points bigint, balance bigint, occurred_at timestamptz,
            source_type text, source_id text, key uuid, hash text, available_at timestamptz,
            zone text, expiry jsonb, entry uuid, lot uuid, parts json)
    ), entries AS (
        INSERT INTO points_entry (member_id, seq, id, kind, points, balance_after, occurred_at,
                                  source_type, source_id, hash)
        SELECT member_id, seq, entry, 'earn', points, balance, occurred_at, source_type, source_id,
               decode(hash, 'hex')
        FROM said
    ), sources AS (
        INSERT INTO points_source (key, member_id, seq) SELECT key, member_id, seq FROM said
    )
"""

POST = text(f"""{SAID}
    INSERT INTO points_lot (member_id, id, opened_by, size, remaining, available_at, released_at,
                            expires_at, idle_months)
    SELECT member_id, lot, seq, points, points, available_at,
           CASE WHEN available_at <= :now THEN available_at END,
           points_expiry(expiry, available_at, zone), points_idle(expiry)
    FROM said
""")  # noqa: S608  # built from constants of this module

# With parts, a lot for each, made in the order in which they would lapse if released together: the
# order in which they are taken back even while nobody knows when they will be released.
POST_PARTS = text(f"""{SAID}
    INSERT INTO points_lot (member_id, id, opened_by, size, remaining, available_at, released_at,
                            expires_at, idle_months, lasts)
    SELECT member_id, uuidv7(), seq, part, part, available_at,
           CASE WHEN available_at <= :now THEN available_at END,
           points_expiry(policy, available_at, zone), points_idle(policy), own
    FROM (
        SELECT s.*, p.points AS part, p.policy AS own, coalesce(p.policy, s.expiry) AS policy
        FROM said s CROSS JOIN LATERAL json_to_recordset(s.parts) AS p (points bigint, policy jsonb)
        ORDER BY s.member_id, s.seq,
                 points_expiry(coalesce(p.policy, s.expiry),
                               coalesce(s.available_at, s.occurred_at), s.zone) NULLS LAST,
                 p.policy NULLS FIRST
    ) x
""")  # noqa: S608  # as above

ADVANCE = text("""
    UPDATE points_account a
    SET seq = s.seq, balance = s.balance, head = decode(s.head, 'hex'),
        lifetime_earned = a.lifetime_earned + s.earned
    FROM json_to_recordset(CAST(:rows AS json)) AS s (
        member_id uuid, seq integer, balance bigint, head text, earned bigint)
    WHERE a.member_id = s.member_id
""")


def post_earnings(
    postings: Sequence[Posting], accounts: dict[UUID, Account], *, now: datetime
) -> list[int]:
    """Write earnings in the order given; returns the seq of each. The accounts are locked.

    Two statements for any number. A source written before fails the whole (unique for ever): the
    caller knows what it has earned already. Debts are paid out of what is spendable at once.
    """
    if not postings:
        return []
    seqs, balances, hashes = [], [], []
    earned: dict[UUID, int] = {}
    for item in postings:
        account = accounts[item.member_id]
        link = (item.source_type, item.source_id)
        account.head = entry_hash(
            account, item.member_id, "earn", item.points, item.occurred_at, link
        )
        account.seq += 1
        account.balance += item.points
        earned[item.member_id] = earned.get(item.member_id, 0) + item.points
        seqs.append(account.seq)
        balances.append(account.balance)
        hashes.append(account.head)
    _write(postings, seqs, balances, hashes, now)
    _advance(accounts, earned)
    _stir(postings, accounts, now)
    for member_id in sorted(earned):
        if accounts[member_id].debt:
            settle(member_id, now)
    return seqs


def _write(
    postings: Sequence[Posting],
    seqs: list[int],
    balances: list[int],
    hashes: list[bytes],
    now: datetime,
) -> None:
    rows: list[dict[str, Any]] = [
        {
            "member_id": item.member_id, "seq": seq, "points": item.points, "balance": balance,
            "occurred_at": item.occurred_at, "source_type": item.source_type,
            "source_id": item.source_id, "key": digest_id(item.source_type, item.source_id),
            "hash": link.hex(), "available_at": item.available_at, "zone": item.zone,
            "expiry": msgspec.Raw(item.expiry.encode()), "entry": uuid7(), "lot": uuid7(),
        }
        for item, seq, balance, link in zip(postings, seqs, balances, hashes, strict=True)
    ]  # fmt: skip
    statement = POST
    if any(item.parts for item in postings):
        statement = POST_PARTS
        for row, item in zip(rows, postings, strict=True):
            row["parts"] = [_part(*part) for part in item.parts or [(item.points, None)]]
    db.session.execute(statement, {"rows": as_rows(rows), "now": now})


def _part(points: int, policy: str | None) -> dict[str, Any]:
    return {"points": points} | ({} if policy is None else {"policy": msgspec.Raw(policy.encode())})


def _advance(accounts: dict[UUID, Account], earned: dict[UUID, int]) -> None:
    rows = [
        {
            "member_id": one, "seq": accounts[one].seq, "balance": accounts[one].balance,
            "head": accounts[one].head.hex(), "earned": points,
        }
        for one, points in earned.items()
    ]  # fmt: skip
    db.session.execute(ADVANCE, {"rows": as_rows(rows)})


def _stir(postings: Sequence[Posting], accounts: dict[UUID, Account], now: datetime) -> None:
    """Earning is an activity: it carries on what inactivity lets lapse."""
    active: dict[UUID, datetime] = {}
    for item in postings:
        if accounts[item.member_id].is_idle or item.lets_idle_points_lapse:
            known = active.get(item.member_id, item.occurred_at)
            active[item.member_id] = max(known, item.occurred_at)
    if active:
        stir(active, now)
