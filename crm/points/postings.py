"""Earnings and clawbacks in the caller's transaction, set-based: for orders, batches, imports."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text

from crm.db import as_rows, db
from crm.http.problems import Contended
from crm.ids import digest_id, uuid7

INACTIVITY = '"inactivity_months"'


@dataclass(slots=True)
class Account:
    """A member's account while its row is locked: what the next entry is chained to."""

    seq: int
    balance: int
    debt: int
    head: bytes
    is_idle: bool = False  # whether inactivity lets points of it lapse


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


def lock_accounts(member_ids: Sequence[UUID], *, merged_too: bool = False) -> dict[UUID, Account]:
    """Lock the accounts of these members, in ascending order, making those that are missing.

    Raises `Contended` when one was merged into another meanwhile: who asks again finds that one.
    """
    ids = sorted(set(member_ids))
    if not ids:
        return {}
    db.session.execute(
        text("""
            INSERT INTO points_account (member_id)
            SELECT i.id FROM unnest(CAST(:ids AS uuid[])) AS i (id)
            LEFT JOIN points_account a ON a.member_id = i.id
            WHERE a.member_id IS NULL ORDER BY i.id
            ON CONFLICT DO NOTHING
        """),
        {"ids": ids},
    )
    rows = db.session.execute(
        text("""
            SELECT member_id, seq, balance, debt, head, active_at IS NOT NULL AS idle, merged_into
            FROM points_account
            WHERE member_id = ANY (:ids) ORDER BY member_id FOR UPDATE
        """),
        {"ids": ids},
    ).all()
    if not merged_too and any(row.merged_into for row in rows):
        raise Contended(retry_after=1)
    return {row.member_id: Account(*row[1:6]) for row in rows}


def entry_hash(
    account: Account, member_id: UUID, kind: str, points: int, at: datetime, source: tuple[str, str]
) -> bytes:
    """The next link of a member's chain; the same as the database's `points_hash`."""
    micros = int(at.timestamp()) * 1_000_000 + at.microsecond
    said = (
        f"{member_id}|{account.seq + 1}|{kind}|{points}|{account.balance + points}|{micros}"
        f"|{source[0]}|{source[1]}"
    )
    return sha256(account.head + said.encode()).digest()


SAID = """
    WITH said AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS s (
            member_id uuid, seq integer, points bigint, balance bigint, occurred_at timestamptz,
            source_type text, source_id text, key uuid, hash text, available_at timestamptz,
            zone text, expiry jsonb, lot uuid, parts json)
    ), entries AS (
        INSERT INTO points_entry (member_id, seq, kind, points, balance_after, occurred_at,
                                  source_type, source_id, hash)
        SELECT member_id, seq, 'earn', points, balance, occurred_at, source_type, source_id,
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
            "expiry": msgspec.Raw(item.expiry.encode()), "lot": uuid7(),
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


STIR = text("""
    SELECT points_stir(CAST(:members AS uuid[]), CAST(:ats AS timestamptz[]), :now)
""")


def _stir(postings: Sequence[Posting], accounts: dict[UUID, Account], now: datetime) -> None:
    """Earning is an activity: it carries on what inactivity lets lapse."""
    active: dict[UUID, datetime] = {}
    for item in postings:
        if accounts[item.member_id].is_idle or item.lets_idle_points_lapse:
            known = active.get(item.member_id, item.occurred_at)
            active[item.member_id] = max(known, item.occurred_at)
    if active:
        given = {"members": list(active), "ats": list(active.values()), "now": now}
        db.session.execute(STIR, given)


def settle(member_id: UUID, now: datetime) -> int:
    """Let spendable points pay a member's debt; returns how many did. The account is locked."""
    return db.session.execute(
        text("SELECT points_absorb(:member, :now)"), {"member": member_id, "now": now}
    ).scalar_one()


@dataclass(frozen=True, slots=True)
class Taken:
    """What a clawback came to: the points taken, of them as debt, and the entry's seq."""

    points: int
    debt: int
    seq: int | None


def claw_back(
    member_id: UUID,
    points: int,
    *,
    lot_seq: int | None,
    source: tuple[str, str],
    others: bool,
    shortfall: str,
    now: datetime,
) -> Taken:
    """Take earned points back: from the lots opened by `lot_seq`, pending or not, then (others)
    from spendable lots, then as debt or not at all (`shortfall`: "debt" or "floor").

    Of lots the one that lapses first goes first.

    The account is locked by the caller.
    """
    row = db.session.execute(
        text("""
            SELECT (t).seq, (t).points, ((t).data ->> 'debt')::bigint AS debt FROM (
                SELECT points_take(:member, 'clawback', :points, :now, :type, :id, NULL, NULL, NULL,
                    ARRAY(SELECT id FROM points_lot WHERE member_id = :member AND opened_by = :seq),
                    true, :others, :shortfall) AS t) x
        """),
        {
            "member": member_id,
            "points": points,
            "now": now,
            "type": source[0],
            "id": source[1],
            "seq": lot_seq,
            "others": others,
            "shortfall": shortfall,
        },
    ).one()
    if row.seq is None:
        return Taken(0, 0, None)
    return Taken(-row.points, row.debt or 0, row.seq)


def spend(
    member_id: UUID,
    points: int,
    *,
    source: tuple[str, str],
    now: datetime,
    actor: str | None = None,
) -> Taken:
    """Spend points, earliest expiry first, as far as there are any. The account is locked."""
    row = db.session.execute(
        text("""
            SELECT (t).seq, (t).points FROM (
                SELECT points_take(:member, 'redeem', :points, :now, :type, :id, :actor, NULL, NULL,
                                   NULL, false, true, 'floor') AS t) x
        """),
        {
            "member": member_id, "points": points, "now": now, "type": source[0],
            "id": source[1], "actor": actor,
        },
    ).one()  # fmt: skip
    return Taken(-(row.points or 0), 0, row.seq)


def retime(lots: Sequence[tuple[UUID, int, datetime | None, str, str]], *, now: datetime) -> None:
    """Move the release of pending lots: (member, seq of opening, available_at, zone, expiry).

    Lots with a policy of their own lapse by that. What becomes spendable pays its member's debt.
    The accounts are locked.
    """
    if not lots:
        return
    members, seqs, available, zones, expiries = zip(*lots, strict=True)
    moved = db.session.execute(
        text("""
            UPDATE points_lot l
            SET available_at = s.available_at,
                released_at = CASE WHEN s.available_at <= :now THEN s.available_at END,
                expires_at = points_expiry(coalesce(l.lasts, s.expiry), s.available_at, s.zone)
            FROM unnest(CAST(:members AS uuid[]), CAST(:seqs AS integer[]),
                        CAST(:available AS timestamptz[]), CAST(:zones AS text[]),
                        CAST(:expiries AS jsonb[])) AS s (id, seq, available_at, zone, expiry)
            WHERE l.member_id = s.id AND l.opened_by = s.seq AND l.released_at IS NULL
              AND (l.available_at IS NULL OR l.available_at > :now)
            RETURNING l.member_id, l.idle_months IS NOT NULL AS idle
        """),
        {
            "members": list(members),
            "seqs": list(seqs),
            "available": list(available),
            "zones": list(zones),
            "expiries": list(expiries),
            "now": now,
        },
    )
    idle = sorted({row.member_id for row in moved if row.idle})
    if idle:  # counted from its release, a lot must not lapse before the others do
        given = {"members": idle, "ats": [None] * len(idle), "now": now}
        db.session.execute(STIR, given)
    due = {lot[0] for lot in lots if lot[2] is not None and lot[2] <= now}
    if due:
        db.session.execute(
            text("""
                SELECT points_absorb(member_id, :now) FROM points_account
                WHERE member_id = ANY (:members) AND debt > 0
            """),
            {"members": sorted(due), "now": now},
        )
