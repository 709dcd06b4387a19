"""Over HTTP: taking back a redemption, and moving points from one member to another."""

from uuid import UUID

from flask import Response, make_response

from crm import clock
from crm.http import Blueprint, idempotent, needs, principal
from crm.members import identity
from crm.points import balances, restoring, transfers
from crm.points.moving_schemas import ReverseIn, TransferIn, TransferOut
from crm.points.schemas import EntryOut

blp = Blueprint("moving", __name__, description="Points given back, and moved between members.")


@blp.post("/points/redemptions/<uuid:id>/reverse")
@needs("points:write")
@idempotent
@blp.arguments(ReverseIn)
@blp.alt_response(201, schema=EntryOut)
def reverse_redemption(body: dict, id: UUID) -> Response:
    """Give back what a redemption or a capture spent, or `points` of it; `id` is its entry's."""
    found = restoring.reverse(id, body.get("points"), now=clock.now(), actor=principal().name)
    return make_response(balances.entry(found.member_id, found.seq), 201)


@blp.post("/points/transfers")
@needs("points:write")
@idempotent
@blp.arguments(TransferIn)
@blp.alt_response(201, schema=TransferOut)
def transfer_points(body: dict) -> Response:
    """Move points to another member, earliest expiry first; each keeps its own expiry."""
    giver = identity.require(identity.parse_ref(body["from_"], at="/from"))
    taker = identity.require(identity.parse_ref(body["to"], at="/to"))
    found = transfers.transfer(
        giver, taker, body["points"], reason=body["reason"], now=clock.now(),
        actor=principal().name,
    )  # fmt: skip
    return make_response(found, 201)
