"""What members have had already, and whether they may have anything at all."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from crm.coupons.models import CouponTemplate
from crm.db import db


class Wanted(NamedTuple):
    """A member, and what he shall have a coupon for: one per template and occasion, for ever."""

    member_id: UUID
    occasion: str | None = None


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


def active(wanted: Sequence[Wanted]) -> set[UUID]:
    """Which of these members are active; a merge of them waits."""
    members = list({one.member_id for one in wanted})
    return set(db.session.scalars(ACTIVE, {"members": members}))


def earlier(template_id: UUID, wanted: Sequence[Wanted]) -> Mapping[Wanted, str]:
    """The codes that were given for these occasions before."""
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


def had(template: CouponTemplate, wanted: Sequence[Wanted]) -> Counter[UUID]:
    """How many each has or used, void ones left out; nothing where no limit asks."""
    if template.per_member_limit is None:
        return Counter()
    members = list({one.member_id for one in wanted})
    rows = db.session.execute(HAD, {"template": template.id, "members": members})
    return Counter({row.id: row.times for row in rows})


def times_had(template: CouponTemplate, member_id: UUID) -> int:
    """How many coupons of the template the member has or used, void ones left out."""
    return had(template, [Wanted(member_id)])[member_id]
