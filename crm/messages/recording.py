"""What came of a batch, written down in one statement; and what that means for the next try."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import as_rows, db
from crm.messages import eligibility, falling_back, suppressions, untold
from crm.messages.channels.provider import (
    Accepted,
    Ambiguous,
    Outcome,
    Outgoing,
    Refused,
    TryLater,
    Withdrawn,
)
from crm.messages.policy import Policy
from crm.messages.states import Reason, State

RECORD = text("""
    WITH done AS (
    UPDATE message m
    SET state = CASE WHEN m.state IN ('delivered', 'failed') THEN m.state ELSE r.state END,
        reason = CASE WHEN m.state IN ('delivered', 'failed') THEN m.reason ELSE r.reason END,
        due_at = coalesce(r.due_at, m.due_at),
        attempts = m.attempts - r.uncounted, lease_until = NULL,
        provider_ref = coalesce(r.ref, m.provider_ref),
        segments = coalesce(r.segments, m.segments), price = coalesce(r.price, m.price),
        sent_at = CASE WHEN r.state = 'sent' THEN CAST(:now AS timestamptz) END,
        finished_at = CASE WHEN r.state <> 'waiting' THEN CAST(:now AS timestamptz) END
    FROM json_to_recordset(CAST(:rows AS json)) AS r (
        id uuid, fence integer, state text, reason text, due_at timestamptz, uncounted integer,
        ref text, segments smallint, price numeric)
    WHERE m.id = r.id AND m.fence = r.fence
      AND (m.state = 'sending' OR (r.state = 'sent' AND (m.state = 'unknown'
           -- a receipt was faster than this record of what it is about
           OR (m.state IN ('delivered', 'failed') AND m.sent_at IS NULL))))
    RETURNING m.member_id, m.local_day, m.state, m.purpose)
    SELECT n.whole, done.local_day, coalesce(p.merged_into, done.member_id) AS member_id
    FROM (SELECT count(*) AS whole FROM done) AS n
    LEFT JOIN done ON done.purpose = 'marketing' AND done.local_day IS NOT NULL
                  AND done.state IN ('failed', 'waiting', 'suppressed')
    LEFT JOIN member p ON p.id = done.member_id  -- who was merged is counted as the one he is now
""")

NOTE = text("""
    INSERT INTO message_event (message_id, id, kind, at, data)
    SELECT r.id, uuidv7(), 'not_taken', :now, r.data
    FROM json_to_recordset(CAST(:rows AS json)) AS r (id uuid, data jsonb)
""")


@dataclass(frozen=True, slots=True)
class Tried:
    """A message that is not at hand any more, as far as recording needs it: which, at which
    attempt, under which fence."""

    id: UUID
    fence: int
    purpose: str
    attempt: int
    address: str | None


def record(
    channel: str,
    pairs: Sequence[tuple[Tried | Outgoing, Outcome]],
    *,
    honours_references: bool,
    policy: Policy,
    now: datetime,
    reason: Reason = Reason.NO_ANSWER,
) -> int:
    """Write down what came of messages; those that somebody else has decided meanwhile stay as
    they are. Returns how many were recorded.

    What was not sent does not count against the member's caps. `reason` is said of ambiguous ones.
    """
    rows = [
        _sent(one, outcome)
        if isinstance(outcome, Accepted)
        else {"id": one.id, "fence": one.fence, "uncounted": 0}
        | _next(one, outcome, honours_references, policy, now, reason)
        for one, outcome in pairs
    ]
    if not rows:
        return 0
    done = db.session.execute(RECORD, {"rows": as_rows(rows), "now": now}).all()
    _uncount([row for row in done if row.member_id is not None])
    _note(pairs, now)
    bad = [one for one, outcome in pairs if isinstance(outcome, Refused) and outcome.bad_address]
    addresses = [one.address for one in bad if one.address]
    suppressions.add(channel, addresses, scope="all", reason="bounced", now=now)
    falling_back.fall_back([one.id for one in bad], now=now)
    untold.tell([one.id for one, outcome in pairs if isinstance(outcome, Withdrawn)], now)
    return done[0].whole


def _sent(one: Tried | Outgoing, outcome: Accepted) -> dict[str, Any]:
    return {
        "id": one.id,
        "fence": one.fence,
        "uncounted": 0,
        "state": State.SENT,
        "ref": outcome.ref,
        "segments": outcome.segments,
        "price": outcome.price,
    }


def _next(
    one: Tried | Outgoing,
    outcome: Outcome,
    honours_references: bool,
    policy: Policy,
    now: datetime,
    reason: Reason,
) -> dict[str, Any]:
    match outcome:
        case Refused():
            return {"state": State.FAILED, "reason": Reason.REFUSED}
        case Withdrawn():
            return {"state": State.SUPPRESSED, "reason": Reason.OPTED_OUT, "uncounted": 1}
        case TryLater(counts=False, after_seconds=after):
            due = now + timedelta(seconds=after or 0)
            return {"state": State.WAITING, "reason": Reason.TRY_LATER, "due_at": due,
                    "uncounted": 1}  # fmt: skip
        case Ambiguous() if one.purpose == "marketing" and not honours_references:
            return {"state": State.UNKNOWN, "reason": reason}
        case TryLater() | Ambiguous() if one.attempt >= policy.most_attempts:
            gone = isinstance(outcome, Ambiguous)
            state = State.UNKNOWN if gone else State.FAILED
            return {"state": state, "reason": reason if gone else Reason.GIVEN_UP}
        case TryLater() | Ambiguous():
            due = now + timedelta(seconds=_wait(one, outcome, policy))
            return {"state": State.WAITING, "reason": Reason.TRY_LATER, "due_at": due}
    raise AssertionError(outcome)


def _wait(one: Tried | Outgoing, outcome: TryLater | Ambiguous, policy: Policy) -> float:
    if isinstance(outcome, Ambiguous):
        return backoff(one.attempt, policy)
    if outcome.at_once:
        return 0
    return max(outcome.after_seconds or 0, backoff(one.attempt, policy))


def backoff(attempt: int, policy: Policy) -> float:
    """Seconds until the next try: doubling, between half and the whole, so that many that failed
    together do not come back together."""
    whole = min(policy.first_seconds * 2 ** (attempt - 1), policy.longest_seconds)
    return whole * random.uniform(0.5, 1)


def _note(pairs: Sequence[tuple[Tried | Outgoing, Outcome]], now: datetime) -> None:
    """Keep what the provider said of a try that was not taken."""
    rows = [
        {"id": one.id, "data": {"code": outcome.code, "attempt": one.attempt}}
        for one, outcome in pairs
        if not isinstance(outcome, (Accepted, Withdrawn)) and getattr(outcome, "counts", True)
    ]
    if rows:
        db.session.execute(NOTE, {"rows": as_rows(rows), "now": now})


def _uncount(done: Iterable[Any]) -> None:
    days: dict[tuple[UUID, Any], int] = {}
    for row in done:
        key = (row.member_id, row.local_day)
        days[key] = days.get(key, 0) - 1
    eligibility.count(days)
