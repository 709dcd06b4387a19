"""Planning messages: a row each, in the transaction of their cause, once per occasion for life.

An occasion says why in words that hold for ever, such as `birthday:<journey>:<member>:<year>`;
what is planned twice under one occasion is one message. Rules call this with `now`; whether a
message may go is asked when it goes (`crm.messages.eligibility`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import as_rows, db
from crm.ids import stamp
from crm.messages import policy, versions, waking
from crm.messages.models import Message

HIGHEST = 1000  # priorities are -1000 to 1000; higher goes first


@dataclass(frozen=True, slots=True)
class Source:
    """What causes messages: its type (`campaign`, `journey`, …) and id. Counters are kept by it."""

    type: str
    id: str


INSERT = """
    INSERT INTO message (
        id, member_id, occasion, occasion_key, channel, purpose, priority,
        template_id, template_version, fallback_template_id, fallback_version,
        variables, source_type, source_id, zone, state, reason,
        due_at, not_after, created_at, finished_at)
    SELECT uuid7_in_order(:stamp + row_number() OVER (), p.key), p.member_id, p.occasion, p.key,
           :channel, :purpose, :priority, CAST(:template_id AS uuid), CAST(:version AS integer),
           CAST(:fallback_id AS uuid), CAST(:fallback_version AS integer),
           coalesce(p.variables, '{{}}'), :source_type, :source_id, :zone,
           coalesce(p.state, 'waiting'), p.reason, coalesce(p.due_at, :now), p.not_after, :now,
           CASE WHEN coalesce(p.state, 'waiting') <> 'waiting' THEN CAST(:now AS timestamptz) END
    FROM (SELECT s.*, message_occasion_key(s.occasion) AS key FROM ({select}) AS s OFFSET 0) AS p
    ON CONFLICT (occasion_key) DO NOTHING
    RETURNING id, state = 'waiting' AND due_at <= :now AS is_due
"""

COUNT = "SELECT count(*) AS new, coalesce(bool_or(is_due), false) AS due FROM planned"

GIVEN = """
    SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS r (
        member_id uuid, occasion text, variables jsonb, due_at timestamptz,
        not_after timestamptz, state text, reason text)
"""


def plan(
    member_id: UUID,
    *,
    occasion: str,
    template_id: UUID,
    source: Source,
    now: datetime,
    variables: Mapping[str, Any] | None = None,
    due_at: datetime | None = None,
    not_after: datetime | None = None,
    version: int | None = None,
    priority: int = 0,
    zone: str | None = None,
) -> Message | None:
    """Plan one message, due now or at `due_at`, worthless from `not_after` on.

    None: this occasion has had its message. `zone` counts for a member who has none (the policy's
    if not given). `variables` fill the template. Raises `TemplateNotFound`, `TemplateArchived`.
    """
    row = {"member_id": member_id, "occasion": occasion, "variables": dict(variables or {})} | {
        "due_at": due_at,
        "not_after": not_after,
    }
    values = _values(versions.usable(template_id, version), source, priority, zone, now) | {
        "rows": as_rows([row])
    }
    found = db.session.execute(text(INSERT.format(select=GIVEN)), values).one_or_none()
    if found is None:
        return None
    if found.is_due:
        waking.wake(now)
    return db.session.get(Message, found.id)


def plan_many(
    rows: Sequence[Mapping[str, Any]],
    *,
    template_id: UUID | None,
    source: Source,
    now: datetime,
    version: int | None = None,
    priority: int = 0,
    zone: str | None = None,
    channel: str = "email",
    purpose: str = "marketing",
    fallback_template_id: UUID | None = None,
) -> int:
    """Plan one message per row in one statement; returns how many occasions were new.

    A row: member_id, occasion, and maybe variables, due_at, not_after; `state` and `reason` for
    members who get none (`holdout`, `suppressed`). Without a template all rows must be such;
    `channel` and `purpose` then say what they would have got. `fallback_template_id`, of another
    channel, says it to whom the first turns out not to reach (`crm.messages.falling_back`).
    """
    said = versions.said(template_id, channel, purpose, version)
    values: dict[str, Any] = {"rows": as_rows(rows)}
    if fallback_template_id is not None:
        second = versions.usable(fallback_template_id)
        values |= {"fallback_id": second.template_id, "fallback_version": second.version}
    return _planned(GIVEN, values, said, source, priority, zone, now)


def plan_select(
    query: str,
    params: Mapping[str, Any],
    *,
    template_id: UUID | None,
    source: Source,
    now: datetime,
    version: int | None = None,
    priority: int = 0,
    zone: str | None = None,
    channel: str = "email",
    purpose: str = "marketing",
) -> int:
    """As `plan_many`, for the rows of a query (trusted SQL of the caller's, with `:name` params).

    It must give the columns member_id, occasion, variables, due_at, not_after, state and reason,
    in any order; NULL where a row of `plan_many` would leave a value out.
    """
    said = versions.said(template_id, channel, purpose, version)
    return _planned(query, params, said, source, priority, zone, now)


def _planned(
    rows: str,
    params: Mapping[str, Any],
    said: versions.Wording,
    source: Source,
    priority: int,
    zone: str | None,
    now: datetime,
) -> int:
    values = _values(said, source, priority, zone, now) | dict(params)
    done = db.session.execute(
        text(f"WITH planned AS ({INSERT.format(select=rows)}) {COUNT}"), values
    ).one()
    if done.due:
        waking.wake(now)
    return done.new


def _values(
    said: versions.Wording, source: Source, priority: int, zone: str | None, now: datetime
) -> dict[str, Any]:
    assert -HIGHEST <= priority <= HIGHEST, priority
    return {
        "template_id": said.template_id,
        "version": said.version,
        "fallback_id": None,
        "fallback_version": None,
        "channel": said.channel,
        "purpose": said.purpose,
        "source_type": source.type,
        "source_id": source.id,
        "priority": priority,
        "zone": zone or policy.current().timezone,
        "now": now,
        "stamp": stamp(),
    }
