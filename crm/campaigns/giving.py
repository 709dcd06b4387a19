"""Giving: points, a coupon and a message for one occasion, all of it or nothing, set-based.

Journeys and campaigns give through this alone. Everything hangs on the occasion, words that are
unique for life (`birthday:<journey>:<member>:<year>`, `campaign:<id>:<member>`): points by their
source, coupons by their occasion, messages by theirs. So what is given again is given once.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.campaigns import coupon_values
from crm.coupons import issuing
from crm.coupons.errors import TemplateNotFound
from crm.coupons.issuing import Given as Coupon
from crm.db import db
from crm.errors import Refused
from crm.members.identity import MemberRef
from crm.messages import planning
from crm.messages.planning import Source
from crm.points import awards, rulebook
from crm.points.accounts import lock_accounts

MEMBER_GONE = "member_not_found"
EXPIRIES = text("SELECT code, expires_at FROM coupon WHERE code = ANY (:codes)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one member shall have for one occasion.

    `coupon` is a coupon template, `variables` what the message says beside the gift, which is added
    as `coupon.*` and `points.amount`. `coupon_occasion` and `coupon_source`: where the same coupon
    may have been given by another room already. `template_id`: he is told by this template, not
    by that of the others. Times as `planning.plan` has them.
    """

    member_id: UUID
    occasion: str
    points: int = 0
    coupon: UUID | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    due_at: datetime | None = None
    not_after: datetime | None = None
    coupon_occasion: str | None = None
    coupon_source: tuple[str, str] | None = None
    template_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What came of it. `refused`: the code of why nothing at all was given (`pool_empty`,
    `stock_empty`, `budget_exhausted`, `member_limit_reached`, `coupon_template_ended`, …)."""

    points: int = 0
    coupon: str | None = None
    told: bool = False
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Telling:
    """By which template, in which version (None: the newest), and by which one instead."""

    template: UUID
    version: int | None = None
    fallback: UUID | None = None


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
        codes = {place: one.code for place, one in coupons.items() if isinstance(one, Coupon)}
        said = _variables(wanted, left, codes, now)
        messages: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
        for place in left:
            one = wanted[place]
            messages[one.template_id or template_id].append(_message(one, said[place]))
        said_in = {one: Telling(one) for one in messages}
        said_in[template_id] = Telling(template_id, version, fallback_template_id)
        _tell(messages, said_in, source, priority, now)
    return [
        Given(refused=refused[place])
        if place in refused
        else Given(one.points, _code(coupons.get(place)), template_id is not None)
        for place, one in enumerate(wanted)
    ]


def _code(found: Coupon | Refused | None) -> str | None:
    return found.code if isinstance(found, Coupon) else None


def _tell(
    messages: Mapping[UUID, Sequence[dict[str, Any]]],
    said_in: Mapping[UUID, Telling],
    source: Source,
    priority: int,
    now: datetime,
) -> None:
    """Plan the messages of each template."""
    zone = str(rulebook.load().programme_at(now).zone)
    for template, rows in messages.items():
        said = said_in[template]
        planning.plan_many(
            rows, template_id=template, version=said.version, source=source, now=now,
            priority=priority, zone=zone, fallback_template_id=said.fallback,
        )  # fmt: skip


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


def _variables(
    wanted: Sequence[Wanted], places: Sequence[int], codes: Mapping[int, str], now: datetime
) -> dict[int, dict[str, Any]]:
    """What each message says: what the caller brings, and what was given."""
    expiries: dict[str, datetime | None] = {}
    if codes:
        rows = db.session.execute(EXPIRIES, {"codes": list(codes.values())})
        expiries = {row.code: row.expires_at for row in rows}
    templates = {one for place in codes if (one := wanted[place].coupon) is not None}
    values = coupon_values.of_templates(templates, now)
    found = {}
    for place in places:
        one = wanted[place]
        said = {room: dict(values_) for room, values_ in one.variables.items()}
        if place in codes and one.coupon is not None:
            expires_at = expiries.get(codes[place])
            said["coupon"] = coupon_values.with_code(
                values[one.coupon], codes[place], expires_at
            ) | said.get("coupon", {})
        if one.points:
            said["points"] = {"amount": one.points} | said.get("points", {})
        found[place] = said
    return found


def _message(one: Wanted, said: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "member_id": one.member_id,
        "occasion": one.occasion,
        "variables": said,
        "due_at": one.due_at,
        "not_after": one.not_after,
    }
