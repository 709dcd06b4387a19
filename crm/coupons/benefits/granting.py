"""Coupons of tiers are given: each once per period, by any number of workers."""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from crm.coupons import issuing
from crm.coupons.benefits import due, promises
from crm.coupons.benefits.promises import Promise
from crm.coupons.errors import (
    BudgetExhausted,
    CouponExpired,
    PoolEmpty,
    StockEmpty,
    TemplateEnded,
    TemplateNotFound,
)
from crm.coupons.issuing import Given, Wanted
from crm.db import db
from crm.errors import Refused
from crm.members.tiers import ladders

logger = logging.getLogger(__name__)

SOURCE = "tier"
# Who looks at what was given must see what another worker is giving: a birthday coupon may be of
# another template by then, so no key would catch the second.
ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('tiers.benefits', 0))")
NOBODY_GETS_MORE = (
    TemplateEnded, CouponExpired, StockEmpty, BudgetExhausted, PoolEmpty, TemplateNotFound,
)  # fmt: skip


class Granted(NamedTuple):
    """How many new coupons came of it, and whether the template has no more for anybody."""

    new: int
    exhausted: bool


def months_promises(slot: datetime) -> dict[UUID, list[Promise]]:
    """What the ladder in force at the slot promises for the month, by template, ascending."""
    return _by_template(promises.monthly(ladders.load().at(slot)))


def birthday_promises(slot: datetime) -> dict[UUID, list[Promise]]:
    """As `months_promises`, for birthdays."""
    return _by_template(promises.on_birthdays(ladders.load().at(slot)))


def _by_template(found: Iterable[Promise]) -> dict[UUID, list[Promise]]:
    by_template: dict[UUID, list[Promise]] = defaultdict(list)
    for one in found:
        by_template[one.template].append(one)
    return dict(sorted(by_template.items()))


def grant_month(
    members: Sequence[UUID],
    template: UUID,
    promised: Sequence[Promise],
    *,
    slot: datetime,
    now: datetime,
) -> Granted:
    """Give these members their coupons of one template for the local month of the slot.

    Again it gives nothing. What the template refuses is logged, and tried again the next day.
    """
    db.session.execute(ONE_AT_A_TIME)
    ladder = ladders.load().at(slot)
    rows = due.of_month(members, template, promised, ladder=ladder, slot=slot)
    return _give(template, rows, now)


def grant_birthdays(
    members: Sequence[UUID],
    template: UUID,
    promised: Sequence[Promise],
    *,
    slot: datetime,
    now: datetime,
) -> Granted:
    """Give those of these members whose birthday it is the coupon of their tier; once a year."""
    db.session.execute(ONE_AT_A_TIME)
    ladder = ladders.load().at(slot)
    rows = due.of_birthday(members, promised, ladder=ladder, slot=slot)
    return _give(template, rows, now)


def _give(template: UUID, rows: Iterable[Any], now: datetime) -> Granted:
    by_tier: dict[str, list[Wanted]] = defaultdict(list)
    for row in rows:
        by_tier[row.tier].append(Wanted(row.member_id, row.occasion))
    new, refused = 0, Counter[type[Refused]]()
    for tier, wanted in by_tier.items():
        try:
            found = issuing.issue_many(template, wanted, now=now, source=(SOURCE, tier))
        except TemplateNotFound as missing:
            found = [missing]
        new += sum(isinstance(one, Given) and one.new for one in found)
        refused.update(type(one) for one in found if isinstance(one, Refused))
    for kind, times in refused.items():
        logger.warning("coupons %s of tiers: %s refused, %s", template, times, kind.code)
    return Granted(new, any(kind in NOBODY_GETS_MORE for kind in refused))
