"""A refund took a tier back: what it has brought and nobody has used is void."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from crm.coupons import redemption, returning
from crm.coupons.benefits import promises
from crm.coupons.benefits.due import FELL_BACK
from crm.coupons.benefits.granting import SOURCE
from crm.db import as_rows, db
from crm.members.tiers.ladder import Ladder


class Fall(NamedTuple):
    """A member whom a refund took from one tier to another, by their codes, at an instant."""

    member_id: UUID
    from_tier: str
    to_tier: str
    at: datetime


# What tiers above the one that is left have brought since he rose above that.
BROUGHT = text("""
    SELECT f.to_tier, c.code, c.template_id, c.occasion
    FROM json_to_recordset(CAST(:falls AS json)) AS f (
        member_id uuid, to_tier text, at timestamptz, above text[])
    JOIN coupon c ON c.member_id = f.member_id AND c.source_type = :source
        AND c.source_id = ANY (f.above) AND c.state IN ('issued', 'reserved')
        AND c.occasion LIKE 'tier:%'
    WHERE c.issued_at >= (
        SELECT max(t.at) FROM tier_change t
        WHERE t.member_id = f.member_id AND t.at <= f.at AND t.to_tier = ANY (f.above)
          AND (t.from_tier IS NULL OR t.from_tier <> ALL (f.above)))
""")


def take_back(falls: Iterable[Fall], ladder: Ladder, *, now: datetime) -> int:
    """Void the unused coupons that lost tiers have brought, but for those that the tier that is
    left brings, too. Returns how many. The falls stand in the history already."""
    rows = [
        {
            "member_id": fall.member_id, "to_tier": fall.to_tier, "at": fall.at,
            "above": _above(fall.to_tier, ladder),
        }
        for fall in falls
        if ladder.rank(fall.to_tier) < ladder.rank(fall.from_tier)
    ]  # fmt: skip
    if not rows:
        return 0
    kept: Mapping[str, promises.Benefits] = {
        row["to_tier"]: promises.of(ladder.tier(row["to_tier"])) for row in rows
    }
    found = db.session.execute(BROUGHT, {"falls": as_rows(rows), "source": SOURCE})
    codes = [
        row.code for row in found if not kept[row.to_tier].keeps(row.template_id, row.occasion)
    ]
    if not codes:
        return 0
    coupons, _ = redemption.lock(codes)
    unused = [one.code for one in coupons.values() if one.state in ("issued", "reserved")]
    for code in unused:
        returning.void(code, reason=FELL_BACK, now=now)
    return len(unused)


def _above(code: str, ladder: Ladder) -> list[str]:
    """Every code, of now or before, that stands higher than this one."""
    rank = ladder.rank(code)
    return [one for one in (*ladder.ranks, *ladder.vanished) if ladder.rank(one) > rank]
