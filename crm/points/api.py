"""Points over HTTP: balances, entries, redemptions, the self-check.

Awards are in `crm.activities.api`: their rules may ask for orders, which live above this room.
"""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Response, jsonify

from crm import clock
from crm.errors import N_, FieldError, Invalid
from crm.http import Blueprint, idempotent, needs, principal
from crm.http.blueprint import body_of, read_json
from crm.http.idempotency import claim_of_request, needs_key
from crm.http.pagination import PageQuery
from crm.members import identity, profiles
from crm.points import balances, batches, check, ledger, rulebook
from crm.points.schemas import (
    AsOfQuery,
    BalanceOut,
    BatchAwardsOut,
    CheckOut,
    EntryOut,
    EntryPage,
    PlainAwardIn,
    RedemptionIn,
)

blp = Blueprint("points", __name__, description="Balances, entries, awards and redemptions.")


@blp.get("/members/<uuid:member_id>/points")
@needs("points:read")
@blp.arguments(AsOfQuery, location="query")
@blp.response(200, BalanceOut)
def get_points(query: dict, member_id: UUID):
    """A member's points: the past as it was, the future as it will be if nothing else happens."""
    now = clock.now()
    at = query["as_of"] or now
    zone = rulebook.load().programme_at(now).timezone
    facts = profiles.require_facts(member_id, default_zone=zone)
    found = balances.balance(member_id, at, now=now)
    for item in found["pending_release"]:
        item["available_on"] = _local_day(item["available_at"], facts.zone)
    return found | {"as_of": at}


def _local_day(at: datetime, zone: str):
    return at.astimezone(ZoneInfo(zone)).date()


@blp.get("/members/<uuid:member_id>/points/entries")
@needs("points:read")
@blp.arguments(PageQuery, location="query")
@blp.alt_response(200, schema=EntryPage)
def get_entries(query: dict, member_id: UUID) -> Response:
    """A member's entries, newest first, each with the lots that it touched."""
    profiles.require(member_id)
    return jsonify(balances.entries(member_id, query["limit"], query["cursor"]))


@blp.post("/points/awards/batch")
@needs("points:write")
@idempotent
@blp.doc(requestBody=body_of({"type": "array", "items": PlainAwardIn, "maxItems": 1000}))
@blp.alt_response(200, schema=BatchAwardsOut)
def award_batch() -> Response:
    """Give up to a thousand awards, each by itself: those that are refused say why."""
    items = read_json()
    if not isinstance(items, list):
        raise Invalid([FieldError("", "invalid_type", N_("This must be a list."))])
    if not 1 <= len(items) <= batches.MOST_IN_BATCH:
        raise Invalid([FieldError("", "batch_size", N_("A batch has 1 to 1,000 items."))])
    body = batches.give(items, by=principal(), now=clock.now())
    return Response(body, 200, content_type="application/json")


@blp.post("/points/redemptions")
@needs("points:write", checked_in_statement=True)
@needs_key
@blp.arguments(RedemptionIn)
@blp.alt_response(201, schema=EntryOut)
def redeem(body: dict) -> Response:
    """Spend points, earliest expiry first; refused whole when fewer are available."""
    who = identity.parse_ref(body["member"], at="/member")
    return ledger.redeem(claim_of_request(), who, body["points"], reference=body["reference"])


@blp.get("/ledger/check")
@needs("ledger:read")
@blp.response(200, CheckOut)
def check_ledger():
    """Verify every invariant of every account, now."""
    breaches = check.run()
    return {
        "ok": not breaches,
        "checked_at": clock.now(),
        "invariants": list(check.INVARIANTS),
        "totals": check.totals(),
        "head": check.head(),
        "breaches": breaches,
    }
