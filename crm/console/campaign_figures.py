"""Waterfalls, costs and counters of campaigns as pages draw them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm.campaigns import audience, drafts, plan
from crm.campaigns.api import told
from crm.campaigns.models import Campaign
from crm.campaigns.plan import Plan
from crm.campaigns.waterfall import Waterfall
from crm.console import campaign_words, formats
from crm.console.words import ngettext, say
from crm.coupons.models import CouponTemplate
from crm.db import db
from crm.errors import N_
from crm.i18n import gettext
from crm.messages.models import MessageTemplate

KINDS = {"audience": "c-keep", "holdout": "c-hold", "will_send": "c-send"}
NONE_SHOWN = ("open_case", "expired", "capped", "address_suppressed", "excluded")
RISE = N_(
    "A rise from <strong>{base}</strong> to <strong>{found}</strong> of members buying within "
    "{days}, thanks to {holdout} held out (95% confidence, 80% power)."
)
RISE_OF_PROFIT = N_("In profit: {amount} per member.")
NO_RISE = N_("Too few are held out, or too few: only a rise beyond all of them would show.")
NOT_BEFORE = N_("Nobody of them bought lately, so nothing can be said before the first results.")
NO_HOLDOUT = N_("Nobody is held out, so what it brings can’t be told from chance.")


def fall(whole: Waterfall, channel: str, percent: int) -> list[dict[str, Any]]:
    """The rows of a waterfall: name, count, and where its bar stands in percent."""
    rows, left = [], whole.audience
    for step in whole.steps():
        name, members = step["step"], step["members"]
        if not members and name in NONE_SHOWN:
            continue
        is_sum = name in ("audience", "will_send")
        left -= 0 if is_sum else members
        rows.append(
            {
                "name": formats.begun(campaign_words.fall(name, channel, percent)),
                "members": formats.number(members) if is_sum else formats.signed(-members),
                "sum": is_sum,
                "end": name == "will_send",
                "x": 0.0 if is_sum else _percent(left, whole.audience),
                "width": _percent(members, whole.audience),
                "colour": KINDS.get(name, "c-out"),
            }
        )
    return rows


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def planned(found: Plan, currency: str) -> dict[str, Any]:
    """A plan as the review shows it."""
    cost = found.cost
    shown = {
        "waterfall": fall(found.waterfall, found.channel, found.campaign.holdout_percent),
        "will_send": found.will_send,
        "count": formats.number(found.will_send),
        "messages": formats.money(cost["messages"], currency),
        "rows": list(_costs(cost, currency)),
        "worst": _money(cost["worst"], currency),
        "effect": _effect(found, currency),
        "checks": [told(one) | {"good": one.good} for one in found.checks],
        "blocked": any(one.blocks for one in found.checks),
        "needs_approval": found.needs_approval,
        "arms": _arms(found),
    }
    return shown | {"button": _button(found, shown)}


def _button(found: Plan, shown: Mapping[str, Any]) -> str:
    n, cost = found.will_send, shown["messages"] if found.cost["messages"] else ""
    later = "now" not in found.campaign.schedule
    if found.needs_approval:
        return ngettext(
            "Ask for approval of {count} message", "Ask for approval of {count} messages", n
        )
    if later and cost:
        return ngettext(
            "Schedule {count} message ({cost})", "Schedule {count} messages ({cost})", n, cost=cost
        )
    if later:
        return ngettext("Schedule {count} message", "Schedule {count} messages", n)
    if cost:
        return ngettext(
            "Send {count} message ({cost})", "Send {count} messages ({cost})", n, cost=cost
        )
    return ngettext("Send {count} message", "Send {count} messages", n)


def _costs(cost: Mapping[str, Any], currency: str):
    if cost["coupon_exposure"] != 0:
        yield gettext(N_("Coupons, all used")), _money(cost["coupon_exposure"], currency)
    if cost["points"]:
        yield gettext(N_("Points given")), formats.number(cost["points"])
        yield gettext(N_("Points liability")), _money(cost["points_value"], currency)


def _money(minor: int | None, currency: str) -> str:
    return gettext(N_("without limit")) if minor is None else formats.money(minor, currency)


def _effect(found: Plan, currency: str) -> str:
    known = found.detectable()
    if not known["holdout"]:
        return gettext(NO_HOLDOUT)
    if not known["base_share"]:
        return gettext(NOT_BEFORE)
    if known["detectable_share"] is None:
        return gettext(NO_RISE)
    said = say(
        RISE,
        base=formats.percent(known["base_share"], 1),
        found=formats.percent(known["detectable_share"], 1),
        days=formats.days(known["days"]),
        holdout=formats.number(known["holdout"]),
    )
    profit = known["detectable_profit"]
    if profit is None:
        return said
    return said + " " + say(RISE_OF_PROFIT, amount=formats.money(round(profit), currency))


def _arms(found: Plan) -> list[dict[str, Any]]:
    names = arm_names(found.campaign.id)
    return [
        names[one.no] | {"members": formats.number(found.waterfall.arms.get(one.no, 0))}
        for one in found.costs
    ]


def arm_names(campaign_id: UUID) -> dict[int, dict[str, Any]]:
    """What each arm of a campaign says and gives, by number."""
    arms = drafts.arms_of(campaign_id)
    codes = dict(
        db.session.execute(
            select(MessageTemplate.id, MessageTemplate.code).where(
                MessageTemplate.id.in_([arm.template_id for arm in arms])
            )
        ).all()  # type: ignore[arg-type]  # rows of two
    )
    coupons = dict(
        db.session.execute(
            select(CouponTemplate.id, CouponTemplate.name).where(
                CouponTemplate.id.in_([arm.coupon_template_id for arm in arms])
            )
        ).all()  # type: ignore[arg-type]  # as above
    )
    return {
        arm.no: {
            "no": arm.no,
            "letter": "ABCD"[arm.no - 1],
            "template_id": arm.template_id,
            "template": codes.get(arm.template_id, ""),
            "coupon_id": arm.coupon_template_id,
            "coupon": coupons.get(arm.coupon_template_id, "") if arm.coupon_template_id else "",
            "points": formats.signed(arm.points) if arm.points else "",
            "weight": formats.number(arm.weight),
        }
        for arm in arms
    }


def size(found: Campaign, now: datetime) -> dict[str, Any] | None:
    """How many the audience and its exclusions have, while a draft lacks the rest."""
    if found.audience_id is None or found.audience_id not in audience.known([found.audience_id]):
        return None
    whole = plan.audience_size(found, now)
    return {
        "rows": fall(Waterfall(sum(whole), {"excluded": whole[1]}, {1: whole[0]}), "email", 0),
        "left": formats.number(whole[0]),
    }


def counters(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What became of a campaign's members: name, count, and where its part of the bar stands."""
    planned_, at, rows = found["planned"], 0.0, []
    for name, text in campaign_words.COUNTERS.items():
        width = _percent(found[name], planned_)
        rows.append(
            {
                "code": name,
                "name": formats.begun(gettext(text)),
                "count": formats.number(found[name]),
                "colour": campaign_words.COLOURS[name],
                "x": at,
                "width": width,
                "share": formats.percent(width / 100, 1) if planned_ else "",
            }
        )
        at += width
    return rows


def reasons(found: Mapping[str, int], say_why) -> Sequence[tuple[str, str, str]]:
    """Why some were not sent: code, words, count; the most first."""
    ordered = sorted(found.items(), key=lambda item: -item[1])
    return [(code, formats.begun(say_why(code)), formats.number(n)) for code, n in ordered]
