"""One entry of a member's ledger: what it was, and why it is what it is."""

from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

from flask import render_template

from crm import clock
from crm.activities import explanations
from crm.console import ledger_words, origins, person, reckoned
from crm.console.blueprint import blp
from crm.console.leaves import Manner
from crm.console.member_ledger import zone_of
from crm.db import db
from crm.http.permissions import needs
from crm.orders import documents
from crm.points import programme
from crm.points.models import PointsEntry


@blp.get("/members/<uuid:member_id>/ledger/<int:seq>")
@needs("points:read")
def entry_page(member_id: UUID, seq: int) -> str:
    """The entry with the rules that gave its points, and those that gave nothing."""
    now = clock.now()
    found = person.load(member_id)
    entry, zone = explanations.of_entry(member_id, seq), zone_of(member_id, now)
    return render_template(
        "entry.html",
        member=person.shown(found),
        entry=_head(member_id, entry, zone),
        why=_why(entry, Manner(programme.current(now).currency, zone)),
    )


def _head(member_id: UUID, entry: dict[str, Any], zone: tzinfo) -> dict[str, Any]:
    source = entry["source"]
    happened = datetime.fromisoformat(entry["occurred_at"]).astimezone(zone)
    return {
        "seq": entry["seq"],
        "what": ledger_words.kind(entry["kind"], source["type"]),
        "origin": _origin(member_id, entry["seq"]),
        "happened": f"{happened:%Y-%m-%d %H:%M}",
        "points": entry["points"],
        "balance": entry["balance_after"],
    }


def _origin(member_id: UUID, seq: int) -> origins.Origin:
    row = db.session.get_one(PointsEntry, (member_id, seq))
    return origins.of([row]).get(origins.key(row), origins.NOWHERE)


def _why(entry: dict[str, Any], manner: Manner) -> dict[str, Any]:
    why, at = entry["why"], datetime.fromisoformat(entry["occurred_at"])
    if why["order"] is None:
        return reckoned.of_award(why, manner, reckoned.tiers_at(at))
    order = documents.find(why["order"]["channel"], why["order"]["order_no"])
    goods = {line.line_no: line.name for line in order.lines}
    tiers = reckoned.tiers_at(order.placed_at)
    found = reckoned.of_order(why["order"], goods, manner, tiers)
    return found | {"detail": f"{why['detail']} {found['detail']}"}
