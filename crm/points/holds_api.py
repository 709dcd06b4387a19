"""Holds over HTTP: as a card payment is authorised, then captured or voided."""

from datetime import timedelta
from uuid import UUID

from flask import Response, jsonify, make_response

from crm import clock
from crm.http import Blueprint, idempotent, needs, principal
from crm.members import identity
from crm.points import holds
from crm.points.hold_schemas import CaptureIn, HoldIn, HoldOut, VoidIn

blp = Blueprint("holds", __name__, description="Points reserved for a while, then spent or freed.")


@blp.post("/points/holds")
@needs("points:write")
@idempotent
@blp.arguments(HoldIn)
@blp.alt_response(201, schema=HoldOut)
def place_hold(body: dict) -> Response:
    """Reserve points, earliest expiry first, for `ttl_seconds` (15 minutes without it)."""
    now = clock.now()
    hold = holds.place(
        identity.require(identity.parse_ref(body["member"], at="/member")),
        body["points"],
        reference=body["reference"],
        now=now,
        ttl=timedelta(seconds=body["ttl_seconds"]),
        actor=principal().name,
    )
    return make_response(holds.document(hold.id, now), 201)


@blp.get("/points/holds/<uuid:id>")
@needs("points:read")
@blp.alt_response(200, schema=HoldOut)
def get_hold(id: UUID) -> Response:
    """A hold as it is now: void from its end on, whatever jobs have run."""
    return jsonify(holds.document(id, clock.now()))


@blp.post("/points/holds/<uuid:id>/capture")
@needs("points:write")
@idempotent
@blp.arguments(CaptureIn)
@blp.alt_response(200, schema=HoldOut)
def capture_hold(body: dict, id: UUID) -> Response:
    """Spend what is held, or `points` of it; the rest is free again."""
    now = clock.now()
    holds.capture(id, body.get("points"), now=now, actor=principal().name)
    return jsonify(holds.document(id, now))


@blp.post("/points/holds/<uuid:id>/void")
@needs("points:write")
@idempotent
@blp.arguments(VoidIn)
@blp.alt_response(200, schema=HoldOut)
def void_hold(body: dict, id: UUID) -> Response:
    """Give held points free. A hold that is void already stays so (200)."""
    now = clock.now()
    holds.void(id, now=now, actor=principal().name)
    return jsonify(holds.document(id, now))
