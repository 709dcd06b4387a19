"""Awards over HTTP: of so many points by one statement, or of what the rules say."""

from datetime import timedelta
from typing import Any

from flask import Response, jsonify

from crm import clock
from crm.activities import orders
from crm.auth import door
from crm.http import Blueprint, idempotent, needs, principal
from crm.http.idempotency import claim_of_request, needs_key
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
    expires_at = body["expires_at"]
    if expires_at is not None and expires_at <= clock.now() + timedelta(seconds=1):
        raise ExpiryInThePast(pointer="/expires_at")
    points = body.get("points")
    by_rules = points is None
    if "source_key" not in body and not (by_rules and awarding.has_natural_key(body["activity"])):
        raise SourceKeyMissing(pointer="/source_key")
    if by_rules:
        return _by_rules(body)
    if "order" in body:
        raise OrderNotForAct(pointer="/order")
    return ledger.award(
        claim_of_request(),
        identity.parse_ref(body["member"], at="/member"),
        points,
        activity=body["activity"],
        source_key=body["source_key"],
        reason=body["reason"],
        expires_at=expires_at,
    )


@idempotent
def _by_rules(body: dict[str, Any]) -> Response:
    """An award that the rules decide, in a transaction of several statements."""
    door.check_again()
    if body["activity"] == "referral":
        raise ReferralByRegistration(pointer="/activity")
    member_id = identity.require(identity.parse_ref(body["member"], at="/member"))
    order = body.get("order")
    named = (order["channel"], order["order_no"]) if order else None
    stands = {"order_unmet": orders.unmet(member_id, *named)} if named else {}
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
