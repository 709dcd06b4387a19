"""Coupons over HTTP: looked at, reserved, used, given back, taken back."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import wraps
from typing import Any
from uuid import UUID

from flask import Response
from sqlalchemy import text

from crm import clock
from crm.coupons import alphabet, documents, guessing, redemption, returning, templates, trail
from crm.coupons.errors import CouponNotFound
from crm.coupons.redemption import Asked, Verdict
from crm.coupons.schemas import (
    CouponOut,
    CouponPage,
    CouponQuery,
    CouponVerdictOut,
    ReleaseCouponIn,
    ReserveCouponIn,
    TakenCouponOut,
    UseCouponIn,
    ValidateCouponIn,
    VoidCouponIn,
    cart_of,
)
from crm.db import db
from crm.errors import N_, FieldError, Invalid, Refused
from crm.http import Blueprint, idempotent, needs, principal
from crm.http.problems import say
from crm.members import identity, profiles

blp = Blueprint("coupons", __name__, description="Coupons: checked, reserved, used, given back.")
CURRENCY = text("SELECT shop_currency(:now)")


def guarded(view: Callable[..., Any]) -> Callable[..., Any]:
    """Let a view have the code as it is stored; count unknown ones, and refuse who has too many.

    Stands before `idempotent`, whose rollback must not undo the count.
    """

    @wraps(view)
    def wrapper(code: str, **kwargs: Any) -> Any:
        who, now = principal(), clock.now()
        guessing.admit(who, now)
        normal = alphabet.normal(code)
        try:
            answer = view(code=normal if alphabet.is_code(normal) else "", **kwargs)
        except CouponNotFound:
            db.session.rollback()  # what was read ends before the count begins
            guessing.miss(who, now)
            raise
        if isinstance(answer, Response) and answer.status_code == 404 and _is_miss(answer):
            guessing.miss(who, now)
        return answer

    return wrapper


def _is_miss(answer: Response) -> bool:
    return json.loads(answer.get_data()).get("code") == CouponNotFound.code


@blp.get("/coupons/<code>")
@needs("coupons:read")
@guarded
@blp.response(200, CouponOut)
def get_coupon(code: str):
    """A coupon as it is now, with what it is good for."""
    return documents.coupon(*redemption.find(code), clock.now())


@blp.post("/coupons/<code>/validate")
@needs("coupons:read")
@guarded
@blp.arguments(ValidateCouponIn)
@blp.response(200, CouponVerdictOut)
def validate(body: dict[str, Any], code: str):
    """Every reason that blocks the coupon at once, and what it takes off. Writes nothing."""
    now = clock.now()
    verdict = redemption.validate(code, _asked(code, body, now), now=now)
    return {
        "valid": not verdict.reasons,
        "reasons": [told(one) for one in verdict.reasons],
        "discount": verdict.discount,
        "coupon": documents.coupon(verdict.coupon, verdict.template, now),
    }


@blp.post("/coupons/<code>/reserve")
@needs("coupons:write")
@guarded
@idempotent
@blp.arguments(ReserveCouponIn)
@blp.response(200, TakenCouponOut)
def reserve(body: dict[str, Any], code: str):
    """Keep the coupon for a cart; the same cart again prolongs it (15 minutes if not said)."""
    now = clock.now()
    ttl = timedelta(seconds=body["ttl_seconds"])
    verdict = redemption.reserve(code, _asked(code, body, now), now=now, ttl=ttl)
    return _taken(verdict, now)


@blp.post("/coupons/<code>/use")
@needs("coupons:write")
@guarded
@idempotent
@blp.arguments(UseCouponIn)
@blp.response(200, TakenCouponOut)
def use(body: dict[str, Any], code: str):
    """Use the coupon for an order, once. The same order again changes nothing (200)."""
    now = clock.now()
    order = (body["channel"], body["order_no"])
    asked = _asked(code, body, now, order=order)
    verdict = redemption.use(code, asked, now=now, discount=body["discount"])
    return _taken(verdict, now)


@blp.post("/coupons/<code>/release")
@needs("coupons:write")
@guarded
@idempotent
@blp.arguments(ReleaseCouponIn)
@blp.response(200, CouponOut)
def release(body: dict[str, Any], code: str):
    """Give the coupon free, from its cart or from the order that has used it."""
    now = clock.now()
    named = body.get("order_no") is not None
    coupon, template = returning.release(
        code,
        now=now,
        reference=body.get("reference"),
        order=(body["channel"], body["order_no"]) if named else None,
    )
    return documents.coupon(coupon, template, now)


@blp.post("/coupons/<code>/void")
@needs("coupons:manage")
@guarded
@idempotent
@blp.arguments(VoidCouponIn)
@blp.response(200, CouponOut)
def void(body: dict[str, Any], code: str):
    """Take back a coupon that was not used."""
    now = clock.now()
    coupon, template = returning.void(code, reason=body["reason"], now=now)
    trail.voided(coupon, reason=body["reason"], now=now)
    return documents.coupon(coupon, template, now)


@blp.get("/members/<uuid:member_id>/coupons")
@needs("coupons:read")
@blp.arguments(CouponQuery, location="query")
@blp.response(200, CouponPage)
def member_coupons(query: dict[str, Any], member_id: UUID):
    """A member's coupons as they are now, the newest first."""
    profiles.require(member_id)
    return documents.of_member(
        member_id, query["limit"], query["cursor"], now=clock.now(), state=query["state"]
    )


def told(reason: Refused) -> dict[str, Any]:
    """A reason as the API shows it, in the reader's language."""
    return {"code": reason.code, "detail": say(reason.detail, reason.facts)} | reason.facts


def _asked(
    code: str, body: Mapping[str, Any], now: datetime, order: tuple[str, str] | None = None
) -> Asked:
    """What a body says of who asks."""
    member, cart = body.get("member"), body.get("order")
    who = None if member is None else identity.parse_ref(member, at="/member")
    return Asked(
        at=now,
        member_id=None if who is None else identity.require(who),
        cart=None if cart is None else cart_of(cart),
        reference=body.get("reference"),
        order=order,
        others=() if cart is None else _others(code, cart, now),
    )


def _others(code: str, cart: Mapping[str, Any], now: datetime):
    """The cart's other coupons, as far as they are known; and a look at its currency."""
    expected = db.session.scalar(CURRENCY, {"now": now})
    if cart["currency"] not in (None, expected):
        text_ = N_("The programme counts in {expected}.")
        facts = {"expected": expected}
        raise Invalid([FieldError("/order/currency", "currency_mismatch", text_, facts)])
    named = [one for one in cart["coupons"] if one != code]
    known = redemption.load(named) if named else {}
    kinds = templates.many([one.template_id for one in known.values()])
    return [(one, kinds[known[one].template_id]) for one in named if one in known]


def _taken(verdict: Verdict, now: datetime) -> dict[str, Any]:
    shown = documents.coupon(verdict.coupon, verdict.template, now)
    return shown | {"discount": verdict.discount}
