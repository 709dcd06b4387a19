"""Rewards at a member's side: what he can have, what he took; redeemed, handed over, cancelled."""

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.console import formats, mistakes, person, reward_words
from crm.console.blueprint import blp
from crm.console.member_ledger import zone_of
from crm.console.words import say
from crm.db import transaction
from crm.errors import N_, NN_, Refused
from crm.http import problems
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.ids import uuid7
from crm.members.models import Member
from crm.points import balances
from crm.points.rewards import catalogue, documents, offers, redeeming, trail
from crm.points.rewards.errors import RewardRedemptionNotFound
from crm.points.rewards.models import RewardRedemption
from crm.points.rewards.offers import Offer
from crm.points.rewards.schemas import CancelRewardIn

MOST_OFFERED, LAST, ON_MEMBER_PAGE = 200, 50, 5
DONE = {
    "redeemed": NN_(
        "Redeemed: “{name}” for {points} point.",
        "Redeemed: “{name}” for {points} points.",
        "points",
    ),
    "handed_over": N_("Handed over: “{name}”."),
    "cancelled": NN_(
        "Cancelled: “{name}”. {points} point was given back.",
        "Cancelled: “{name}”. {points} points were given back.",
        "points",
    ),
}
Answer = str | Response | tuple[str, int]
Act = Callable[[datetime], RewardRedemption]


def of_member(member_id: UUID, now: datetime, zone: tzinfo) -> list[dict[str, Any]] | None:
    """What the member page shows of his redemptions; None for who may not see them."""
    if not principal().may("rewards:read"):
        return None
    found = documents.of_member(member_id, ON_MEMBER_PAGE, None)["data"]
    return [reward_words.redemption(one, now, zone) for one in found]


@blp.get("/members/<uuid:member_id>/rewards")
@needs("rewards:read")
def member_rewards(member_id: UUID) -> str:
    """The catalogue as this member may have it, and what he took."""
    return _page(person.load(member_id), said=_done(member_id))


@blp.post("/members/<uuid:member_id>/rewards/<uuid:reward_id>")
@needs("rewards:write")
def take_reward(member_id: UUID, reward_id: UUID) -> Answer:
    """Redeem; the same form sent twice redeems once."""
    found, by = person.load(member_id), principal().name
    try:
        made_id = UUID(request.form.get("id", ""))
    except ValueError:
        made_id = uuid7()

    def act(now: datetime) -> RewardRedemption:
        return redeeming.redeem(reward_id, member_id, by=by, now=now, id=made_id)

    return _act(found, act, "redeemed")


@blp.post("/members/<uuid:member_id>/reward-redemptions/<uuid:redemption_id>/cancel")
@needs("rewards:write")
def cancel_reward(member_id: UUID, redemption_id: UUID) -> Answer:
    """Give the points back and take the reward back."""
    found, by = person.load(member_id), principal().name
    _require(member_id, redemption_id)
    typed = request.form.get("reason", "").strip()
    try:
        reason = mistakes.load(CancelRewardIn(), {"reason": typed} if typed else {})["reason"]
    except Refused as refused:
        return _page(found, wrong=_told(refused)), refused.status

    def act(now: datetime) -> RewardRedemption:
        return redeeming.cancel(redemption_id, by=by, now=now, reason=reason)

    return _act(found, act, "cancelled")


@blp.post("/members/<uuid:member_id>/reward-redemptions/<uuid:redemption_id>/hand-over")
@needs("rewards:write")
def hand_over_reward(member_id: UUID, redemption_id: UUID) -> Answer:
    """Note that he has got it."""
    found, by = person.load(member_id), principal().name
    _require(member_id, redemption_id)

    def act(now: datetime) -> RewardRedemption:
        return redeeming.hand_over(redemption_id, by=by, now=now)

    return _act(found, act, "handed_over")


def _act(found: Member, act: Act, what: str) -> Answer:
    now = clock.now()
    try:
        with transaction():
            made = act(now)
            if now in (made.redeemed_at, made.handed_over_at, made.cancelled_at):
                trail.note(what, made, now=now)
            done: dict[str, Any] = {what: made.id}
    except Refused as refused:
        return _page(found, wrong=_told(refused)), refused.status
    return redirect(url_for("console.member_rewards", member_id=found.id, **done), 303)


def _require(member_id: UUID, redemption_id: UUID) -> None:
    """Raise `RewardRedemptionNotFound` unless this member has it."""
    if redeeming.holder_of(redeeming.find(redemption_id).member_id) != member_id:
        raise RewardRedemptionNotFound()


def _told(refused: Refused) -> str:
    document = problems.document(refused)
    return " ".join(error["detail"] for error in document.get("errors") or [document])


def _done(member_id: UUID) -> str:
    """What the address says has just been done, in words."""
    for what, text in DONE.items():
        try:
            one = documents.redemption(redeeming.find(UUID(request.args.get(what, ""))).id)
        except (ValueError, RewardRedemptionNotFound):
            continue
        if one["member_id"] == member_id and one["state"] == what:
            name = reward_words.name(one["name"])
            return say(text, name=name, points=formats.number(one["points"]))
    return ""


def _page(found: Member, *, said: str = "", wrong: str = "") -> str:
    now = clock.now()
    zone = zone_of(found.id, now)
    offered = offers.of_member(found.id, catalogue.listed(MOST_OFFERED, open_at=now), now)
    taken = documents.of_member(found.id, LAST, None)["data"]
    return render_template(
        "member_rewards.html",
        member=person.shown(found),
        available=balances.balance(found.id, now, now=now)["available"],
        offers=[_offer(one, now, zone) for one in offered],
        taken=[reward_words.redemption(one, now, zone) for one in taken],
        said=said,
        wrong=wrong,
    )


def _offer(one: Offer, now: datetime, zone: tzinfo) -> dict[str, Any]:
    row = reward_words.row(documents.reward(one.reward, now), now, zone)
    why = [problems.say(reason.detail, reason.facts) for reason in one.reasons]
    return row | {"form": uuid7(), "points": formats.number(one.points), "why": why}
