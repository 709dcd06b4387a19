"""Points in words: what each entry was, where each lot came from, until when it can be spent."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta, tzinfo
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm.console import formats
from crm.console.words import say
from crm.db import db
from crm.errors import N_
from crm.i18n import gettext
from crm.orders.models import Order
from crm.points import adjustment_reasons

KINDS = {
    "earn": N_("Earned by an order"),
    "award": N_("Awarded"),
    "redeem": N_("Redeemed"),
    "hold": N_("Held"),
    "capture": N_("Held, now spent"),
    "void": N_("Hold released"),
    "expire": N_("Expired"),
    "clawback": N_("Taken back after a refund"),
    "restore": N_("Given back"),
    "adjust": N_("Adjusted"),
    "transfer": N_("Transferred"),
    "merge": N_("Merged"),
    "forfeit": N_("Forfeited"),
    "absorb": N_("Set against debt"),
}
AWARDS = {
    "award:sign_up": N_("Joined"),
    "award:profile_completed": N_("Profile completed"),
    "award:review": N_("Review"),
    "award:share": N_("Shared"),
    "award:referral": N_("Referral"),
    "award:check_in": N_("Checked in"),
    "award:birthday": N_("Birthday"),
    "award:survey": N_("Survey answered"),
}
REWARDS = {
    "reward": N_("Redeemed for a reward"),
    "reward_cancelled": N_("Reward cancelled, given back"),
}
SPENDING = ("redeem", "capture")  # entries of these kinds can be given back
SOON = timedelta(days=30)
INSTANT = timedelta(microseconds=1)


def is_explained(kind: str, source_type: str) -> bool:
    """Whether there is more to say of an entry than its row does: rules gave or took its points."""
    return kind == "award" or source_type == "order"


def order_numbers(sources: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The order numbers behind these sources (type, id), by source id; one statement."""
    wanted = {text: UUID(text.partition("#")[0]) for kind, text in sources if kind == "order"}
    if not wanted:
        return {}
    query = select(Order.id, Order.order_no).where(Order.id.in_(set(wanted.values())))
    numbers = {row.id: row.order_no for row in db.session.execute(query)}
    return {text: numbers[order_id] for text, order_id in wanted.items() if order_id in numbers}


def kind(name: str, source_type: str) -> str:
    """What an entry was, in words."""
    if name == "adjust":
        reason = adjustment_reasons.name(source_type.partition(":")[2])
        return say(N_("Adjusted: {reason}"), reason=reason)
    return gettext((AWARDS | REWARDS).get(source_type) or KINDS.get(name) or name)


def entry(
    row: Mapping[str, Any], numbers: Mapping[str, str], zone: tzinfo, today: date
) -> dict[str, Any]:
    """One of `crm.points.balances.entries` as parts/ledger.html shows it."""
    source, at = row["source"], datetime.fromisoformat(row["occurred_at"])
    return {
        "day": formats.iso_day(at.astimezone(zone).date(), today),
        "what": kind(row["kind"], source["type"]),
        "source": row["reason"] or numbers.get(source["id"]) or _reference(source),
        "points": row["points"],
        "balance": row["balance_after"],
        "spent_by": row["id"] if reversible(row["kind"], source["type"]) else None,
    }


def reversible(kind: str, source_type: str) -> bool:
    """Whether an entry can be given back by itself: a reward is cancelled instead."""
    return kind in SPENDING and source_type != "reward"


def _reference(source: Mapping[str, Any]) -> str:
    """What the one who spent or awarded called it; ids of our own tell staff nothing."""
    shown = source["type"] == "redemption" or source["type"].startswith("award:")
    return source.get("reference") or (source["id"] if shown else "")


def _opening(row: Mapping[str, Any]) -> str:
    """The kind of the entry that opened a lot, as its source tells it."""
    return "adjust" if row["source_type"].startswith("adjustment:") else "award"


def lot(row: Mapping[str, Any], now: datetime, zone: tzinfo) -> dict[str, Any]:
    """One of `crm.points.balances.open_lots` as the member page shows it."""
    available, expires = row["available_at"], row["expires_at"]
    pending = available is None or available > now
    soon = not pending and expires is not None and expires <= now + SOON
    today = now.astimezone(zone).date()
    is_order = row["source_type"] == "order"
    return {
        "source": say(
            N_("{what} {day}"),
            what=gettext(N_("Order")) if is_order else kind(_opening(row), row["source_type"]),
            day=formats.iso_day(row["occurred_at"].astimezone(zone).date(), today),
        ),
        "left": row["remaining"],
        "got": row["size"],
        "share": 100 * row["remaining"] / row["size"],
        "pending": pending,
        "soon": soon,
        "until": _from(available, today, zone) if pending else _until(expires, today, zone, soon),
    }


def _from(available: datetime | None, today: date, zone: tzinfo) -> str:
    if available is None:
        return gettext(N_("not released yet"))
    return say(N_("from {day}"), day=formats.day(available.astimezone(zone).date(), today))


def _until(expires: datetime | None, today: date, zone: tzinfo, soon: bool) -> str:
    """The last day on which a lot can be spent."""
    if expires is None:
        return gettext(N_("for ever"))
    last = (expires - INSTANT).astimezone(zone).date()
    return formats.day(last, today) if soon else formats.iso_day(last, today)
