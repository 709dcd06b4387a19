"""Giving: points, a coupon and a message for one occasion, all of it or nothing, set-based.

Journeys and campaigns give through this alone. Everything hangs on the occasion, words that are
unique for life (`birthday:<journey>:<member>:<year>`, `campaign:<id>:<member>`): points by their
source, coupons by their occasion, messages by theirs. So what is given again is given once.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from crm.campaigns import telling
from crm.campaigns.gifts import Given, Wanted
from crm.campaigns.telling import Telling
from crm.coupons import issuing
from crm.coupons.errors import TemplateNotFound
from crm.coupons.issuing import Given as Coupon
from crm.errors import Refused
from crm.members.identity import MemberRef
from crm.messages.planning import Source
from crm.points import awards
from crm.points.accounts import lock_accounts

MEMBER_GONE = "member_not_found"


def give(
    wanted: Sequence[Wanted],
    *,
    source: Source,
    activity: str,
    template_id: UUID | None,
    now: datetime,
    version: int | None = None,
    priority: int = 0,
    reason: str | None = None,
    fallback_template_id: UUID | None = None,
) -> list[Given]:
    """Give all of these, in the caller's transaction; outcomes in their order.

    A handful of statements for any number; a thousand at a time are meant. Who can't have his
    coupon gets nothing, and is told nothing. `source` stands on coupons and messages, `activity`
    and `reason` on the points. `template_id` None: nobody is told. `fallback_template_id` tells
    those whom `template_id` turns out not to reach. Raises `TemplateNotFound` of messages, and
    `Contended` as `issuing.issue` does.
    """
    if any(one.points for one in wanted):
        # Accounts before coupon templates: the order in which everybody locks them.
        lock_accounts([one.member_id for one in wanted if one.points])
    coupons = _coupons(wanted, source, now)
    refused = {place: found.code for place, found in coupons.items() if isinstance(found, Refused)}
    left = [place for place in range(len(wanted)) if place not in refused]
    refused |= _award(wanted, left, activity, source, reason, now)
    left = [place for place in left if place not in refused]
    if template_id is not None and left:
        by = Telling(template_id, version, fallback_template_id)
        told = [(wanted[place], _code(coupons.get(place))) for place in left]
        telling.tell(told, by, source=source, priority=priority, now=now)
    return [
        Given(refused=refused[place])
        if place in refused
        else Given(one.points, _code(coupons.get(place)), template_id is not None)
        for place, one in enumerate(wanted)
    ]


def _code(found: Coupon | Refused | None) -> str | None:
    return found.code if isinstance(found, Coupon) else None


def _coupons(
    wanted: Sequence[Wanted], source: Source, now: datetime
) -> dict[int, Coupon | Refused]:
    """The coupon of each who shall have one, by place; templates ascending, as everybody locks."""
    groups: dict[tuple[UUID, tuple[str, str]], list[int]] = defaultdict(list)
    for place, one in enumerate(wanted):
        if one.coupon is not None:
            by = one.coupon_source or (source.type, source.id)
            groups[one.coupon, by].append(place)
    found: dict[int, Coupon | Refused] = {}
    for (template, by), places in sorted(groups.items(), key=lambda item: item[0]):
        asked = [
            issuing.Wanted(wanted[place].member_id,
                           wanted[place].coupon_occasion or wanted[place].occasion)
            for place in places
        ]  # fmt: skip
        try:
            given = issuing.issue_many(template, asked, now=now, source=by)
        except TemplateNotFound as missing:
            given = [missing] * len(places)
        found |= dict(zip(places, given, strict=True))
    return found


def _award(
    wanted: Sequence[Wanted],
    places: Sequence[int],
    activity: str,
    source: Source,
    reason: str | None,
    now: datetime,
) -> dict[int, str]:
    """Give the points; who is no member any more, by place."""
    places = [place for place in places if wanted[place].points]
    if not places:
        return {}
    rows = [
        awards.award(
            MemberRef("id", str(wanted[place].member_id)), wanted[place].points,
            activity=activity, source_key=wanted[place].occasion,
            actor=f"{source.type}:{source.id}", reason=reason,
        )
        for place in places
    ]  # fmt: skip
    outcomes = awards.give_many(rows, now=now)
    return {
        place: MEMBER_GONE
        for place, outcome in zip(places, outcomes, strict=True)
        if outcome.status >= 400
    }
