"""One member's tier over HTTP: progress, and the floor that staff may put under it.

It stands above orders and points, because only they know what the member did.
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from crm import audit, clock
from crm.db import transaction
from crm.errors import N_, FieldError, Invalid
from crm.http import Blueprint, needs
from crm.http.fields import instant_text
from crm.members import profiles
from crm.members.tiers import engine, storage
from crm.members.tiers.ladder import Ladder
from crm.members.tiers.progress import progress
from crm.members.tiers.standing import Activity, Standing
from crm.orders.earnings import zone_of
from crm.orders.standing import activities
from crm.overview.tier_pages import page
from crm.overview.tier_schemas import FloorIn, MemberTierOut
from crm.points import rulebook

blp = Blueprint("member_tier", __name__, description="Where a member stands on the ladder.")


class Known(NamedTuple):
    """What a member's tier is judged by."""

    standing: Standing
    ladder: Ladder
    activity: Activity
    zone: ZoneInfo
    joined_at: datetime


def _known(member_id: UUID, now: datetime, *, lock: bool = False) -> Known:
    default_zone = rulebook.load().programme_at(now).timezone
    facts = profiles.require_facts(member_id, default_zone=default_zone)
    return Known(
        standing=storage.standings([member_id], lock=lock)[member_id],
        ladder=storage.ladder_at(now),
        activity=activities([member_id])[member_id],
        zone=zone_of(facts.zone),
        joined_at=facts.created_at,
    )


def _advanced(known: Known, now: datetime) -> engine.Outcome:
    standing, ladder, activity, zone, joined_at = known
    return engine.advance(standing, ladder, activity, now, zone, joined_at)


def _shown(member_id: UUID, known: Known, now: datetime) -> dict[str, Any]:
    standing, ladder, activity, zone, joined_at = known
    found = progress(standing, ladder, activity, now, zone, joined_at)
    return page(found, ladder, now) | {"history": storage.history(member_id)}


def document(member_id: UUID, now: datetime) -> dict[str, Any]:
    """A member's tier and progress. Raises `MemberNotFound`."""
    return _shown(member_id, _known(member_id, now), now)


@blp.get("/members/<uuid:id>/tier")
@needs("members:read")
@blp.response(200, MemberTierOut)
def read_member_tier(id):
    """Where a member stands: what is missing to rise, what to stay, what the end will bring."""
    return document(id, clock.now())


@blp.put("/members/<uuid:id>/tier")
@needs("programme:write")
@blp.arguments(FloorIn)
@blp.response(200, MemberTierOut)
def hold_member_tier(body, id):
    """Hold a member at a tier or higher, until an instant or for good; `code` null ends that.

    What he earns goes on beneath: a floor lower than that changes nothing while it lasts.
    """
    with transaction():
        now = clock.now()
        _check(body, now)
        known = _known(id, now, lock=True)
        standing, changes = _advanced(known, now)
        after, more = _floored(standing, known.ladder, body, now)
        storage.save_many([(id, after, changes + more)], now)
        audit.record(
            "member.tier",
            "member",
            id,
            now=now,
            before=_floor(standing),
            after=_floor(after),
            reason=body["reason"],
        )
        return _shown(id, known._replace(standing=after), now)


def _check(body: dict[str, Any], now: datetime) -> None:
    until = body.get("until")
    if until is not None and until <= now:
        detail = N_("The end of a manual tier must lie ahead.")
        raise Invalid([FieldError("/until", "in_the_past", detail)])


def _floored(
    standing: Standing, ladder: Ladder, body: dict[str, Any], now: datetime
) -> engine.Outcome:
    if body["code"] is None:
        return engine.clear_floor(standing, ladder, now)
    until, reason = body.get("until"), body["reason"]
    return engine.set_floor(standing, ladder, body["code"], until, reason, now)


def _floor(standing: Standing) -> dict[str, Any]:
    until = standing.floor_until
    return {"floor": standing.floor, "until": until and instant_text(until)}
