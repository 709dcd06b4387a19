"""Who brought whom: opened at registration, looked at by people where the two seem to be one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, tuple_

from crm import audit
from crm.activities import orders
from crm.activities.errors import OwnReferral, ReferralDecided, ReferralNotFound
from crm.activities.models import Referral
from crm.db import db
from crm.http.pagination import decode, encode
from crm.http.principal import Principal
from crm.points import awarding, rulebook
from crm.points.acts import Act, applying

ACTIVITY = "referral"
WAITING = ("open", "review")


def open_one(referee_id: UUID, referrer_id: UUID | None, *, now: datetime) -> None:
    """Note what the rules in force promise for a friend who has just registered, if anything.

    Conditions on members are the referrer's to meet. In the transaction of the registration.
    """
    if referrer_id is None or not awarding.in_force(ACTIVITY, now):
        return
    act = Act(ACTIVITY, now, awarding.facts_of(referrer_id, now))
    rules = applying(rulebook.load().rules_at(now), act)
    if not rules:
        return
    promised = [
        {
            "rule_id": str(rule.id),
            "version": rule.version,
            "name": rule.name,
            "points": rule.points,
            "referee_points": rule.referee_points,
        }
        for rule in rules
    ]
    db.session.add(
        Referral(referee_id=referee_id, referrer_id=referrer_id, joined_at=now, promised=promised)
    )
    db.session.flush()


def listed(query: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """A page of referrals, the newest first, of one state or one referrer if asked."""
    wanted = select(Referral)
    if query.get("state"):
        wanted = wanted.where(Referral.state == query["state"])
    if query.get("referrer_id"):
        wanted = wanted.where(Referral.referrer_id == query["referrer_id"])
    after = decode(query["cursor"], datetime.fromisoformat, UUID)
    if after:
        wanted = wanted.where(tuple_(Referral.joined_at, Referral.referee_id) < after)
    newest = Referral.joined_at.desc(), Referral.referee_id.desc()
    limit = query["limit"]
    rows = list(db.session.scalars(wanted.order_by(*newest).limit(limit + 1)))
    last = rows[limit - 1] if len(rows) > limit else None
    cursor = encode(last.joined_at.isoformat(), last.referee_id) if last else None
    return {"data": documents(rows[:limit], now=now), "next_cursor": cursor}


def in_review() -> int:
    """How many wait for somebody to look at them."""
    query = select(func.count()).select_from(Referral).where(Referral.state == "review")
    return db.session.scalar(query) or 0


def documents(rows: list[Referral], *, now: datetime) -> list[dict[str, Any]]:
    """Referrals as the API shows them; those that are open with their order so far, and when its
    return window will have passed."""
    firsts = orders.first_paid([row.referee_id for row in rows if row.state == "open"], now)
    named = orders.named([row.order_id for row in rows if row.order_id])
    found = []
    for row in rows:
        first = firsts.get(row.referee_id)
        order = named.get(row.order_id) if row.order_id else None
        if first is not None:
            order = {"channel": first.channel, "order_no": first.order_no}
        shown = {column.key: getattr(row, column.key) for column in Referral.__table__.columns}
        due_at = orders.window_ends(first) if first is not None else None
        found.append(shown | {"order": order, "due_at": due_at})
    return found


def require(referee_id: UUID, *, lock: bool = False) -> Referral:
    """The referral of a friend. Raises `ReferralNotFound`."""
    query = select(Referral).where(Referral.referee_id == referee_id)
    if lock:
        query = query.with_for_update()
    found = db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise ReferralNotFound()
    return found


def check_decision(referral: Referral, actor: Principal, states: tuple[str, ...]) -> None:
    """Whether this person may decide now. Raises `OwnReferral`, `ReferralDecided`."""
    if actor.member_id in (referral.referrer_id, referral.referee_id):
        raise OwnReferral()
    if referral.state not in states:
        raise ReferralDecided(state=referral.state)


def decide(referral: Referral, note: str | None, *, actor: Principal, now: datetime) -> None:
    """Write down who decided, in the caller's transaction."""
    referral.decided_at, referral.decided_by, referral.note = now, actor.name, note
    db.session.flush()


def reject(referee_id: UUID, note: str, *, actor: Principal, now: datetime) -> Referral:
    """Let a referral give nothing, whatever its order. Raises as `check_decision`."""
    referral = require(referee_id, lock=True)
    check_decision(referral, actor, WAITING)
    decide(referral, note, actor=actor, now=now)
    referral.state, referral.settled_at = "rejected", now
    record(referral, "referral.rejected", now=now)
    return referral


def record(referral: Referral, action: str, *, now: datetime) -> None:
    """The decision in the audit trail."""
    db.session.flush()
    after = {"state": referral.state, "flags": referral.flags, "note": referral.note}
    audit.record(action, "member", referral.referee_id, after=after, now=now)
