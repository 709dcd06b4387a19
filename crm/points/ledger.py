"""The ledger's verbs as programs call them: points move through the functions of migration 0004.

Hot doors (`award`, `redeem`) are one statement each: key check, idempotency, effect and stored
answer in one round trip. `crm.points.postings` has the verbs that work in the caller's transaction.
"""

import json
from datetime import datetime
from typing import Any

from flask import Response
from psycopg.errors import UniqueViolation

from crm import clock
from crm.auth.door import turn_away
from crm.db import call, config
from crm.errors import Refused
from crm.http.idempotency import Claim, KeyReused, replay
from crm.http.principal import principal
from crm.http.problems import answer
from crm.ids import digest_id
from crm.members.identity import MemberNotFound, MemberRef
from crm.points.errors import InsufficientPoints, NotRedeemableAmount, SourceKeyUsed

AWARD = """
    SELECT * FROM points_award(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
REDEEM = "SELECT * FROM points_redeem(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
TWINS = ("pk_idempotency_key", "pk_points_source")
# Of twins that say a refusal at the same time, the first one's words are kept, and given by all.
KEEP_ANSWER = """
    UPDATE idempotency_key SET body = CASE WHEN body = %s THEN %s ELSE body END WHERE key = %s
    RETURNING body
"""
TRIES = 3
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
    source = digest_id(f"award:{activity}", source_key)
    facts = (points, activity, source_key, source, reason, expires_at, principal().name)
    return _answer(claim, _once(AWARD, (*_head(claim, who), *facts)))


def redeem(claim: Claim, who: MemberRef, points: int, *, reference: str) -> Response:
    """Spend points, earliest expiry first. One round trip.

    Answers 201 with the entry; refuses `insufficient_points`, `not_redeemable_amount`,
    `member_not_found`.
    """
    facts = (points, reference, principal().name)
    return _answer(claim, _once(REDEEM, (*_head(claim, who), *facts)))


def _head(claim: Claim, who: MemberRef) -> tuple[Any, ...]:
    asker = principal()
    key_id = asker.id if asker.kind == "key" else None
    now, sandbox = clock.system_now(), config().sandbox
    return (key_id, claim.key, claim.fingerprint, now, sandbox, who.kind, who.value)


def _once(sql: str, params: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Call a door; when a twin of this request was faster, its effect is found the next time."""
    for left in reversed(range(TRIES)):
        try:
            return call(sql, params)
        except UniqueViolation as error:
            if not left or error.diag.constraint_name not in TWINS:
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
    facts = json.loads(found)
    kind = REFUSALS[facts.pop("refused")]
    del facts["status"]
    said = answer(kind(**facts)).get_data(as_text=True)
    if kind is MemberNotFound:
        return said  # nothing is kept for a member who may come to be known
    kept = call(KEEP_ANSWER, (found, said, claim.key))
    assert kept is not None, "the door has stored the refusal"
    return kept[0]
