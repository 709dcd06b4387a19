"""Adjustments by hand over HTTP; the kind of request that they become above a limit."""

from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify, make_response

from crm import clock
from crm.auth import approvals
from crm.auth.approval_schemas import ApprovalOut
from crm.auth.approvals_api import document
from crm.errors import NN_
from crm.http import Blueprint, idempotent, needs, principal
from crm.http.problems import say
from crm.ids import uuid7
from crm.members import identity
from crm.points import adjustment_reasons, adjustments
from crm.points.adjustment_schemas import AdjustmentIn, AwaitingOut
from crm.points.schemas import EntryOut

blp = Blueprint("adjustments", __name__, description="Points given and taken by hand.")
SUMMARY = NN_(
    "{points} point for member {member_no}: {reason}",
    "{points} points for member {member_no}: {reason}",
    "points",
)


@blp.post("/points/adjustments")
@needs(adjustments.PERMISSION)
@blp.arguments(AdjustmentIn)
@idempotent
@blp.alt_response(201, schema=EntryOut)
@blp.alt_response(202, schema=AwaitingOut)
def adjust(body: dict[str, Any]) -> Response:
    """Give or take points by hand: 201, or 202 with the request that a second person decides.

    Taking is refused whole when fewer points can be spent; it never makes a debt.
    """
    now = clock.now()
    member_id = identity.require(identity.parse_ref(body.pop("member"), at="/member"))
    ask = adjustments.Adjustment(uuid7(), member_id, **body)
    done = adjustments.adjust(ask, by=principal(), now=now)
    if done.approval is None:
        return make_response(jsonify(done.entry), 201)
    return make_response(jsonify(approval=ApprovalOut().dump(document(done.approval, now))), 202)


def summary(payload: Mapping[str, Any]) -> str:
    """What a request asks for, in one sentence of the reader's language."""
    reason = adjustment_reasons.name(payload["reason_code"])
    facts = {"points": f"{payload['points']:+,}".replace("-", "−"), "reason": reason}
    return say(SUMMARY, facts | {"member_no": payload["member_no"]})


approvals.register(
    approvals.Kind(
        adjustments.KIND, adjustments.PERMISSION, adjustments.apply_approved, tell=summary
    )
)
