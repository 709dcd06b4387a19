"""What came of a journey, and of trying it, in words: its days, its occasions, its reasons."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from crm.campaigns import coupon_values
from crm.campaigns.journeys import moments
from crm.campaigns.journeys.dry_runs import DryRun
from crm.campaigns.journeys.results import Results
from crm.console import formats, message_words
from crm.console.journey_words import MARKS, REASONS, STATES
from crm.console.leaves import Manner
from crm.console.words import say
from crm.errors import N_
from crm.i18n import gettext


def days_of(found: Results) -> list[tuple[date, int]]:
    """Every day of the span, also those on which nothing was given."""
    given = dict(found.by_day)
    count = (found.last - found.first).days
    days = [found.first + moments.ONE_DAY * more for more in range(count)]
    return [(day, given.get(day, 0)) for day in days]


def reason(name: str) -> str:
    """Why nothing was given, in words."""
    return gettext(REASONS[name]) if name in REASONS else name


def row_of(row: Any, owners: Mapping[Any, str], manner: Manner, now: datetime) -> dict[str, Any]:
    """An occasion, with the name of its member."""
    return {
        "member_id": row.member_id,
        "member": owners.get(row.member_id, ""),
        "day": row.day.isoformat(),
        "when": formats.moment(row.at, now, manner.zone),
        "state": gettext(STATES[row.state]),
        "mark": MARKS.get(row.state, ""),
        "reason": reason(row.reason) if row.reason else "",
        "points": formats.number(row.points) if row.points else "",
        "coupon": row.coupon_code or "",
        "channel": gettext(message_words.CHANNELS[row.channel]) if row.channel else "",
    }


def tried_of(found: DryRun, now: datetime) -> dict[str, Any]:
    """What a dry run found."""
    names = coupon_values.of_templates(found.coupons, now)
    return {
        "told": say(
            N_("Due on {day}: {due}. Would get it: {given}."),
            due=formats.number(found.due), day=found.day.isoformat(),
            given=formats.number(found.would_give),
        ),
        "channels": [
            (gettext(message_words.CHANNELS[name]), formats.number(n))
            for name, n in found.channels.most_common()
        ],
        "points": formats.number(found.points),
        "coupons": [
            (names[one]["name"] if one in names else str(one), formats.number(n))
            for one, n in found.coupons.most_common()
        ],
        "skipped": [(reason(name), formats.number(n)) for name, n in found.skipped.most_common()],
    }  # fmt: skip
