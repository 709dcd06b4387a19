"""Accounts of two records of one person: emptied into one another, and parted again.

Lots move with their times, each by a pair of entries that name each other; debts move too. What an
undo gives back is what is left of the moved lots and of the moved debt; what was spent stays spent.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.points.accounts import lock_accounts

MERGE = text("""
    SELECT lots, points, debt, earned, heading
    FROM points_merge(:merge, :gone, :into, :now, :actor)
""")

# The live account before the one that was merged into it: only who holds the first asks for it.
LOCK_AGAIN = text("""
    SELECT 1 FROM points_account WHERE member_id = ANY (:ids)
    ORDER BY merged_into IS NOT NULL, member_id FOR UPDATE
""")

UNMERGE = text("""
    SELECT old_seq, new_seq FROM points_unmerge(:merge, :gone, :into, :debt, :earned,
        CAST(:followers AS uuid[]), CAST(:seqs AS integer[]), :now, :actor)
""")


class Moved(NamedTuple):
    """What a merge moved. `heading`: the seq, at the account that lives on, of the entry that
    heads the others and stands for lots that were empty already."""

    lots: int
    points: int
    debt: int
    earned: int
    heading: int


def lock(gone: UUID, into: UUID) -> None:
    """Lock two accounts, ascending, making those that are missing."""
    lock_accounts([gone, into], merged_too=True)


def lock_again(gone: UUID, into: UUID) -> None:
    """Lock two accounts of which one was merged into the other."""
    db.session.execute(LOCK_AGAIN, {"ids": [gone, into]})


def move(merge_id: UUID, gone: UUID, into: UUID, *, actor: str, now: datetime) -> Moved:
    """Empty the account of `gone` into the other. Both are locked."""
    values = {"merge": merge_id, "gone": gone, "into": into, "now": now, "actor": actor}
    return Moved(*db.session.execute(MERGE, values).one())


def give_back(
    merge_id: UUID,
    gone: UUID,
    into: UUID,
    moved: Mapping[str, Any],
    *,
    followers: Sequence[str],
    seqs: Sequence[int],
    actor: str,
    now: datetime,
) -> dict[int, int]:
    """Give `gone` back what is left of what `move` moved, and the lots that `into` opened by these
    `seqs`, for orders that go back. Returns by which seq each is known now. Both are locked."""
    rows = db.session.execute(
        UNMERGE,
        {
            "merge": merge_id, "gone": gone, "into": into, "debt": moved["debt"],
            "earned": moved["earned"], "followers": list(followers), "seqs": list(seqs),
            "now": now, "actor": actor,
        },
    )  # fmt: skip
    return {row.old_seq: row.new_seq for row in rows}
