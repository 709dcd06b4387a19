"""Staff give a member a coupon, and take coupons back."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.console import coupon_words, mistakes
from crm.console.blueprint import blp
from crm.console.settings_page import manner_at
from crm.coupons import documents, issuing, returning, templates, trail
from crm.coupons.template_schemas import Code
from crm.db import transaction
from crm.http import Schema, fields
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.ids import uuid7
from crm.points.adjustment_errors import OwnMemberRecord

MOST = 50


class GivenIn(Schema):
    """Which coupon; `form` is drawn with the form, so that sending it twice gives one coupon."""

    template = fields.Id(required=True)
    form = fields.Id(required=True)


class TakenIn(Schema):
    """Which code, and why."""

    code = Code(required=True)
    reason = fields.Text(200, required=True)


def offered(member_id: UUID, now: datetime) -> dict[str, Any] | None:
    """What somebody who may give this member coupons can choose from; None for who may not."""
    who = principal()
    if not who.may("coupons:write") or who.member_id == member_id:
        return None
    manner, found = manner_at(now), {}
    for row in templates.listed(MOST, open_at=now):
        shown = documents.template(row, now)
        left = [shown[name] for name in ("stock_left", "budget_left") if shown[name] is not None]
        if all(left) and (shown["pool"] or not shown["has_pool"]):
            found[row.id] = f"{row.name} ({coupon_words.gives(shown, manner)})"
    return {"form": uuid7(), "templates": found} if found else None


@blp.post("/members/<uuid:member_id>/coupons")
@needs("coupons:write")
def give_coupon(member_id: UUID) -> Response:
    """Give a member a coupon by hand."""
    now, who = clock.now(), principal()
    given = {name: request.form.get(name, "") for name in ("template", "form")}
    body = mistakes.load(GivenIn(), given)
    if who.member_id == member_id:
        raise OwnMemberRecord()
    with transaction():
        coupon, new = issuing.issue_one(
            body["template"],
            member_id,
            occasion=f"by hand:{body['form']}",
            now=now,
            source=("staff", who.name),
        )
        if new:
            trail.given(coupon, member_id, now=now)
    return redirect(url_for("console.member", member_id=member_id) + "#coupons", 303)


@blp.post("/coupons/void")
@needs("coupons:manage")
def void_coupon() -> Response:
    """Take back a coupon that was not used."""
    now = clock.now()
    given = {name: request.form.get(name, "") for name in ("code", "reason")}
    body = mistakes.load(TakenIn(), given)
    with transaction():
        coupon, template = returning.void(body["code"], reason=body["reason"], now=now)
        trail.voided(coupon, reason=body["reason"], now=now)
        template_id = template.id
    return redirect(url_for("console.coupon", template_id=template_id, state="void"), 303)
