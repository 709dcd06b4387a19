"""Holds: points reserved for a while, then captured (whole or in part) or given free.

A hold does not change the balance: it takes points of certain lots out of what can be spent. It is
active while it is neither resolved nor past its end, whatever jobs have run. Lots that lapse while
they are held can still be captured; given free, they lapse.

All of this works inside the caller's transaction. The verbs lock the member's account and write
entries: an `Account` that the caller has in memory must be written before and read again after.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from crm.db import db
from crm.http.problems import Contended
from crm.ids import uuid7
from crm.points import rulebook
from crm.points.accounts import lock_accounts
from crm.points.errors import (
    CaptureExceedsHold,
    HoldCaptured,
    HoldExpired,
    HoldNotFound,
    HoldVoid,
    InsufficientPoints,
    NotRedeemableAmount,
)
from crm.points.hold_models import PointsHold

USUAL = timedelta(minutes=15)
LONGEST = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold as it stands in the database, where one that is over may still be called held."""

    id: UUID
    member_id: UUID
    points: int
    captured: int
    reference: str
    state: str
    created_at: datetime
    expires_at: datetime
    resolved_at: datetime | None
    opened_by: int
    resolved_by: int | None

    def is_over(self, now: datetime) -> bool:
        """Whether its end came before anybody resolved it."""
        if self.state == "held":
            return self.expires_at <= now
        return self.state == "void" and self.resolved_at == self.expires_at

    def is_open(self, now: datetime) -> bool:
        """Whether it can be captured."""
        return self.state == "held" and not self.is_over(now)


COLUMNS = [getattr(PointsHold, name) for name in Hold.__dataclass_fields__]
CURRENT = text("""
    WITH RECURSIVE moved AS (
        SELECT moved_to AS id FROM points_hold WHERE id = :id AND moved_to IS NOT NULL
        UNION ALL
        SELECT h.moved_to FROM moved m JOIN points_hold h ON h.id = m.id
        WHERE h.moved_to IS NOT NULL
    )
    SELECT id FROM moved ORDER BY id DESC LIMIT 1
""")
CURRENT_OF = text("""
    WITH RECURSIVE moved AS (
        SELECT id AS asked, id, moved_to FROM points_hold WHERE id = ANY (:ids)
        UNION ALL
        SELECT m.asked, h.id, h.moved_to FROM moved m JOIN points_hold h ON h.id = m.moved_to
    )
    SELECT asked, id FROM moved WHERE moved_to IS NULL
""")
AVAILABLE = text("""
    SELECT greatest(points_spendable(member_id, :now) - debt, 0) FROM points_account
    WHERE member_id = :member
""")
SETTLE = text("""
    SELECT points_absorb(member_id, :now) FROM points_account
    WHERE member_id = :member AND (debt > 0 OR holds > 0)
""")
PLACE = text("SELECT points_hold_place(:member, :id, :points, :reference, :now, :until, :actor)")
CAPTURE = text("SELECT (points_hold_capture(:id, :points, :now, :actor)).seq")
VOID = text("SELECT (points_hold_void(:id, :at, :actor)).seq")
DOCUMENT = text("SELECT points_hold_document(h, :now) FROM points_hold h WHERE id = :id")


def find(hold_id: UUID) -> Hold:
    """A hold by its id, or the one that took its place in a merge. Raises `HoldNotFound`."""
    hold_id = db.session.scalar(CURRENT, {"id": hold_id}) or hold_id
    row = db.session.execute(select(*COLUMNS).where(PointsHold.id == hold_id)).one_or_none()
    if row is None:
        raise HoldNotFound()
    return Hold(*row)


def find_many(hold_ids: Sequence[UUID]) -> dict[UUID, Hold]:
    """Those of these holds that exist, by the ids asked for; merges are followed as in `find`."""
    moved = {one.asked: one.id for one in db.session.execute(CURRENT_OF, {"ids": list(hold_ids)})}
    rows = db.session.execute(select(*COLUMNS).where(PointsHold.id.in_(set(moved.values()))))
    found = {row.id: Hold(*row) for row in rows}
    return {asked: found[one] for asked, one in moved.items()}


def place(
    member_id: UUID,
    points: int,
    *,
    reference: str,
    now: datetime,
    ttl: timedelta = USUAL,
    actor: str | None = None,
) -> Hold:
    """Reserve points of a member, earliest expiry first, until `now + ttl` (at most seven days).

    `reference` is the caller's name for it: a cart, a receipt. The programme's minimum and step
    bind it as they bind a redemption. Raises `NotRedeemableAmount`, `InsufficientPoints`.
    """
    assert timedelta() < ttl <= LONGEST, ttl
    check_amount(points, now)
    lock_accounts([member_id])
    available = spendable(member_id, now)
    if available < points:
        missing = points - available
        raise InsufficientPoints(
            pointer="/points", required=points, available=available, missing=missing
        )
    hold_id = uuid7()
    db.session.execute(
        PLACE,
        {
            "member": member_id, "id": hold_id, "points": points, "reference": reference,
            "now": now, "until": now + ttl, "actor": actor,
        },
    )  # fmt: skip
    return find(hold_id)


def check_amount(points: int, now: datetime) -> None:
    """Raise `NotRedeemableAmount` unless the programme redeems this many points at once."""
    rules = rulebook.load().programme_at(now).redemption
    if points < rules.min_points or points % rules.points_per_step:
        raise NotRedeemableAmount(
            pointer="/points", minimum=rules.min_points, step=rules.points_per_step
        )


def spendable(member_id: UUID, now: datetime) -> int:
    """What a member can spend now: neither pending nor lapsed nor held, less debts.

    His account is locked: what was due before (debts, ends of holds) is done first.
    """
    db.session.execute(SETTLE, {"member": member_id, "now": now})
    return db.session.execute(AVAILABLE, {"member": member_id, "now": now}).scalar() or 0


def capture(
    hold_id: UUID, points: int | None = None, *, now: datetime, actor: str | None = None
) -> Hold:
    """Spend what is held, or `points` of it: the rest is free again. Once per hold.

    Writes a `capture` entry (`resolved_by` of the hold is its seq). Raises `HoldNotFound`,
    `HoldExpired`, `HoldCaptured`, `HoldVoid`, `CaptureExceedsHold`.
    """
    hold = _locked(hold_id)
    check_open(hold, now)
    wanted = hold.points if points is None else points
    if wanted > hold.points:
        raise CaptureExceedsHold(pointer="/points", held=hold.points)
    assert wanted > 0, "to capture nothing is to void"
    db.session.execute(CAPTURE, {"id": hold.id, "points": wanted, "now": now, "actor": actor})
    return find(hold_id)


def void(hold_id: UUID, *, now: datetime, actor: str | None = None) -> Hold:
    """Give a hold's points free. One that is void already, or over, stays as it is.

    Writes a `void` entry. Raises `HoldNotFound`, `HoldCaptured`.
    """
    hold = _locked(hold_id)
    if hold.state == "captured":
        raise HoldCaptured(captured=hold.captured)
    if hold.state == "void":
        return hold
    over = hold.is_over(now)
    values = {"at": hold.expires_at if over else now, "actor": None if over else actor}
    db.session.execute(VOID, {"id": hold.id, **values})
    return find(hold_id)


def _locked(hold_id: UUID) -> Hold:
    """The hold, read after its member's account was locked, unless it is resolved for good.

    Raises `Contended` when it moved to another member meanwhile.
    """
    hold = find(hold_id)
    if hold.state != "held":
        return hold  # and stays so; its member may have been merged since then
    member_id = hold.member_id
    lock_accounts([member_id])
    hold = find(hold_id)
    if hold.member_id != member_id:
        raise Contended(retry_after=1)
    return hold


def check_open(hold: Hold, now: datetime, *, pointer: str | None = None) -> None:
    """Raise `HoldExpired`, `HoldCaptured` or `HoldVoid` unless the hold can be captured."""
    if hold.is_over(now):
        ended = hold.expires_at.isoformat().replace("+00:00", "Z")
        raise HoldExpired(pointer=pointer, expired_at=ended)
    if hold.state == "captured":
        raise HoldCaptured(pointer=pointer, captured=hold.captured)
    if hold.state == "void":
        raise HoldVoid(pointer=pointer)


def document(hold_id: UUID, now: datetime) -> dict[str, Any]:
    """A hold as the contract shows it, with its lots and the newest of its entries.

    One that moved with its member keeps the id by which it is asked for. Raises `HoldNotFound`.
    """
    hold = find(hold_id)
    found = db.session.execute(DOCUMENT, {"id": hold.id, "now": now}).scalar_one()
    return found | {"id": str(hold_id)}
