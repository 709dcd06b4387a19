"""A campaign's report: figures per arm, what it brought beyond doing nothing, and how sure that is.

Intention to treat: members count in the arm that they were assigned to, whether a message reached
them or not, so that arms and holdout stay alike but for the campaign.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import text

from crm.campaigns import documents, drafts, making
from crm.campaigns.models import HELD_OUT, Campaign, CampaignArm
from crm.campaigns.results import comparisons, effects, funnel, power, profit, standing, words
from crm.campaigns.results.effects import Adjusted, Effect
from crm.campaigns.results.funnel import Sent
from crm.campaigns.results.moments import Moments
from crm.campaigns.results.profit import Span
from crm.campaigns.results.standing import Standing, Status, Window
from crm.campaigns.results.terms import Terms
from crm.db import db
from crm.messages import sources

METHOD = "ancova_welch"
DAY = timedelta(days=1)

DUES = text("SELECT min(due_at) AS first, max(due_at) AS last FROM campaign_member "
            "WHERE campaign_id = :id")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Group:
    """One arm or the holdout (0): its sums from the database, its messages, its own costs."""

    no: int
    sums: Any | None
    sent: Sent
    gifts: int

    @property
    def members(self) -> int:
        """Those whose time has come."""
        return self.sums.n if self.sums else 0

    def figure(self, name: str) -> float:
        """One of the sums; 0 while there are none."""
        return float(getattr(self.sums, name)) if self.sums else 0.0

    @property
    def costs(self) -> float:
        """What was given to the arm beside what its orders bring: messages and points."""
        return self.sent.price + self.gifts

    @property
    def profit(self) -> float:
        """Profit of all its members together."""
        return self.figure("y") - self.costs


def of(campaign_id: UUID, terms: Terms, *, now: datetime) -> dict[str, Any]:
    """The report as of now. Raises `CampaignNotFound`."""
    found = drafts.get(campaign_id)
    arms = drafts.arms_of(campaign_id)
    window, span = _window(found, now)
    sums = profit.by_arm(campaign_id, span, terms, now=now) if span else {}
    groups = _groups(campaign_id, arms, sums, terms)
    moments = _moments(groups)
    adjusted = effects.adjusted(moments)
    return {
        "campaign": {"id": found.id, "name": found.name, "state": found.state},
        "as_of": now,
        "window": _window_document(found, window, span),
        "counters": documents.counters(found, sources.figures(making.source(campaign_id))),
        "currency": terms.currency,
        "arms": _arms(arms, groups, moments, adjusted, window),
        "holdout": _group_document(groups[0]),
        "total": _total(groups, moments, adjusted, window),
        "winner": _winner(groups, adjusted, window),
        "method": _method(adjusted, terms),
    }


def _window(found: Campaign, now: datetime) -> tuple[Window, Span | None]:
    dues = db.session.execute(DUES, {"id": found.id}).one()
    days = found.attribution_days
    if dues.first is None or dues.first > now:
        return Window(None, days), None
    last = max(dues.last, found.next_freeze_at or dues.last)
    window = Window((now - dues.first) / DAY, (last + days * DAY - now) / DAY)
    return window, Span(dues.first, min(last + days * DAY, now), days)


def _groups(
    campaign_id: UUID, arms: Sequence[CampaignArm], sums: Mapping[int, Any], terms: Terms
) -> list[Group]:
    """The holdout first, then the arms."""
    sent = funnel.by_arm(campaign_id, arms)
    groups = [Group(HELD_OUT, sums.get(HELD_OUT), Sent(), 0)]
    for arm in arms:
        mine = sent.get(arm.no, Sent())
        gifts = round(mine.given * arm.points * terms.point)
        groups.append(Group(arm.no, sums.get(arm.no), mine, gifts))
    return groups


def _moments(groups: Sequence[Group]) -> Moments:
    names = ("n", "buyers", "x", "y", "xx", "xy", "yy")
    plain = Moments.of_sums(*(np.array([one.figure(name) for one in groups]) for name in names))
    return plain.less([one.costs / max(one.members, 1) for one in groups])


def _share_of_buyers(groups: Sequence[Group]) -> float:
    members = sum(one.members for one in groups)
    return sum(one.figure("buyers") for one in groups) / max(members, 1)


def _arms(
    arms: Sequence[CampaignArm],
    groups: Sequence[Group],
    moments: Moments,
    adjusted: Adjusted,
    window: Window,
) -> list[dict[str, Any]]:
    if not arms:
        return []
    share, holdout = _share_of_buyers(groups), groups[0].members
    each = [effects.between(adjusted, at, 0) for at in range(1, len(groups))]
    ps = comparisons.holm([float(one.p) for one in each])
    found = []
    for arm, group, effect, p in zip(arms, groups[1:], each, ps, strict=True):
        stands = standing.lacking(window, holdout, group.members, share)
        stands = stands or standing.said(effect, p, comparisons.ALPHA)
        found.append(
            {"no": arm.no, "template": arm.template_id, "coupon_template": arm.coupon_template_id}
            | _group_document(group)
            | _sent_document(group)
            | _said(effect, group.members, stands, p)
        )
    return found


def _total(
    groups: Sequence[Group], moments: Moments, adjusted: Adjusted, window: Window
) -> dict[str, Any]:
    members = sum(one.members for one in groups[1:])
    stands = standing.lacking(window, groups[0].members, members, _share_of_buyers(groups))
    if stands is not None or not members:
        stands = stands or Standing(Status.NOT_ENOUGH, standing.Lack.TOO_FEW_MEMBERS)
        return {"members": members} | _unsaid(stands)
    effect = effects.in_total(moments, adjusted)
    stands = standing.said(effect, float(effect.p), comparisons.ALPHA)
    variance = float(adjusted.spread.max())
    return (
        {"members": members}
        | _said(effect.times(1 / members), members, stands, float(effect.p))
        | {"detectable": power.detectable(members, groups[0].members, variance)}
    )


def _winner(groups: Sequence[Group], adjusted: Adjusted, window: Window) -> dict[str, Any]:
    """Which arm is best. Arms are compared with each other, so no holdout is needed."""
    arms = len(groups) - 1
    if arms < 2:
        return {"status": "one_arm", "arm": None, "pairs": []}
    fewest = min(one.members for one in groups[1:])
    lack = standing.lacking(window, fewest, fewest, _share_of_buyers(groups))
    if lack is not None:
        return {"status": lack.status, "arm": None, "pairs": []}
    compared = comparisons.pairs(adjusted)
    best = comparisons.winner(compared, arms)
    return {
        "status": "winner" if best else "no_difference",
        "arm": groups[best].no if best else None,
        "pairs": [
            {"first": groups[one.first].no, "second": groups[one.second].no,
             "per_member": _interval(one.effect), "p": one.p}
            for one in compared
        ],
    }  # fmt: skip


def _group_document(group: Group) -> dict[str, Any]:
    profit_ = group.profit
    return {
        "members": group.members,
        "buyers": round(group.figure("buyers")),
        "orders": round(group.figure("orders")),
        "sales": round(group.figure("sales")),
        "refunds": round(group.figure("refunds")),
        "discounts": round(group.figure("discount")),
        "points_cost": round(group.figure("points")) + group.gifts,
        "message_cost": round(group.sent.price),
        "goods_lost": round(group.figure("lost")),
        "profit": round(profit_),
        "profit_per_member": profit_ / max(group.members, 1),
    }


def _sent_document(group: Group) -> dict[str, int]:
    names = ("planned", "pending", "sent", "delivered", "failed", "suppressed", "cancelled",
             "opened", "clicked", "redeemed", "opted_out", "complained")  # fmt: skip
    return {name: getattr(group.sent, name) for name in names}


def _said(effect: Effect, members: int, stands: Standing, p: float) -> dict[str, Any]:
    if stands.status == Status.NOT_ENOUGH:
        return _unsaid(stands)
    return _unsaid(stands) | {
        "per_member": _interval(effect),
        "incremental": _interval(effect.times(members)),
        "p": p,
    }


def _unsaid(stands: Standing) -> dict[str, Any]:
    return {
        "status": stands.status,
        "lack": stands.lack,
        "more_days": stands.more_days,
        "times_as_many": stands.times,
        "text": words.said(stands),
        "per_member": None,
        "incremental": None,
        "p": None,
        "detectable": None,
    }


def _interval(effect: Effect) -> dict[str, float]:
    low, estimate, high = (float(one) for one in (effect.low, effect.estimate, effect.high))
    return {"low": low, "estimate": estimate, "high": high}


def _window_document(found: Campaign, window: Window, span: Span | None) -> dict[str, Any]:
    return {
        "days": found.attribution_days,
        "since": span.since if span else None,
        "until": span.until if span else None,
        "over": window.is_over,
    }


def _method(adjusted: Adjusted, terms: Terms) -> dict[str, Any]:
    return {
        "name": METHOD,
        "level": effects.LEVEL,
        "slope": float(adjusted.slope),
        "margin_percent": terms.margin_percent,
        "policy_version": terms.policy_version,
        "point_value": terms.point,
    }
