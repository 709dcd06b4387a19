"""Members' accounts under lock: what entries are chained to, and what follows from an entry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.http.problems import Contended

STIR = text("""
    SELECT points_stir(CAST(:members AS uuid[]), CAST(:ats AS timestamptz[]), :now)
""")


@dataclass(slots=True)
class Account:
    """A member's account while its row is locked: what the next entry is chained to."""

    seq: int
    balance: int
    debt: int
    head: bytes
    is_idle: bool = False  # whether inactivity lets points of it lapse


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


def settle(member_id: UUID, now: datetime) -> int:
    """Let spendable points pay a member's debt; returns how many did. The account is locked."""
    return db.session.execute(
        text("SELECT points_absorb(:member, :now)"), {"member": member_id, "now": now}
    ).scalar_one()


def stir(active: Mapping[UUID, datetime | None], now: datetime) -> None:
    """Carry on what inactivity lets lapse of members who were active at these instants.

    None: not active, but a lot must not lapse before the others do. The accounts are locked.
    """
    given = {"members": list(active), "ats": list(active.values()), "now": now}
    db.session.execute(STIR, given)
