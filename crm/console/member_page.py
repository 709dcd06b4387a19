"""The member page: who it is, what he has, how far he is, what happened; and the till's glance."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import audit, clock
from crm.console import (
    adjusting,
    case_opening,
    coupon_check,
    coupon_giving,
    member_orders,
    member_points,
    member_rewards,
    merging_page,
    messages_page,
    next_purchase_told,
    person,
    segment_place,
    standing,
    timeline,
)
from crm.console.blueprint import blp
from crm.db import transaction
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.members import profiles, stores
from crm.members.errors import MemberMerged
from crm.members.models import Member
from crm.members.tiers import progress, storage
from crm.orders.standing import activities
from crm.points import programme
from crm.points.programme_settings import Programme
from crm.segments import member_rfm


@blp.get("/members/<uuid:member_id>")
@needs("members:read")
def member(member_id: UUID) -> str | Response:
    """Everything about one member on one page; a record that was merged leads to the other."""
    try:
        found = person.load(member_id)
    except MemberMerged as merged:
        return redirect(url_for("console.member", member_id=merged.facts["merged_into"]))
    return _page(found, masked=True)


@blp.post("/members/<uuid:member_id>/reveal")
@needs("members:reveal")
def reveal(member_id: UUID) -> str:
    """The full phone numbers and addresses, and a record of who looked."""
    found = person.load(member_id)
    with transaction():
        audit.record("member.revealed", "member", member_id, now=clock.now())
    if "HX-Request" not in request.headers:
        return _page(found, masked=False)
    contacts = person.reach(member_id, masked=False)
    return render_template("parts/contacts.html", member=found, contacts=contacts, masked=False)


@blp.get("/members/<uuid:member_id>/glance")
@needs("members:read")
def glance(member_id: UUID) -> str:
    """What the till shows of the chosen member before the page is opened."""
    now = clock.now()
    found, settings = person.load(member_id), programme.current(now)
    zone = _zone(member_id, settings)
    return render_template(
        "parts/glance.html",
        member=person.shown(found),
        joined=person.joined(found, stores.names(), zone),
        segment=_named(member_rfm.rfm(member_id, now=now)),
        cases=case_opening.of_member(member_id, now),
        points=member_points.figures(member_id, settings, now),
        **_standing(found, settings, zone, now),
    )


def _page(found: Member, *, masked: bool) -> str:
    now, who = clock.now(), principal()
    settings, names = programme.current(now), stores.names()
    zone = _zone(found.id, settings)
    rfm = member_rfm.rfm(found.id, now=now) if who.may("segments:read") else None
    return render_template(
        "member.html",
        member=person.shown(found),
        joined=person.joined(found, names, zone),
        contacts=person.reach(found.id, masked=masked),
        masked=masked,
        note=person.last_note(found.id, now, zone),
        segment=_named(rfm),
        coming=_coming(rfm, now, zone),
        cases=case_opening.of_member(found.id, now),
        points=member_points.figures(found.id, settings, now),
        adjusting=adjusting.offered(found.id, now),
        waiting=adjusting.waiting(found.id, now),
        done=adjusting.done() or merging_page.done(),
        merges=merging_page.undoable(found.id, now, zone),
        ledger=member_points.ledger(found.id, now, zone),
        coupons=coupon_check.of_member(found.id, now, zone) if who.may("coupons:read") else None,
        taken=member_rewards.of_member(found.id, now, zone),
        giving=coupon_giving.offered(found.id, now),
        messages=messages_page.last_of_member(found.id, zone),
        consents=person.consents(found.id, now, zone),
        orders=member_orders.last(found.id, names, now, zone),
        orders_told=member_orders.told(found.id, settings.currency),
        timeline=timeline.groups(found.id, names, who, now, zone),
        **_standing(found, settings, zone, now),
    )


def _zone(member_id: UUID, settings: Programme) -> ZoneInfo:
    return ZoneInfo(profiles.require_facts(member_id, default_zone=settings.timezone).zone)


def _named(rfm: dict[str, Any] | None) -> dict[str, Any] | None:
    """The segment with its why; None for who has none yet, or for readers who may not see it."""
    if rfm is None or rfm["segment"] is None:
        return None
    return rfm["segment"] | {
        "facts": [fact["text"] for fact in rfm["why"]],
        "ranks": segment_place.ranks(rfm["percentiles"]),
        "next": segment_place.following(rfm),
    }


def _coming(rfm: dict[str, Any] | None, now: datetime, zone: ZoneInfo) -> dict[str, Any] | None:
    if rfm is None:
        return None
    today = now.astimezone(zone).date()
    return next_purchase_told.told(rfm["member_id"], rfm["next_purchase"], now=now, today=today)


def _standing(found: Member, settings: Programme, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    """The tier's mark and the climb from it."""
    ladder = storage.ladder_at(now)
    here = storage.standings([found.id])[found.id]
    done = activities([found.id])[found.id]
    reached = progress.progress(here, ladder, done, now, zone, found.created_at)
    climb = standing.told(
        reached, ladder, currency=settings.currency, gender=found.gender, zone=zone, now=now
    )
    return {"tier_mark": standing.tier_mark(ladder, reached.tier), "progress": climb}
