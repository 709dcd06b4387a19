"""What the demo shop offers: coupons, rewards for points, templates; and some of it in use.

Written once, in one transaction: who sees a part of it sees all. The messages go out as all
messages do, so that hours, caps and consents decide, and the sandbox keeps them.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm import installation
from crm.coupons import issuing
from crm.coupons import templates as coupons
from crm.coupons.history import Wanted
from crm.coupons.template_schemas import columns as coupon_columns
from crm.db import db, transaction
from crm.demo.offer_texts import COUPONS, REWARDS, TEMPLATES
from crm.messages import planning
from crm.messages.planning import Source
from crm.messages.templates import store
from crm.points.rewards import catalogue
from crm.points.rewards.schemas import columns as reward_columns

MARK = "demo.offers"
SOURCE = Source("campaign", "demo")
GREETED, WRITTEN_TO, SERVED = 120, 60, 20  # members with a coupon, a marketing mail, a service one

# Those who bought last: the ones that somebody who looks around meets first.
RECENT = text("""
    SELECT m.id FROM member m JOIN purchase_summary p ON p.member_id = m.id
    WHERE m.status = 'active' ORDER BY p.last_paid_at DESC NULLS LAST, m.id LIMIT :most
""")
WITH_COUPON = """
    SELECT c.member_id, CAST(:occasion AS text) || c.member_id AS occasion,
           jsonb_build_object('coupon', jsonb_build_object(
               'code', c.code, 'name', t.name, 'expires_on', c.expires_at)) AS variables,
           NULL::timestamptz AS due_at, NULL::timestamptz AS not_after, NULL AS state,
           NULL AS reason
    FROM coupon c JOIN coupon_template t ON t.id = c.template_id
    JOIN member_identity i ON i.member_id = c.member_id AND i.kind = 'email'
    WHERE c.template_id = :coupon ORDER BY c.member_id LIMIT :most
"""


def add(now: datetime) -> bool:
    """Add all that is missing of it; False when it was there."""
    known = installation.read(MARK)
    db.session.rollback()
    if known:
        return False
    with transaction():
        kinds = {name: _coupon(body, now) for name, body in COUPONS.items()}
        for body in REWARDS:
            _reward(body, kinds, now)
        forms = {body["code"]: store.create(body, now=now)["id"] for body in TEMPLATES}
        _greet(kinds["welcome"], now)
        _write("offer.spring", WRITTEN_TO, kinds["welcome"], forms, now)
        _write("coupon.reminder", SERVED, kinds["welcome"], forms, now)
        installation.write(MARK, True)
    return True


def _coupon(body: dict[str, Any], now: datetime) -> UUID:
    return coupons.create(coupon_columns(body, now), now=now).id


def _reward(body: dict[str, Any], kinds: dict[str, UUID], now: datetime) -> None:
    if "coupon_template" in body:
        body = {**body, "coupon_template": kinds[body["coupon_template"]]}
    catalogue.create(reward_columns(body, now), now=now)


def _greet(template: UUID, now: datetime) -> None:
    """A coupon for those who bought last."""
    members = db.session.scalars(RECENT, {"most": GREETED})
    wanted = [Wanted(one, "demo:welcome") for one in members]
    issuing.issue_many(template, wanted, now=now, source=("demo", "welcome"))


def _write(code: str, most: int, coupon: UUID, forms: dict[str, UUID], now: datetime) -> None:
    """A message about his coupon to each of so many."""
    values = {"occasion": f"demo:{code}:", "coupon": coupon, "most": most}
    planning.plan_select(WITH_COUPON, values, template_id=forms[code], source=SOURCE, now=now)
