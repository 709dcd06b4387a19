"""Coupons are given to members: each occasion once, and never more than there may be.

The template's row is locked before anything is looked at, so that stock, budget, pool and limits
per member hold for any number of processes. What was given for an occasion is given for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from crm.coupons import handing, history, templates, worth
from crm.coupons.errors import (
    BudgetExhausted,
    CouponExpired,
    MemberLimitReached,
    PoolEmpty,
    StockEmpty,
    TemplateEnded,
)
from crm.coupons.history import Wanted
from crm.coupons.models import Coupon, CouponTemplate
from crm.db import db
from crm.errors import Refused
from crm.members.errors import MemberNotFound


@dataclass(frozen=True, slots=True)
class Given:
    """A code that a member has; `new` unless he got it for this occasion before."""

    code: str
    new: bool


def issue(
    template_id: UUID,
    member_id: UUID,
    *,
    occasion: str | None,
    now: datetime,
    source: tuple[str, str],
    bought_with_points: bool = False,
) -> Coupon:
    """Give a member a coupon; the same occasion again gives the same coupon.

    Raises `TemplateNotFound`, `MemberNotFound`, `TemplateEnded`, `CouponExpired` (its window is
    over), `MemberLimitReached`, `StockEmpty`, `BudgetExhausted`, `PoolEmpty`; `Contended` when the
    last codes of the pool are in the hands of transactions that may yet give them back.
    """
    return issue_one(
        template_id,
        member_id,
        occasion=occasion,
        now=now,
        source=source,
        bought_with_points=bought_with_points,
    )[0]


def issue_one(
    template_id: UUID,
    member_id: UUID,
    *,
    occasion: str | None,
    now: datetime,
    source: tuple[str, str],
    bought_with_points: bool = False,
) -> tuple[Coupon, bool]:
    """As `issue`; and whether the coupon is new."""
    found = issue_many(
        template_id,
        [Wanted(member_id, occasion)],
        now=now,
        source=source,
        bought_with_points=bought_with_points,
    )[0]
    if isinstance(found, Refused):
        raise found
    coupon = db.session.get(Coupon, found.code, populate_existing=True)
    assert coupon is not None
    return coupon, found.new


def issue_many(
    template_id: UUID,
    wanted: Sequence[Wanted],
    *,
    now: datetime,
    source: tuple[str, str],
    bought_with_points: bool = False,
) -> list[Given | Refused]:
    """Give coupons to many members at once, first come first served; outcomes in their order.

    A handful of statements for any number; thousands at a time are meant. Raises
    `TemplateNotFound`; what `issue` refuses otherwise is an outcome.
    """
    active = history.active(wanted)
    template = templates.lock([template_id])[template_id]
    earlier = history.earlier(template_id, wanted)
    outcomes: list[Given | Refused | None] = []
    chosen: dict[Wanted, int] = {}
    had = history.had(template, wanted)
    for place, one in enumerate(wanted):
        known = earlier.get(one) if one.occasion is not None else None
        if known is not None:
            outcomes.append(Given(known, new=False))
        elif one.member_id not in active:
            outcomes.append(MemberNotFound(pointer="/member"))
        elif one.occasion is not None and one in chosen:
            outcomes.append(None)  # twice in one list: settled with the first
        else:
            refused = _refusal(template, had[one.member_id], len(chosen), now)
            outcomes.append(refused)
            if refused is None:
                chosen[one if one.occasion is not None else _nth(one, place)] = place
                had[one.member_id] += 1
    codes = handing.hand_out(template, [wanted[place] for place in chosen.values()], now, source,
                   bought=bought_with_points)  # fmt: skip
    given: dict[Wanted, Given | Refused] = {}
    for (key, place), code in zip(chosen.items(), codes, strict=True):
        outcomes[place] = given[key] = Given(code, new=True) if code else PoolEmpty()
    return [
        _again(given[one]) if outcome is None else outcome
        for one, outcome in zip(wanted, outcomes, strict=True)
    ]


def _nth(one: Wanted, place: int) -> Wanted:
    """A key for a wish without occasion, which is never the same as another."""
    return Wanted(one.member_id, f"\0{place}")


def _again(first: Given | Refused) -> Given | Refused:
    return Given(first.code, new=False) if isinstance(first, Given) else first


def _refusal(template: CouponTemplate, had: int, before: int, now: datetime) -> Refused | None:
    """Why one more coupon can't be given after `before` others of this call, or None."""
    if template.ended_at is not None and template.ended_at <= now:
        return TemplateEnded()
    if template.valid_until is not None and template.valid_until <= now:
        return CouponExpired(expired_at=template.valid_until.isoformat())
    if template.per_member_limit is not None and had >= template.per_member_limit:
        return MemberLimitReached(limit=template.per_member_limit)
    if template.stock is not None and template.issued + before >= template.stock:
        return StockEmpty(stock=template.stock)
    if not affordable(template, worth.most(template), before):
        return BudgetExhausted(budget=template.budget)
    return None


def affordable(template: CouponTemplate, cost: int | None, before: int = 0) -> bool:
    """Whether the budget has room for one more coupon of this greatest cost.

    Where nothing bounds the cost (None) anything that is left will do; the use is checked again.
    """
    if template.budget is None:
        return True
    left = template.budget - template.value_used - template.committed - before * (cost or 0)
    return left > 0 if cost is None else left >= cost
