"""Whether a message may go now, and if not, why or when: asked just before each call.

What decides was read with the batch (`crm.messages.candidates`), which the caller has locked. The
caps are asked afterwards, under a lock per member and day, so that no two workers send somebody one
message too many.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from crm.db import as_rows, db
from crm.messages import hours
from crm.messages.candidates import Candidate
from crm.messages.hours import LocalClock
from crm.messages.policy import Policy
from crm.messages.states import Reason, State

YIELD = timedelta(minutes=1)  # how long a message lets one of higher priority go first
REMEMBERED = timedelta(days=6)

# What was sent besides those that were just counted, and what else waits for the same members and
# goes first. Look-ups member by member (LATERAL, OFFSET 0): a plan for any number of members would
# read whole tables, and compare each row with each member.
DAYS_AND_RIVALS = text("""
    WITH w AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:going AS json))
            AS r (member_id uuid, day date, n integer, priority integer)
    )
    SELECT d.member_id, d.day, d.sent, NULL::uuid AS id, NULL::integer AS priority
    FROM w, LATERAL (
        SELECT * FROM message_day
        WHERE member_id = w.member_id AND day >= :since AND sent > 0
          AND (day <> w.day OR sent > w.n) OFFSET 0) AS d
    UNION ALL
    SELECT r.member_id, NULL, NULL, r.id, r.priority
    FROM w, LATERAL (
        SELECT * FROM message
        WHERE member_id = w.member_id AND state = 'waiting' AND purpose = 'marketing'
          AND due_at <= :now AND priority > w.priority OFFSET 0) AS r
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
    of it and of its member; `day` is the member's."""

    row: Candidate
    day: date
    state: State | None = None
    reason: str | None = None
    due_at: datetime | None = None


def judge(channel: str, rows: Sequence[Candidate], policy: Policy, now: datetime) -> list[Verdict]:
    """Judge messages of one channel that the caller has locked, by what was read with them.

    Who may go is counted against his caps in this transaction; `count` takes it back.
    """
    clocks: dict[tuple[str, str], LocalClock] = {}
    found: list[Verdict] = []
    for row in rows:
        key = (row.purpose, row.zone)
        clock = clocks.get(key)
        if clock is None:
            open_hours = hours.hours_of(channel, row.purpose, policy)
            clock = clocks[key] = hours.local_clock(row.zone, now, open_hours, policy.timezone)
        found.append(_verdict(row, clock))
    rivals = [one for one in found if one.state is None and one.row.purpose == "marketing"]
    if not rivals or (policy.per_day is None and policy.per_week is None):
        return found
    capped = _cap(channel, rivals, policy, now)
    if not capped:
        return found
    return [capped.get(one.row.id, one) for one in found]


def _verdict(row: Candidate, clock: LocalClock) -> Verdict:
    verdict, opens_at = row.verdict, None
    if verdict == "by_the_clock":
        verdict, opens_at = "go", clock.opens_at
        if opens_at is not None:
            too_late = row.not_after is not None and opens_at >= row.not_after
            verdict = "quiet_expired" if too_late else "quiet_hours"
    match verdict:
        case "go" if not row.blocked:
            return Verdict(row, clock.day)
        case "stopped":
            reason = row.stopped_for or Reason.CANCELLED
            return Verdict(row, clock.day, State.CANCELLED, reason)
        case "paused":
            return Verdict(row, clock.day, State.WAITING, Reason.PAUSED, None)
        case "quiet_hours" if not row.blocked:
            return Verdict(row, clock.day, State.WAITING, Reason.QUIET_HOURS, opens_at)
        case "go" | "quiet_hours" | "quiet_expired" if row.blocked:
            return Verdict(row, clock.day, State.SUPPRESSED, row.blocked)
        case reason:
            return Verdict(row, clock.day, State.SUPPRESSED, reason)


def _cap(
    channel: str, rivals: Sequence[Verdict], policy: Policy, now: datetime
) -> dict[UUID, Verdict]:
    """The verdicts of those who may not go after all; the others are counted.

    `rivals` stand in the order in which they go: priority first, then age.
    """
    days, waiting = _counted(rivals, now)
    stays: dict[UUID, Verdict] = {}
    never = 0 in (policy.per_day, policy.per_week)
    alone = len({one.row.member_id for one in rivals}) == len(rivals)
    if alone and not (days or waiting or never):
        return stays
    back: dict[tuple[UUID, date], int] = {}
    for one in rivals:
        row = one.row
        sent = days.setdefault(row.member_id, {})
        first = one.day
        if sent or never:
            first = hours.first_day_with_room(one.day, sent, policy.per_day, policy.per_week)
        if first != one.day:
            stays[row.id] = _capped(channel, one, first, policy)
        elif any(other > row.priority for other in waiting.get(row.member_id, ())):
            stays[row.id] = replace(one, state=State.WAITING, due_at=now + YIELD)
        else:
            sent[one.day] = sent.get(one.day, 0) + 1
            continue
        back[row.member_id, one.day] = back.get((row.member_id, one.day), 0) - 1
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
    lowest: dict[UUID, int] = {}
    for one in rivals:  # by falling priority: the last is the lowest
        row = one.row
        key = (row.member_id, one.day)
        going[key] = going.get(key, 0) + 1
        lowest[row.member_id] = row.priority
    count(going)
    asked = [
        {"member_id": member_id, "day": day, "n": n, "priority": lowest[member_id]}
        for (member_id, day), n in going.items()
    ]
    since = min(day for _, day in going) - REMEMBERED
    values = {"going": as_rows(asked), "since": since, "now": now}
    found = db.session.execute(DAYS_AND_RIVALS, values).all()
    days: dict[UUID, dict[date, int]] = {}
    waiting: dict[UUID, list[int]] = {}
    in_hand = {one.row.id for one in rivals} if found else set()
    for member_id, day, sent, other, priority in found:
        if day is None:
            if other not in in_hand:
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
