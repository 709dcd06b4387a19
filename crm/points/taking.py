"""Points taken out of lots in the caller's transaction: clawbacks; spending what there is."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.db import db


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
