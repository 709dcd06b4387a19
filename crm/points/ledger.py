"""The ledger's verbs as programs call them: points move through the functions of migration 0004.

Hot doors (`award`, `redeem`) are one statement each: key check, idempotency, effect and stored
answer in one round trip. `postings`, `taking` and `holds` beside it work in the caller's
transaction.
"""

import json
from datetime import datetime
from typing import Any

from flask import Response, request
from psycopg.errors import SerializationFailure, UniqueViolation

from crm import clock
from crm.auth.door import turn_away
from crm.db import call, config
from crm.errors import Refused
from crm.http.idempotency import Claim, KeyReused, replay
from crm.http.principal import Principal, principal
from crm.http.problems import answer
from crm.members.identity import MemberNotFound, MemberRef
from crm.points import awards
from crm.points.errors import InsufficientPoints, NotRedeemableAmount, SourceKeyUsed

REDEEM = "SELECT * FROM points_redeem(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
FOUND = "regulars.found"  # what the fast lane found out already, for the view to say
# Of twins that say a refusal at the same time, the first one's words are kept, and given by all.
KEEP_ANSWER = """
    UPDATE idempotency_key SET body = CASE WHEN body = %s THEN %s ELSE body END WHERE key = %s
    RETURNING body
"""
REFUSALS: dict[str, type[Refused]] = {
    kind.code: kind
    for kind in (InsufficientPoints, NotRedeemableAmount, SourceKeyUsed, MemberNotFound)
}


def award(
    claim: Claim,
    who: MemberRef,
    points: int,
    *,
    activity: str,
    source_key: str,
    reason: str | None = None,
    expires_at: datetime | None = None,
) -> Response:
    """Give points for an activity, once per (activity, source_key) for ever. One round trip.

    Answers 201 with the entry, 200 with the first entry of this source; refuses
    `member_not_found`, `source_key_used`.
    """
    found = request.environ.pop(FOUND, None)
    if found is None:
        asker = principal()
        wanted = awards.award(
            who,
            points,
            activity=activity,
            source_key=source_key,
            actor=asker.name,
            key_id=asker.id if asker.kind == "key" else None,
            claim=claim,
            reason=reason,
            expires_at=expires_at,
        )
        found = awards.give(wanted)
    return _answer(claim, found)


def redeem(claim: Claim, who: MemberRef, points: int, *, reference: str) -> Response:
    """Spend points, earliest expiry first. One round trip.

    Answers 201 with the entry; refuses `insufficient_points`, `not_redeemable_amount`,
    `member_not_found`.
    """
    found = request.environ.pop(FOUND, None)
    return _answer(claim, found or spend(principal(), claim, who, points, reference=reference))


def spend(
    asker: Principal, claim: Claim, who: MemberRef, points: int, *, reference: str
) -> tuple[Any, ...] | None:
    """A redemption as the door of the database answers it: status, body, replayed."""
    key_id = asker.id if asker.kind == "key" else None
    now, sandbox = clock.system_now(), config().sandbox
    head = (key_id, claim.key, claim.fingerprint, now, sandbox, who.kind, who.value)
    return _once(REDEEM, (*head, points, reference, asker.name))


def _once(sql: str, params: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Call a door; when a twin of this request was faster, its answer is found the next time, and
    so is the member whom a record was merged into meanwhile."""
    for left in reversed(range(awards.TRIES)):
        try:
            return call(sql, params)
        except SerializationFailure:
            if not left:
                raise
        except UniqueViolation as error:
            if not left or error.diag.constraint_name not in awards.TWINS:
                raise
    raise AssertionError("unreachable")


def _answer(claim: Claim, row: tuple[Any, ...] | None) -> Response:
    assert row is not None, "the doors always answer"
    status, body, replayed = row
    if status == 401:
        turn_away()
    if status == 0:
        raise KeyReused()
    if status >= 400 and '"refused"' in body:
        body = _words_of_refusal(claim, body)
    if replayed:
        return replay(status, body)
    kind = "application/json" if status < 400 else "application/problem+json"
    return Response(body, status, content_type=kind)


def _words_of_refusal(claim: Claim, found: str) -> str:
    """The refusal in the caller's language; these words are kept for replays."""
    refused = refusal(found)
    said = answer(refused).get_data(as_text=True)
    if isinstance(refused, MemberNotFound):
        return said  # nothing is kept for a member who may come to be known
    kept = call(KEEP_ANSWER, (found, said, claim.key))
    assert kept is not None, "the door has stored the refusal"
    return kept[0]


def refusal(found: str) -> Refused:
    """The refusal that a door of the database means."""
    facts = json.loads(found)
    kind = REFUSALS[facts.pop("refused")]
    del facts["status"]
    return kind(**facts)
