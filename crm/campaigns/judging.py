"""Who of an audience gets what, by one query.

The plan counts what this query says, and the launch writes it down: so what was shown is what
happens. It asks what workers ask again just before each call (`crm.messages.eligibility`), set by
set instead of member by member. Holdouts are drawn from those who could get a message, so that
both sides are alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from crm.campaigns import assignment, audience, schedule
from crm.campaigns.models import Campaign, CampaignArm
from crm.campaigns.schedule import Due
from crm.db import as_rows, db
from crm.messages.policy import Policy
from crm.messages.states import ADDRESS, CONSENT

WEEK = timedelta(days=6)

# From one zone to the next by the index of members; names that are no zones are here too.
ZONES = text("""
    WITH RECURSIVE used AS (
        (SELECT timezone FROM member WHERE timezone IS NOT NULL ORDER BY timezone LIMIT 1)
        UNION ALL
        SELECT (SELECT m.timezone FROM member m WHERE m.timezone > used.timezone
                ORDER BY m.timezone LIMIT 1)
        FROM used WHERE used.timezone IS NOT NULL
    )
    SELECT timezone FROM used WHERE timezone IS NOT NULL
    UNION SELECT timezone FROM store WHERE timezone IS NOT NULL
    UNION SELECT :shop
""")

# Everything is a join of sets. `m.id` is the member, `z` his zone with its instant and its day.
JUDGED = """
    SELECT m.id AS member_id, m.name, z.due_at, v.verdict,
           CASE WHEN v.verdict IS NULL THEN {arm} END AS arm
    FROM ({audience}) AS a
    JOIN member m ON m.id = a.member_id
    LEFT JOIN store h ON h.code = m.home_store
    JOIN json_to_recordset(CAST(:zones AS json)) AS z (zone text, due_at timestamptz, day date)
        ON z.zone = coalesce(m.timezone, h.timezone, :shop)
    LEFT JOIN (SELECT DISTINCT member_id FROM ({excluded}) AS e) AS x ON x.member_id = m.id
    LEFT JOIN (
        SELECT DISTINCT member_id FROM member_consent
        WHERE channel = ANY(:consents) AND purpose = 'marketing' AND granted
          AND superseded_at IS NULL) AS c ON c.member_id = m.id
    LEFT JOIN ({address}) AS i ON i.member_id = m.id
    LEFT JOIN ({suppressed}) AS s ON s.member_id = m.id
    LEFT JOIN (SELECT member_id, min(reason) AS reason FROM message_block GROUP BY 1) AS k
        ON k.member_id = m.id
    LEFT JOIN ({capped}) AS full_ ON full_.member_id = m.id AND full_.day = z.day
    {drawn}
    CROSS JOIN LATERAL (
        SELECT CASE WHEN x.member_id IS NOT NULL THEN 'excluded'
                    WHEN c.member_id IS NULL THEN 'opted_out'
                    WHEN i.value IS NULL THEN 'no_address'
                    WHEN s.member_id IS NOT NULL THEN 'address_suppressed'
                    WHEN k.reason IS NOT NULL THEN k.reason
                    WHEN z.due_at IS NULL THEN 'expired'
                    WHEN :never OR full_.member_id IS NOT NULL THEN 'capped' END AS verdict
    ) AS v
"""
ADDRESSES = """
    SELECT DISTINCT ON (member_id) member_id, value FROM member_identity WHERE kind = :kind
    ORDER BY member_id, came_with NULLS FIRST, value
"""
THEMSELVES = "SELECT id AS member_id, id::text AS value FROM member"
# The key of every address is made only where any address is suppressed at all.
SUPPRESSED = """
    SELECT DISTINCT w.member_id FROM ({address}) AS w
    JOIN suppression x ON x.channel = :channel
        AND x.address_key = message_address_key(:channel, w.value)
    WHERE EXISTS (SELECT FROM suppression WHERE channel = :channel)
"""
# Days on which members can get no more: by what they got on it, and on the six days before.
CAPPED = """
    SELECT d.member_id, t.day FROM message_day d
    JOIN unnest(CAST(:days AS date[])) AS t (day) ON d.day BETWEEN t.day - 6 AND t.day
    WHERE d.sent > 0 AND d.day BETWEEN :first_day AND :last_day
    GROUP BY d.member_id, t.day
    HAVING sum(d.sent) >= :per_week
        OR coalesce(sum(d.sent) FILTER (WHERE d.day = t.day), 0) >= :per_day
"""
NO_CAP = 2**31


@dataclass(frozen=True, slots=True)
class Judged:
    """The query of who gets what: `sql` gives member_id, name, due_at, verdict, arm."""

    sql: str
    params: dict[str, Any]


def zones(found: Campaign, channel: str, rules: Policy, launched_at: datetime) -> list[Due]:
    """When each zone that members live in has its time."""
    names = db.session.scalars(ZONES, {"shop": rules.timezone})
    return schedule.dues(
        found.schedule, names, launched_at=launched_at, channel=channel, policy=rules
    )


def judged(
    found: Campaign,
    arms: Sequence[CampaignArm],
    channel: str,
    dues: Sequence[Due],
    rules: Policy,
    now: datetime,
    *,
    within: str = "{audience}",
) -> Judged:
    """The query for a campaign whose audience and arms are there; only members of these zones.

    `within` may narrow the audience: a SELECT of member_id around `{audience}`.
    """
    assert found.audience_id is not None
    members = audience.members(found.audience_id, found.exclude, now)
    kind = ADDRESS.get(channel)
    params = members.params | _drawn(found, arms) | _limits(channel, dues, rules, now)
    if kind is not None:
        params["kind"] = kind
    address = ADDRESSES if kind else THEMSELVES
    sql = JUDGED.format(
        audience=within.replace("{audience}", members.audience),
        excluded=members.excluded,
        address=address,
        suppressed=SUPPRESSED.format(address=address),
        capped=CAPPED,
        arm=assignment.arm_sql(len(arms)),
        drawn=assignment.DRAWN,
    )
    return Judged(sql, params)


def _drawn(found: Campaign, arms: Sequence[CampaignArm]) -> dict[str, Any]:
    """What the draw of holdout and arm goes by."""
    return {
        "campaign": found.id,
        "holdout": found.holdout_percent / 100,
        "upto": assignment.bounds([arm.weight for arm in arms]),
    }


def _limits(channel: str, dues: Sequence[Due], rules: Policy, now: datetime) -> dict[str, Any]:
    """When each zone has its time, and whom consent and caps then let through."""
    days = sorted({one.day for one in dues}) or [now.date()]
    return {
        "shop": rules.timezone,
        "channel": channel,
        "consents": list(CONSENT[channel]),
        "zones": as_rows([{"zone": d.zone, "due_at": d.at, "day": d.day} for d in dues]),
        "days": days,
        "first_day": days[0] - WEEK,
        "last_day": days[-1],
        "per_day": NO_CAP if rules.per_day is None else rules.per_day,
        "per_week": NO_CAP if rules.per_week is None else rules.per_week,
        "never": 0 in (rules.per_day, rules.per_week),
    }
