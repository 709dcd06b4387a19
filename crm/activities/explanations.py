"""Why an order or an entry gave these points, and why other rules did not: read, never written."""

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from crm.db import db
from crm.errors import N_
from crm.i18n import gettext
from crm.members import profiles
from crm.orders import documents
from crm.orders.kept import Kept
from crm.orders.models import Order
from crm.points import rulebook
from crm.points.acts import NO_ORDER, REFERRER, Act
from crm.points.awarding import said
from crm.points.cart import CartLine, EarningFacts
from crm.points.errors import EntryNotFound
from crm.points.exact import shown
from crm.points.explaining import missed_for_act, missed_for_order, reasons_of_lines
from crm.points.unmet import sentence

ENTRY = text("""
    SELECT points_entry_document(e) AS document, e.data, e.occurred_at FROM points_entry e
    WHERE e.member_id = :member AND e.seq = :seq
""")
TIER = "tier"
MOST_ENTRIES = 2**31 - 1
KINDS = {
    "earn": N_("An order earned these points."),
    "award": N_("These points were given without a rule."),
    "redeem": N_("The member spent these points."),
    "hold": N_("These points were held for a purchase."),
    "capture": N_("Points that were held were spent."),
    "void": N_("A hold was released."),
    "expire": N_("These points were not used in time."),
    "clawback": N_("Points were taken back, because an order came to earn less."),
    "restore": N_("Spent points were given back."),
    "adjust": N_("Staff put the balance right."),
    "transfer": N_("Points moved between two members."),
    "merge": N_("Two records of one member became one."),
    "forfeit": N_("The balance was forfeited."),
    "absorb": N_("Points that became available paid a debt."),
}
BY_RULES = N_("The rules for this activity gave these points.")
LINES = {
    "no_value": N_("Nothing was paid for this line."),
    "excluded_goods": N_("These goods earn nothing."),
}
STATES = {
    "no_member": N_("The order names no member."),
    "not_paid": N_("The order is not paid yet."),
    "cancelled": N_("The order was cancelled."),
    "counted": N_("The order was counted by the rules in force when it was placed."),
}


def of_order(channel: str, order_no: str) -> dict[str, Any]:
    """Why an order earned what it did. Raises `OrderNotFound`."""
    return _order(documents.find(channel, order_no))


def of_entry(member_id: UUID, seq: int) -> dict[str, Any]:
    """An entry with why it is what it is. Raises `MemberNotFound`, `EntryNotFound`."""
    profiles.require(member_id)
    given = {"member": member_id, "seq": min(seq, MOST_ENTRIES)}
    row = db.session.execute(ENTRY, given).one_or_none()
    if row is None:
        raise EntryNotFound()
    found, data = row.document, row.data
    kind, source = found["kind"], found["source"]
    by_rules = kind == "award" and data is not None and "breakdown" in data
    why = {"detail": gettext(BY_RULES if by_rules else KINDS[kind]), "order": None}
    if source["type"] == "order":
        why["order"] = _order_of(source["id"])
    if kind == "award":
        why |= said(found["points"], data)
        why["not_applied"] = _act(data or {}, row.occurred_at) if by_rules else []
    return found | {"why": why}


def _order_of(source_id: str) -> dict[str, Any] | None:
    """The order of an entry's source; one that was earned again has a suffix."""
    order_id = UUID(source_id.partition("#")[0])
    query = select(Order.channel, Order.order_no).where(Order.id == order_id)
    named = db.session.execute(query).one_or_none()
    return of_order(*named) if named is not None else None


def _act(data: dict[str, Any], at: datetime) -> list[dict[str, Any]]:
    """Why other rules for the activity gave nothing."""
    facts = EarningFacts.parse(data["facts"])
    order, role = data.get("order_unmet", NO_ORDER), data.get("role", REFERRER)
    act = Act(data["activity"], at, facts, order, role)
    applied = [UUID(share["rule_id"]) for share in data["breakdown"]]
    missed = missed_for_act(rulebook.load().around(at), act, applied)
    return [one.document() for one in missed]


def _order(order: Kept) -> dict[str, Any]:
    stored = order.breakdown
    state = _state(order)
    found: dict[str, Any] = {
        "channel": order.channel,
        "order_no": order.order_no,
        "member_id": order.member_id,
        "state": state,
        "detail": gettext(STATES[state]),
        "points": order.points,
        "granted": order.granted,
        "clawed_back": order.granted - order.points if order.lot_seq is not None else 0,
        "desired": 0,
        "capped_by": None,
        "basis": 0,
        "rounding": None,
        "programme": None,
        "tier": None,
        "applied": [],
        "not_applied": [],
        "lines": [],
    }
    return found if stored is None else found | _counted(order, stored)


def _state(order: Kept) -> str:
    if order.member_id is None:
        return "no_member"
    if order.status == "cancelled":
        return "cancelled"
    return "not_paid" if order.breakdown is None else "counted"


def _counted(order: Kept, stored: dict[str, Any]) -> dict[str, Any]:
    book = rulebook.load()
    programme = book.programme(stored["programme"])
    lines = _lines(order)
    tier = next((share for share in stored["breakdown"] if share["kind"] == TIER), None)
    of_all = stored["capped_by"] if stored["exact"] == "0" else None  # a cap left nothing at all
    applied, capped = [], []
    for share in stored["breakdown"]:
        if share["kind"] != TIER:
            gone = not share["lines"] and (share.get("capped_by") or of_all)
            (capped if gone else applied).append(share)
    around = book.around(datetime.fromisoformat(stored["placed_at"]))
    missed = [one.document() for one in missed_for_order(around, programme, lines, stored)]
    kept = ("desired", "capped_by", "basis", "rounding", "programme")
    return {name: stored[name] for name in kept} | {
        "granted": stored["points"],
        "tier": tier and {"code": tier["name"], "factor": tier["factor"], "points": tier["points"]},
        "applied": [_share(share, order) for share in applied],
        "not_applied": [_capped(share, stored) for share in capped] + missed,
        "lines": [
            {"line_no": line_no, "code": code, "detail": gettext(LINES[code])}
            for line_no, code in reasons_of_lines(programme, lines).items()
        ],
    }


def _lines(order: Kept) -> Sequence[CartLine]:
    return [
        CartLine(line.line_no, line.sku, line.quantity, net, line.category, line.labels)
        for line, net in zip(order.lines, order.nets, strict=True)
    ]


def _share(share: dict[str, Any], order: Kept) -> dict[str, Any]:
    """What a rule gave, line by line, in decimals for people."""
    skus = {line.line_no: line.sku for line in order.lines}
    lines = [
        {"line_no": int(line_no), "sku": skus.get(int(line_no)), "points": _decimal(part)}
        for line_no, part in share["lines"].items()
    ]
    names = ("rule_id", "version", "name", "kind", "points")
    return {name: share[name] for name in names} | {
        "coupon_template": share.get("coupon_template"),
        "factor": share.get("factor"),
        "capped_by": share.get("capped_by"),
        "expiry": share.get("expiry"),
        "lines": lines,
    }


def _decimal(part: str) -> str:
    return shown(*Fraction(part).as_integer_ratio())


def _capped(share: dict[str, Any], stored: dict[str, Any]) -> dict[str, Any]:
    """A rule that applied, and of whose points a cap left nothing."""
    facts = {"capped_by": share.get("capped_by") or stored["capped_by"]}
    names = ("rule_id", "version", "name", "kind")
    detail = sentence("capped", facts)
    return {name: share[name] for name in names} | {"code": "capped", **facts, "detail": detail}
