"""The till looks at a coupon; and a member's coupons on his page."""

from datetime import date, datetime, timedelta, tzinfo
from typing import Any
from uuid import UUID

from flask import render_template, request
from werkzeug.wrappers import Response

from crm import clock
from crm.console import coupon_words, formats, person
from crm.console.blueprint import blp
from crm.console.coupon_words import MARKS, STATES
from crm.console.settings_page import manner_at
from crm.coupons import alphabet, documents, guessing, redemption
from crm.coupons.errors import CouponNotFound
from crm.coupons.redemption import Asked
from crm.db import db
from crm.errors import Refused
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.http.problems import say as told
from crm.i18n import gettext

SHOWN = 8
INSTANT = timedelta(microseconds=1)


@blp.get("/coupons/check")
@needs("coupons:read")
def coupon_check() -> str:
    """A box for a code."""
    return render_template("coupon_check.html", typed="", found=None, wrong="")


@blp.post("/coupons/check")
@needs("coupons:read")
def check_coupon() -> str | tuple[str, int] | Response:
    """What a code is good for, and all that keeps it from being used now. Writes nothing."""
    now, who = clock.now(), principal()
    typed = request.form.get("code", "")[:100]
    code = alphabet.normal(typed)
    try:
        guessing.admit(who, now)
        verdict = redemption.validate(
            code if alphabet.is_code(code) else "", Asked(at=now), now=now
        )
    except CouponNotFound as refused:
        db.session.rollback()  # what was read ends before the count begins
        guessing.miss(who, now)
        return _page(typed, wrong=gettext(refused.detail)), 404
    return _page(typed, found=_found(verdict, now))


def _page(typed: str, *, found: dict[str, Any] | None = None, wrong: str = "") -> str:
    return render_template("coupon_check.html", typed=typed, found=found, wrong=wrong)


def _found(verdict: redemption.Verdict, now: datetime) -> dict[str, Any]:
    manner = manner_at(now)
    shown = documents.coupon(verdict.coupon, verdict.template, now)
    owner = shown["member_id"]
    return {
        "code": shown["code"],
        "name": shown["template"]["name"],
        "template_id": shown["template"]["id"],
        "gives": coupon_words.gives(shown["template"], manner),
        "when": list(coupon_words.conditions(shown["template"], manner)),
        "state": gettext(STATES[shown["state"]]),
        "mark": MARKS.get(shown["state"], ""),
        "may_void": shown["state"] not in ("used", "void"),
        "until": coupon_words.end(shown["expires_at"], manner.zone) if shown["expires_at"] else "",
        "member_id": owner,
        "member": person.called([owner]).get(owner, "") if owner else "",
        "reasons": [_reason(one, manner.zone) for one in verdict.reasons],
    }


def _reason(reason: Refused, zone: tzinfo) -> str:
    """A reason with its instants by the shop's clock."""
    facts = {
        name: _local(value, zone) if name.endswith(("_at", "_until", "_from")) else value
        for name, value in reason.facts.items()
    }
    return told(reason.detail, facts)


def _local(value: Any, zone: tzinfo) -> str:
    return f"{datetime.fromisoformat(value).astimezone(zone):%Y-%m-%d %H:%M}"


def _last_day(row: dict[str, Any], today: date, zone: tzinfo) -> str:
    if row["expires_at"] is None or row["state"] == "used":
        return ""
    return formats.day((row["expires_at"] - INSTANT).astimezone(zone).date(), today)


def of_member(member_id: UUID, now: datetime, zone: tzinfo) -> list[dict[str, Any]]:
    """What a member can use, then what he has used last; for the member page."""
    manner, today = manner_at(now), now.astimezone(zone).date()
    rows = []
    for state, most in (("reserved", SHOWN), ("issued", SHOWN), ("used", 3)):
        rows += documents.of_member(member_id, most, None, now=now, state=state)["data"]
    return [
        {
            "name": row["template"]["name"],
            "code": row["code"],
            "gives": coupon_words.gives(row["template"], manner),
            "state": gettext(STATES[row["state"]]),
            "mark": MARKS.get(row["state"], ""),
            "until": _last_day(row, today, zone),
        }
        for row in rows[:SHOWN]
    ]
