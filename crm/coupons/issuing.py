"""Coupons are given to members: each occasion once, and never more than there may be.

The template's row is locked before anything is looked at, so that stock, budget, pool and limits
per member hold for any number of processes. What was given for an occasion is given for ever.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from crm.coupons import alphabet, templates, worth
from crm.coupons.errors import (
    BudgetExhausted,
    CouponExpired,
    MemberLimitReached,
    PoolEmpty,
    StockEmpty,
    TemplateEnded,
)
from crm.coupons.models import Coupon, CouponTemplate
from crm.db import as_rows, db
from crm.errors import Refused
from crm.http.problems import Contended
from crm.members.errors import MemberNotFound


class Wanted(NamedTuple):
    """A member, and what he shall have a coupon for: one per template and occasion, for ever."""

    member_id: UUID
    occasion: str | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """A code that a member has; `new` unless he got it for this occasion before."""

    code: str
    new: bool


EARLIER = text("""
    SELECT c.member_id, c.occasion, c.code FROM coupon c
    JOIN unnest(CAST(:members AS uuid[]), CAST(:occasions AS text[])) AS w (member_id, occasion)
        ON c.member_id = w.member_id AND c.occasion = w.occasion
    WHERE c.template_id = :template
""")
HAD = text("""
    SELECT m.id, count(*) AS times
    FROM unnest(CAST(:members AS uuid[])) AS m (id)
    JOIN coupon c ON c.template_id = :template AND c.state <> 'void'
        AND (c.member_id = m.id OR c.used_member = m.id)
    GROUP BY m.id
""")
# A merge waits for who is given a coupon, or this for the merge.
ACTIVE = text("""
    SELECT id FROM member WHERE id = ANY (:members) AND status = 'active'
    ORDER BY id FOR KEY SHARE
""")
FREE = """
    SELECT code FROM coupon
    WHERE template_id = :template AND member_id IS NULL
      AND (state = 'issued' OR (state = 'reserved' AND reserved_until <= :now))
    ORDER BY code LIMIT :count
"""
TAKE = text(FREE + " FOR UPDATE SKIP LOCKED")
COUNT_FREE = text(f"SELECT count(*) FROM ({FREE}) free")  # noqa: S608  # a constant of this module

_given = """
    SELECT g.code, g.member_id, g.occasion,
           CASE WHEN CAST(:days AS integer) IS NULL THEN CAST(:until AS timestamptz)
                ELSE coupon_expiry(:now, :days, coalesce(m.timezone, s.timezone, z.zone))
           END AS expires_at
    FROM json_to_recordset(CAST(:rows AS json)) AS g (code text, member_id uuid, occasion text)
    CROSS JOIN (SELECT shop_timezone(:now) AS zone) z
    JOIN member m ON m.id = g.member_id
    LEFT JOIN store s ON s.code = m.home_store
"""
NEW = text(f"""
    INSERT INTO coupon (code, template_id, member_id, occasion, source_type, source_id,
                        bought_with_points, created_at, issued_at, expires_at, committed)
    SELECT code, :template, member_id, occasion, :source_type, :source_id, :bought, :now, :now,
           expires_at, :committed
    FROM ({_given}) n ON CONFLICT (code) DO NOTHING RETURNING code
""")  # noqa: S608  # as above
ASSIGN = text(f"""
    UPDATE coupon c
    SET member_id = n.member_id, occasion = n.occasion, source_type = :source_type,
        source_id = :source_id, bought_with_points = :bought, issued_at = :now,
        expires_at = n.expires_at, committed = :committed, state = 'issued', reserved_for = NULL,
        reserved_until = NULL
    FROM ({_given}) n WHERE c.code = n.code RETURNING c.code
""")  # noqa: S608  # as above


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
    active = _active(wanted)
    template = templates.lock([template_id])[template_id]
    earlier = _earlier(template_id, wanted)
    outcomes: list[Given | Refused | None] = []
    chosen: dict[Wanted, int] = {}
    had = _had(template, wanted)
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
    codes = _write(template, [wanted[place] for place in chosen.values()], now, source,
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


def _active(wanted: Sequence[Wanted]) -> set[UUID]:
    members = list({one.member_id for one in wanted})
    return set(db.session.scalars(ACTIVE, {"members": members}))


def _earlier(template_id: UUID, wanted: Sequence[Wanted]) -> Mapping[Wanted, str]:
    named = [one for one in wanted if one.occasion is not None]
    if not named:
        return {}
    values = {
        "template": template_id,
        "members": [one.member_id for one in named],
        "occasions": [one.occasion for one in named],
    }
    rows = db.session.execute(EARLIER, values)
    return {Wanted(row.member_id, row.occasion): row.code for row in rows}


def _had(template: CouponTemplate, wanted: Sequence[Wanted]) -> Counter[UUID]:
    if template.per_member_limit is None:
        return Counter()
    members = list({one.member_id for one in wanted})
    rows = db.session.execute(HAD, {"template": template.id, "members": members})
    return Counter({row.id: row.times for row in rows})


def times_had(template: CouponTemplate, member_id: UUID) -> int:
    """How many coupons of the template the member has or used, void ones left out."""
    return _had(template, [Wanted(member_id)])[member_id]


def _write(
    template: CouponTemplate,
    wanted: Sequence[Wanted],
    now: datetime,
    source: tuple[str, str],
    *,
    bought: bool,
) -> list[str | None]:
    """Write what was decided; a code for each wish, None where the pool has no more."""
    if not wanted:
        return []
    codes = _take(template, len(wanted), now) if template.has_pool else None
    cost = worth.most(template) or 0
    values = {
        "template": template.id, "now": now, "until": template.valid_until,
        "days": template.valid_days, "source_type": source[0], "source_id": source[1],
        "bought": bought, "committed": cost,
    }  # fmt: skip
    if codes is not None:
        _run(ASSIGN, wanted, codes, values)
        template.pool -= len(codes)
    else:
        codes = alphabet.draw(len(wanted))
        if len(_run(NEW, wanted, codes, values)) < len(codes):
            raise Contended(retry_after=1)  # a code was drawn before: once in a million years
    template.issued += len(codes)
    template.committed += len(codes) * cost
    db.session.flush()
    return [*codes, *[None] * (len(wanted) - len(codes))]


def _run(statement, wanted: Sequence[Wanted], codes: Sequence[str], values: dict) -> set[str]:
    rows = [
        {"code": code, "member_id": one.member_id, "occasion": one.occasion}
        for one, code in zip(wanted, codes, strict=False)
    ]
    if not rows:
        return set()
    return set(db.session.scalars(statement, values | {"rows": as_rows(rows)}))


def _take(template: CouponTemplate, count: int, now: datetime) -> list[str]:
    """Codes of the pool, locked; fewer when it has no more."""
    values = {"template": template.id, "now": now, "count": count}
    codes = list(db.session.scalars(TAKE, values))
    if len(codes) < count and db.session.scalar(COUNT_FREE, values) > len(codes):
        raise Contended(retry_after=1)  # somebody is using a code that would be left
    return codes
