"""Awards over HTTP, of so many points or of what the rules say; and why points were given."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Response, jsonify

from crm import clock
from crm.activities import explanations, orders
from crm.activities.schemas import EntryWhyOut, OrderPointsOut
from crm.auth import door
from crm.http import Blueprint, idempotent, needs, principal
from crm.http.idempotency import Claim, answered, claim_of_request, needs_key
from crm.members import identity
from crm.points import awarding, ledger
from crm.points.awarding import Asked
from crm.points.errors import (
    ExpiryInThePast,
    OrderNotForAct,
    ReferralByRegistration,
    SourceKeyMissing,
)
from crm.points.schemas import AwardIn, AwardOut

blp = Blueprint("activities", __name__, description="What members do beside buying.")


@blp.post("/points/awards")
@needs("points:write", checked_in_statement=True)
@needs_key
@blp.arguments(AwardIn)
@blp.alt_response(201, schema=AwardOut)
@blp.alt_response(200, schema=AwardOut)
def award(body: dict[str, Any]) -> Response:
    """Give points for an activity: 201, or 200 with the first entry of this source.

    Without `points` the rules in force say how many; caps trim them and never refuse.
    """
    claim, expires_at = claim_of_request(), body["expires_at"]
    if expires_at is not None and expires_at <= clock.now() + timedelta(seconds=1):
        return _too_late(claim)
    points = body.get("points")
    by_rules = points is None
    if "source_key" not in body and not (by_rules and awarding.has_natural_key(body["activity"])):
        raise SourceKeyMissing(pointer="/source_key")
    if by_rules:
        return _by_rules(body)
    if "order" in body:
        raise OrderNotForAct(pointer="/order")
    return ledger.award(
        claim,
        identity.parse_ref(body["member"], at="/member"),
        points,
        activity=body["activity"],
        source_key=body["source_key"],
        reason=body["reason"],
        expires_at=expires_at,
    )


def _too_late(claim: Claim) -> Response:
    """An expiry that is over: an award sent again is still answered as it was."""
    door.check_again()
    known = answered(claim)
    if known is None:
        raise ExpiryInThePast(pointer="/expires_at")
    return known


@idempotent
def _by_rules(body: dict[str, Any]) -> Response:
    """An award that the rules decide, in a transaction of several statements."""
    door.check_again()
    if body["activity"] == "referral":
        raise ReferralByRegistration(pointer="/activity")
    member_id = identity.require(identity.parse_ref(body["member"], at="/member"))
    order = body.get("order")
    named = (order["channel"], order["order_no"]) if order else None
    stands: dict[str, Any] = {"order_unmet": orders.unmet(member_id, *named)} if named else {}
    asked = Asked(
        body["activity"],
        body.get("source_key"),
        reason=body["reason"],
        expires_at=body["expires_at"],
        order=named,
        actor=principal().name,
        **stands,
    )
    found = awarding.award(member_id, asked, now=clock.now())
    response = jsonify(found.document)
    response.status_code = 201 if found.created else 200
    return response


@blp.get("/orders/<channel>/<order_no>/points")
@needs("points:read")
@blp.response(200, OrderPointsOut)
def explain_order(channel: str, order_no: str):
    """Why an order gave these points: what each rule gave on which line, and why others did not."""
    return explanations.of_order(channel, order_no)


@blp.get("/members/<uuid:member_id>/points/entries/<int:seq>")
@needs("points:read")
@blp.alt_response(200, schema=EntryWhyOut)
def explain_entry(member_id: UUID, seq: int) -> Response:
    """One entry of a member's ledger, and why it is what it is."""
    return jsonify(explanations.of_entry(member_id, seq))
