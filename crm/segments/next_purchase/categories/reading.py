"""What members have bought in each category up to an instant, and their chances by a night's model.

Read by the orders themselves, not as of last night: a purchase shows at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.segments.next_purchase.categories import chances

DIGITS = 3
SMALL = "small_category"

BOUGHT = text("""
    SELECT l.member_id, l.category, min(l.local_day) AS first_day, max(l.local_day) AS last_day,
           CAST(count(DISTINCT l.local_day) AS integer) AS days, CAST(sum(l.net) AS bigint) AS net
    FROM purchased_line l
    WHERE l.member_id = ANY (:members) AND l.category <> '' AND l.paid_at <= :now
    GROUP BY l.member_id, l.category ORDER BY l.member_id, l.category
""")

ANYTHING = text("""
    SELECT o.member_id, '' AS category, min(o.local_day) AS first_day, max(o.local_day) AS last_day,
           CAST(count(DISTINCT o.local_day) AS integer) AS days, CAST(sum(o.net) AS bigint) AS net
    FROM orders o
    WHERE o.member_id = ANY (:members) AND o.counted AND o.paid_at <= :now
    GROUP BY o.member_id ORDER BY o.member_id
""")


@dataclass(frozen=True, slots=True)
class Bought:
    """A member's purchases in a category (empty: of any kind): on so many days, for so much (minor
    units).
    """

    member_id: UUID
    category: str
    first_day: date
    last_day: date
    days: int
    net: int

    def features(self, today: date) -> dict[str, float]:
        """As of `today`, by name."""
        return {
            "recency": max((today - self.last_day).days, 0),
            "frequency": self.days,
            "monetary": self.net,
            "tenure": max((today - self.first_day).days, 0),
            "gap": (self.last_day - self.first_day).days / max(self.days - 1, 1),
        }


@dataclass(frozen=True, slots=True)
class Said:
    """The chance to buy within `days`, or the code of a reason why it is not told."""

    days: int
    chance: float | None
    reason: str | None


def bought(member_ids: Sequence[UUID], *, now: datetime) -> list[Bought]:
    """What these members kept, by member and category: one statement for any number."""
    rows = db.session.execute(BOUGHT, {"members": list(member_ids), "now": now})
    return [Bought(*row) for row in rows]


def bought_anything(member_ids: Sequence[UUID], *, now: datetime) -> list[Bought]:
    """Their purchases of any kind, by member."""
    rows = db.session.execute(ANYTHING, {"members": list(member_ids), "now": now})
    return [Bought(*row) for row in rows]


def said(
    model: Mapping[str, Any],
    one: Bought,
    everything: Mapping[str, float],
    stores: Mapping[int, float | None],
    today: date,
) -> list[Said]:
    """The chances that a member buys in a category, one per horizon of a night's `model`.

    `everything`: recency and frequency of his purchases of any kind. `stores`: his chances to buy
    anything, by days.
    """
    known = one.features(today) | {
        "all_recency": everything["recency"],
        "all_frequency": everything["frequency"],
    }
    return [_said(model, each, one.category, known, stores) for each in model["horizons"]]


def _said(
    model: Mapping[str, Any],
    horizon: Mapping[str, Any],
    category: str,
    known: Mapping[str, float],
    stores: Mapping[int, float | None],
) -> Said:
    days = horizon["days"]
    reason = silent(horizon, category)
    if reason is not None:
        return Said(days, None, reason)
    found = chances.chance(horizon, model.get("tables"), category, known, stores[days])
    return Said(days, None, SMALL) if found is None else Said(days, round(found, DIGITS), None)


def silent(horizon: Mapping[str, Any], category: str) -> str | None:
    """Why a model says nothing of a category; None: it does."""
    if horizon["reason"] is not None:
        return horizon["reason"]
    for row in horizon["categories"]:
        if row["category"] == category:
            return row["reason"]
    return SMALL
