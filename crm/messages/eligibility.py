"""Whether a message may go now, and if not, why or when: asked just before each call.

One query answers for a batch that the caller has locked. The caps are asked afterwards, under a
lock per member and day, so that no two workers send somebody one message too many.

A service message for a record that was merged goes to the one that lives on; marketing does not,
for that one gets his own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from crm.db import as_rows, db
from crm.messages import hours
from crm.messages.policy import Policy
from crm.messages.states import CONSENT, Reason, State

ADDRESS = MappingProxyType({"email": "email", "sms": "phone"})  # kinds of identity; else: his id
YIELD = timedelta(minutes=1)  # how long a message lets one of higher priority go first
REMEMBERED = timedelta(days=6)

JUDGE = text("""
    SELECT b.id, m.id AS member_id, b.purpose, b.priority, b.due_at, b.not_after, b.attempts,
           b.fence, b.template_id, b.template_version, CAST(b.variables AS text) AS variables,
           z.day, z.opens_at, z.zone, m.name, m.member_no, a.value AS address,
           CASE WHEN b.source_type = 'test' THEN coalesce(b.locale, m.locale) ELSE m.locale END
               AS locale, b.source_type <> 'test' AS by_consent,
           CASE
               WHEN s.state = 'stopped' THEN 'stopped'
               WHEN s.state = 'paused' THEN 'paused'
               WHEN b.not_after <= :now THEN 'expired'
               WHEN m.status = 'merged' THEN 'duplicate_person'
               WHEN m.status <> 'active' THEN 'member_erased'
               WHEN b.source_type = 'test' AND a.value IS NOT NULL THEN 'go'
               WHEN NOT (CASE b.purpose
                   WHEN 'marketing' THEN EXISTS (
                       SELECT FROM member_consent c
                       WHERE c.member_id = m.id AND c.channel = ANY(:consents)
                         AND c.purpose = 'marketing' AND c.granted AND c.superseded_at IS NULL)
                   ELSE NOT EXISTS (
                       SELECT FROM member_consent c
                       WHERE c.member_id = m.id AND c.channel = ANY(:consents)
                         AND c.purpose = b.purpose AND NOT c.granted AND c.superseded_at IS NULL)
                   END) THEN 'opted_out'
               WHEN a.value IS NULL THEN 'no_address'
               WHEN EXISTS (
                   SELECT FROM suppression x
                   WHERE x.channel = :channel
                     AND x.address_key = message_address_key(:channel, a.value)
                     AND (x.scope = 'all' OR b.purpose = 'marketing')) THEN 'address_suppressed'
               WHEN z.opens_at >= b.not_after THEN 'quiet_expired'
               WHEN z.opens_at IS NOT NULL THEN 'quiet_hours'
               ELSE 'go'
           END AS verdict,
           b.purpose = 'marketing' AND EXISTS (
               SELECT FROM member_consent c
               WHERE c.member_id = m.id AND c.channel = ANY(:consents)
                 AND c.purpose = 'profiling' AND c.granted AND c.superseded_at IS NULL
           ) AS may_count,
           CASE WHEN b.purpose = 'marketing' THEN (
               SELECT min(k.reason) FROM message_block k WHERE k.member_id = m.id
           ) END AS blocked,
           s.reason AS stopped_for
    FROM message b
    JOIN member own ON own.id = b.member_id
    JOIN member m ON m.id = CASE WHEN own.status = 'merged' AND b.purpose = 'service'
                                 THEN own.merged_into ELSE own.id END
    LEFT JOIN store h ON h.code = m.home_store
    LEFT JOIN message_source s ON s.type = b.source_type AND s.id = b.source_id
    JOIN json_to_recordset(CAST(:clocks AS json))
        AS z (zone text, purpose text, day date, opens_at timestamptz)
        ON z.zone = coalesce(m.timezone, h.timezone, b.zone) AND z.purpose = b.purpose
    LEFT JOIN LATERAL (
        SELECT i.value FROM member_identity i
        WHERE i.member_id = m.id AND i.kind = :kind
        ORDER BY i.came_with NULLS FIRST, i.value LIMIT 1
    ) AS i ON true
    CROSS JOIN LATERAL (
        SELECT CASE WHEN b.source_type = 'test' AND b.address IS NOT NULL THEN b.address
                    WHEN :kind = '' THEN m.id::text ELSE i.value END AS value
    ) AS a
    WHERE b.id = ANY(:ids)
    ORDER BY b.priority DESC, b.due_at, b.id
""")

# Rivals are messages that wait for the same member and are not in hand themselves.
DAYS_AND_RIVALS = text("""
    SELECT member_id, day, sent, NULL::integer AS priority FROM message_day
    WHERE member_id = ANY(:members) AND day >= :since AND sent > 0
    UNION ALL
    SELECT member_id, NULL, NULL, priority FROM message
    WHERE member_id = ANY(:members) AND state = 'waiting' AND purpose = 'marketing'
      AND due_at <= :now
      AND NOT EXISTS (SELECT FROM unnest(CAST(:ids AS uuid[])) AS h (id) WHERE h.id = message.id)
""")
COUNT_DAYS = text("""
    INSERT INTO message_day AS d (member_id, day, sent)
    SELECT r.member_id, r.day, r.n
    FROM json_to_recordset(CAST(:rows AS json)) AS r (member_id uuid, day date, n integer)
    ORDER BY r.member_id, r.day
    ON CONFLICT (member_id, day) DO UPDATE SET sent = greatest(d.sent + excluded.sent, 0)
""")


@dataclass(slots=True)
class Verdict:
    """What becomes of one message of a batch. `state` None: it may go now. `row` is what was read
    of it and of its member."""

    row: Row[Any]
    state: State | None = None
    reason: str | None = None
    due_at: datetime | None = None


def judge(
    channel: str, claimed: Sequence[tuple[UUID, str, str]], policy: Policy, now: datetime
) -> list[Verdict]:
    """Judge messages of one channel that the caller has locked: (id, purpose, zone) of each.

    Who may go is counted against his caps in this transaction; `count` takes it back.
    """
    rows = _read(channel, claimed, policy, now)
    found = [_verdict(row) for row in rows]
    rivals = [one for one in found if one.state is None and one.row.purpose == "marketing"]
    if not rivals or (policy.per_day is None and policy.per_week is None):
        return found
    capped = _cap(channel, rivals, policy, now)
    if not capped:
        return found
    return [capped.get(one.row.id, one) for one in found]


def _read(
    channel: str, claimed: Sequence[tuple[UUID, str, str]], policy: Policy, now: datetime
) -> Sequence[Row[Any]]:
    clocks = [
        {
            "zone": zone,
            "purpose": purpose,
            "day": clock.day,
            "opens_at": clock.opens_at,
        }
        for purpose, zone in {(purpose, zone) for _, purpose, zone in claimed}
        for clock in [
            hours.local_clock(zone, now, hours.hours_of(channel, purpose, policy), policy.timezone)
        ]
    ]
    values = {
        "ids": [one[0] for one in claimed],
        "channel": channel,
        "consents": list(CONSENT[channel]),
        "kind": ADDRESS.get(channel, ""),
        "clocks": as_rows(clocks),
        "now": now,
    }
    return db.session.execute(JUDGE, values).all()


def _verdict(row: Row[Any]) -> Verdict:
    match row.verdict:
        case "stopped":
            return Verdict(row, State.CANCELLED, row.stopped_for or Reason.CANCELLED)
        case "paused":
            return Verdict(row, State.WAITING, Reason.PAUSED, None)
        case "quiet_hours" if not row.blocked:
            return Verdict(row, State.WAITING, Reason.QUIET_HOURS, row.opens_at)
        case "go" if not row.blocked:
            return Verdict(row)
        case "go" | "quiet_hours" | "quiet_expired" if row.blocked:
            return Verdict(row, State.SUPPRESSED, row.blocked)
        case reason:
            return Verdict(row, State.SUPPRESSED, reason)


def _cap(
    channel: str, rivals: Sequence[Verdict], policy: Policy, now: datetime
) -> dict[UUID, Verdict]:
    """The verdicts of those who may not go after all; the others are counted.

    `rivals` stand in the order in which they go: priority first, then age.
    """
    days, waiting = _counted(rivals, now)
    stays: dict[UUID, Verdict] = {}
    never = 0 in (policy.per_day, policy.per_week)
    back: dict[tuple[UUID, date], int] = {}
    for one in rivals:
        row = one.row
        sent = days.setdefault(row.member_id, {})
        first = row.day
        if sent or never:
            first = hours.first_day_with_room(row.day, sent, policy.per_day, policy.per_week)
        if first != row.day:
            stays[row.id] = _capped(channel, one, first, policy)
        elif any(other > row.priority for other in waiting.get(row.member_id, ())):
            stays[row.id] = replace(one, state=State.WAITING, due_at=now + YIELD)
        else:
            sent[row.day] = sent.get(row.day, 0) + 1
            continue
        back[row.member_id, row.day] = back.get((row.member_id, row.day), 0) - 1
    count(back)
    return stays


def _counted(
    rivals: Sequence[Verdict], now: datetime
) -> tuple[dict[UUID, dict[date, int]], dict[UUID, list[int]]]:
    """Count all that want to go, which locks their days; then read what was sent before them on
    those days and in the week before, and the priorities of what else waits for those members.

    Nearly all go, so that counting again is rare.
    """
    going: dict[tuple[UUID, date], int] = {}
    for one in rivals:
        key = (one.row.member_id, one.row.day)
        going[key] = going.get(key, 0) + 1
    count(going)
    values = {
        "members": list({member_id for member_id, _ in going}),
        "ids": [one.row.id for one in rivals],
        "since": min(day for _, day in going) - REMEMBERED,
        "now": now,
    }
    days: dict[UUID, dict[date, int]] = {}
    waiting: dict[UUID, list[int]] = {}
    for member_id, day, sent, priority in db.session.execute(DAYS_AND_RIVALS, values):
        if day is None:
            waiting.setdefault(member_id, []).append(priority)
        elif (before := sent - going.get((member_id, day), 0)) > 0:
            days.setdefault(member_id, {})[day] = before
    return days, waiting


def _capped(channel: str, one: Verdict, first: date | None, policy: Policy) -> Verdict:
    """A message that found no room waits for the next day that has some, if it says until when it
    is worth something; else it is not sent."""
    row = one.row
    if first is not None and row.not_after is not None:
        open_hours = hours.hours_of(channel, row.purpose, policy)
        opens = hours.start_of(row.zone, first, open_hours, policy.timezone)
        if opens < row.not_after:
            return replace(one, state=State.WAITING, reason=Reason.CAPPED, due_at=opens)
    return replace(one, state=State.SUPPRESSED, reason=Reason.CAPPED)


def count(going: Mapping[tuple[UUID, date], int]) -> None:
    """Count messages against members' caps; a negative number takes back what was counted."""
    if going:
        rows = [{"member_id": m, "day": day, "n": n} for (m, day), n in going.items()]
        db.session.execute(COUNT_DAYS, {"rows": as_rows(rows)})
