"""What a campaign may cost, before it goes: messages, coupons at their most, points. Exact, in
minor units of the programme's currency."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any
from uuid import UUID

from crm.campaigns import samples
from crm.campaigns.models import CampaignArm
from crm.coupons import templates as coupon_templates
from crm.coupons import worth
from crm.coupons.models import CouponTemplate
from crm.db import config
from crm.messages.templates import compiling, previewing, store
from crm.points import programme


@dataclass(frozen=True, slots=True)
class ArmCost:
    """What one member of an arm costs at most. `coupon` is None where nothing bounds it."""

    no: int
    message: Fraction
    coupon: int | None
    points: int
    points_value: Fraction
    template: CouponTemplate | None = None

    @property
    def each(self) -> int | None:
        """All of it, rounded up; None without a bound."""
        if self.coupon is None:
            return None
        return ceil(self.message + self.coupon + self.points_value)

    def of(self, members: int) -> dict[str, Any]:
        """What so many members come to, as the API shows it."""
        return {
            "no": self.no,
            "members": members,
            "message_cost": ceil(self.message * members),
            "coupon_exposure": None if self.coupon is None else self.coupon * members,
            "coupons_left": None if self.template is None else coupons_left(self.template),
            "points": self.points * members,
            "points_value": ceil(self.points_value * members),
        }


def of_arms(
    arms: Sequence[CampaignArm], channel: str, sample: Sequence[UUID], now: datetime
) -> list[ArmCost]:
    """What a member of each arm costs; the parts of a text message are those of the longest that
    any of `sample` would get."""
    known = coupon_templates.many([arm.coupon_template_id for arm in arms
                                   if arm.coupon_template_id])  # fmt: skip
    rate = programme.current(now).redemption
    point = Fraction(rate.value_per_step, rate.points_per_step)
    found = []
    for arm in arms:
        coupon = known[arm.coupon_template_id] if arm.coupon_template_id else None
        found.append(
            ArmCost(
                no=arm.no,
                message=_message(arm, channel, sample, now),
                coupon=worth.most(coupon) if coupon else 0,
                points=arm.points,
                points_value=point * arm.points,
                template=coupon,
            )
        )
    return found


def total(costs: Sequence[ArmCost], members: Mapping[int, int], currency: str) -> dict[str, Any]:
    """All arms together, as the API shows it."""
    parts = [one.of(members.get(one.no, 0)) for one in costs]
    exposures = [part["coupon_exposure"] for part in parts if part["members"]]
    unbound = any(one is None for one in exposures)
    exposure = None if unbound else sum(exposures)
    messages = sum(part["message_cost"] for part in parts)
    points_value = sum(part["points_value"] for part in parts)
    return {
        "currency": currency,
        "messages": messages,
        "coupon_exposure": exposure,
        "points": sum(part["points"] for part in parts),
        "points_value": points_value,
        "worst": None if exposure is None else messages + exposure + points_value,
    }


def coupons_left(template: CouponTemplate) -> int | None:
    """How many coupons can still be given; None: any number."""
    left = []
    if template.stock is not None:
        left.append(max(template.stock - template.issued, 0))
    if template.has_pool:
        left.append(template.pool)
    most = worth.most(template)
    if template.budget is not None and most:
        left.append(max(template.budget - template.value_used - template.committed, 0) // most)
    return min(left) if left else None


def _message(arm: CampaignArm, channel: str, sample: Sequence[UUID], now: datetime) -> Fraction:
    price = Fraction(Decimal(config().sms_price)) if channel == "sms" else Fraction(0)
    return price * _parts(arm, sample, now) if price else price


def _parts(arm: CampaignArm, sample: Sequence[UUID], now: datetime) -> int:
    """How many parts a text message of this arm has."""
    template = store.get(arm.template_id)
    languages = store.languages_of(template, arm.template_version)
    ready = compiling.compiled(template.channel, template.purpose, languages)
    said = samples.variables(arm, now)
    parts = [
        shown["segments"]
        for member in sample
        for shown in previewing.preview("sms", ready, member, variables=said, now=now)
        if shown["chosen"]
    ]
    return max(parts, default=1)
