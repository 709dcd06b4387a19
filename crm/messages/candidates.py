"""Messages that are due, locked, and with each all that decides whether it may go.

One statement reads a batch: workers pass over each other's rows, and what was decided a moment ago
(consent, an address that bounced, a source that was paused) is seen.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text

from crm.db import db
from crm.messages.states import ADDRESS, CONSENT, PURPOSES

# Occasions name the member, so that of another record of his is the same words with its id.
SAME_OF = "message_occasion_key(replace(b.occasion, b.member_id::text, {other}::text))"
# A person with two records is told once. What the record that lives on has of his own goes before
# what comes with another, unless it came to nothing; of several that come, the first.
TOLD_TWICE = f"""
    own.status = 'merged' AND EXISTS (
        SELECT FROM message o
        WHERE o.occasion_key = {SAME_OF.format(other="m.id")} AND o.id <> b.id
          AND o.state NOT IN ('suppressed', 'cancelled'))
    OR EXISTS (
        SELECT FROM member x
        JOIN message o ON o.occasion_key = {SAME_OF.format(other="x.id")} AND o.id <> b.id
        WHERE x.merged_into = m.id AND (
            o.state IN ('sending', 'sent', 'delivered', 'unknown')
            OR o.state = 'waiting' AND own.status = 'merged' AND o.id < b.id))"""  # noqa: S608
AGREES = {
    "marketing": """EXISTS (
        SELECT FROM member_consent c
        WHERE c.member_id = m.id AND c.channel = ANY(CAST(:consents AS text[]))
          AND c.purpose = 'marketing' AND c.granted AND c.superseded_at IS NULL)""",
    "service": """NOT EXISTS (
        SELECT FROM member_consent c
        WHERE c.member_id = m.id AND c.channel = ANY(CAST(:consents AS text[]))
          AND c.purpose = 'service' AND NOT c.granted AND c.superseded_at IS NULL)""",
}
MAY_COUNT = {
    "marketing": """EXISTS (
        SELECT FROM member_consent c
        WHERE c.member_id = m.id AND c.channel = ANY(CAST(:consents AS text[]))
          AND c.purpose = 'profiling' AND c.granted AND c.superseded_at IS NULL)""",
    "service": "false",
}
BLOCKED = {
    "marketing": "(SELECT min(k.reason) FROM message_block k WHERE k.member_id = m.id)",
    "service": "NULL",
}
TAKE = """
    WITH b AS MATERIALIZED (
        SELECT * FROM message
        WHERE channel = :channel AND purpose = :purpose AND state = 'waiting' AND due_at <= :now
          AND (due_at, id) > (:due_at, :id)
        ORDER BY due_at, id LIMIT :most FOR UPDATE SKIP LOCKED
    )
    SELECT b.id, m.id AS member_id, b.purpose, b.priority, b.due_at, b.not_after, b.attempts,
           b.fence, b.template_id, b.template_version, CAST(b.variables AS text) AS variables,
           coalesce(m.timezone, h.timezone, b.zone) AS zone, m.name, m.member_no,
           a.value AS address,
           CASE WHEN b.source_type = 'test' THEN coalesce(b.locale, m.locale) ELSE m.locale END
               AS locale, b.source_type <> 'test' AS by_consent,
           CASE
               WHEN s.state = 'stopped' THEN 'stopped'
               WHEN s.state = 'paused' THEN 'paused'
               WHEN b.not_after <= :now THEN 'expired'
               WHEN m.status <> 'active' THEN 'member_erased'
               WHEN {told_twice} THEN 'duplicate_person'
               WHEN b.source_type = 'test' AND a.value IS NOT NULL THEN 'go'
               WHEN NOT {agrees} THEN 'opted_out'
               WHEN a.value IS NULL THEN 'no_address'
               WHEN EXISTS (
                   SELECT FROM suppression x
                   WHERE x.channel = :channel
                     AND x.address_key = message_address_key(:channel, a.value)
                     AND (x.scope = 'all' OR b.purpose = 'marketing')) THEN 'address_suppressed'
               ELSE 'by_the_clock'
           END AS verdict,
           {may_count} AS may_count, {blocked} AS blocked, s.reason AS stopped_for
    FROM b
    JOIN member own ON own.id = b.member_id
    -- Of a record that was merged to the one that lives on.
    JOIN member m ON m.id = CASE WHEN own.status = 'merged' THEN own.merged_into ELSE own.id END
    LEFT JOIN store h ON h.code = m.home_store
    LEFT JOIN message_source s ON s.type = b.source_type AND s.id = b.source_id
    LEFT JOIN LATERAL (
        SELECT i.value FROM member_identity i
        WHERE i.member_id = m.id AND i.kind = :kind
        ORDER BY i.came_with NULLS FIRST, i.value LIMIT 1
    ) AS i ON true
    CROSS JOIN LATERAL (
        SELECT CASE WHEN b.source_type = 'test' AND b.address IS NOT NULL THEN b.address
                    WHEN :kind = '' THEN m.id::text ELSE i.value END AS value
    ) AS a
    ORDER BY b.priority DESC, b.due_at, b.id
"""


class Candidate(NamedTuple):
    """A message that is due, and its member. What `verdict` can be: a reason not to go, `stopped`,
    `paused`, `go`, or `by_the_clock`. `stopped_for` is the reason of one that is stopped, `blocked`
    why its member gets no marketing now. `may_count`: the member lets us see what he opens.

    No row of SQLAlchemy's, where a value is ten times as far away.
    """

    id: UUID
    member_id: UUID
    purpose: str
    priority: int
    due_at: datetime
    not_after: datetime | None
    attempts: int
    fence: int
    template_id: UUID
    template_version: int
    variables: str
    zone: str
    name: str | None
    member_no: str
    address: str
    locale: str | None
    by_consent: bool
    verdict: str
    may_count: bool
    blocked: str | None
    stopped_for: str | None


def _statement(purpose: str) -> TextClause:
    return text(
        TAKE.format(
            told_twice=TOLD_TWICE,
            agrees=AGREES[purpose],
            may_count=MAY_COUNT[purpose],
            blocked=BLOCKED[purpose],
        )
    )


STATEMENTS: Mapping[str, TextClause] = {one: _statement(one) for one in PURPOSES}
START: tuple[datetime, UUID] = (datetime.fromisoformat("1970-01-01T00:00:00+00:00"), UUID(int=0))


def take(
    channel: str, purpose: str, most: int, *, behind: tuple[datetime, UUID] = START, now: datetime
) -> list[Candidate]:
    """At most `most` messages that nobody else has locked, from `behind` (due_at, id) on; in the
    order in which they go: priority first, then age."""
    values = {
        "channel": channel,
        "purpose": purpose,
        "most": most,
        "due_at": behind[0],
        "id": behind[1],
        "consents": list(CONSENT[channel]),
        "kind": ADDRESS.get(channel, ""),
        "now": now,
    }
    return [Candidate._make(row) for row in db.session.execute(STATEMENTS[purpose], values)]


def end_of(rows: Sequence[Candidate]) -> tuple[datetime, UUID]:
    """Behind which the next batch begins."""
    return max((row.due_at, row.id) for row in rows)
