"""Orders of two records of one person: they change hands, and come back when a merge is undone.

An order keeps its (channel, order_no), its id, what it earned and the lot that it earned.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.errors import Busy
from crm.orders import summary
from crm.points import merging as accounts

TRIES = 5

OF_MEMBER = "SELECT id FROM orders WHERE member_id = :member ORDER BY id"
OF_MERGE = text("""
    SELECT o.id FROM orders o JOIN order_merge m ON m.order_id = o.id
    WHERE m.merge_id = :merge ORDER BY o.id FOR UPDATE OF o
""")

# The moved lot of an order is found by the entry that opened it; a lot that was empty already has
# none, and the heading of the merge stands for it.
MARK = text("""
    INSERT INTO order_merge (merge_id, order_id, lot_seq, moved_seq)
    SELECT :merge, o.id, o.lot_seq, CASE WHEN o.lot_seq IS NOT NULL THEN coalesce((
        SELECT n.opened_by FROM points_lot l
        JOIN points_merge_lot x ON x.merge_id = :merge AND x.from_member = :gone
            AND x.from_lot = l.id
        JOIN points_lot n ON n.member_id = :into AND n.id = x.to_lot
        WHERE l.member_id = :gone AND l.opened_by = o.lot_seq LIMIT 1), :heading) END
    FROM orders o WHERE o.member_id = :gone
""")

MOVE = text("""
    UPDATE orders o
    SET member_id = :to, lot_seq = s.seq,
        local_day = CAST(o.paid_at AT TIME ZONE CAST(:zone AS text) AS date)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:seqs AS integer[])) AS s (id, seq)
    WHERE o.id = s.id
""")
LINES = text("UPDATE order_line SET member_id = :to WHERE order_id = ANY (:ids)")
REFUNDS = text("UPDATE order_refund SET member_id = :to WHERE order_id = ANY (:ids)")

MARKED = text("""
    SELECT m.order_id AS id, m.lot_seq, m.moved_seq, o.lot_seq AS now_seq
    FROM order_merge m JOIN orders o ON o.id = m.order_id
    WHERE m.merge_id = :merge AND o.member_id = :into
""")

LAST_PAID = text("""
    SELECT member_id, last_paid_at FROM purchase_summary WHERE member_id = ANY (:ids)
""")


def lock(gone: UUID, into: UUID) -> None:
    """Lock the orders of `gone`, then both accounts: no order can come or go after that.

    An order that came while the accounts were waited for has to be locked before them, so all
    locks are let go and taken anew. Raises `Busy` when that never ends.
    """
    locked = text(OF_MEMBER + " FOR UPDATE")
    for _ in range(TRIES):
        savepoint = db.session.begin_nested()
        mine = db.session.scalars(locked, {"member": gone}).all()
        accounts.lock(gone, into)
        if mine == db.session.scalars(text(OF_MEMBER), {"member": gone}).all():
            savepoint.commit()
            return
        savepoint.rollback()
    raise Busy(retry_after=1)


def lock_again(merge_id: UUID, gone: UUID, into: UUID) -> None:
    """Lock the orders that a merge moved, then both accounts."""
    db.session.execute(OF_MERGE, {"merge": merge_id})
    accounts.lock_again(gone, into)


def move(merge_id: UUID, gone: UUID, into: UUID, *, heading: int, zone: str, now: datetime) -> int:
    """Let all orders of `gone` be those of `into`, whose days are those of `zone`.

    The lots have moved already. Returns how many.
    """
    both = {"merge": merge_id, "gone": gone, "into": into}
    db.session.execute(MARK, both | {"heading": heading})
    rows = db.session.execute(
        text("SELECT order_id, moved_seq FROM order_merge WHERE merge_id = :merge"), both
    ).all()
    _hand_over([(row.order_id, row.moved_seq) for row in rows], into, zone)
    summary.recount({gone, into}, now)
    return len(rows)


def opened_since(merge_id: UUID, into: UUID) -> list[int]:
    """By which entries `into` opened lots for orders that go back when this merge is undone."""
    rows = db.session.execute(MARKED, {"merge": merge_id, "into": into})
    return [row.now_seq for row in rows if row.now_seq not in (None, row.moved_seq)]


def give_back(
    merge_id: UUID, gone: UUID, into: UUID, seqs: dict[int, int], *, zone: str, now: datetime
) -> int:
    """Give `gone` the orders back that came with him; `seqs` says where lots opened since went."""
    rows = db.session.execute(MARKED, {"merge": merge_id, "into": into}).all()
    back = [
        (row.id, row.lot_seq if row.now_seq == row.moved_seq else seqs[row.now_seq]) for row in rows
    ]
    _hand_over(back, gone, zone)
    db.session.execute(text("DELETE FROM order_merge WHERE merge_id = :merge"), {"merge": merge_id})
    summary.recount({gone, into}, now)
    return len(back)


def last_paid(*member_ids: UUID) -> dict[UUID, datetime | None]:
    """When each of these members last bought."""
    rows = db.session.execute(LAST_PAID, {"ids": list(member_ids)})
    return {row.member_id: row.last_paid_at for row in rows}


def _hand_over(orders: list[tuple[UUID, int | None]], to: UUID, zone: str) -> None:
    if not orders:
        return
    ids, seqs = [one for one, _ in orders], [seq for _, seq in orders]
    db.session.execute(MOVE, {"to": to, "ids": ids, "seqs": seqs, "zone": zone})
    db.session.execute(LINES, {"to": to, "ids": ids})
    db.session.execute(REFUNDS, {"to": to, "ids": ids})
