"""audience − exclusions − no consent − suppressed − capped − holdout = will send, in one query.

The plan counts what this query says, and the launch writes it down: so what was shown is what
happens. It asks what workers ask again just before each call (`crm.messages.eligibility`), set by
set instead of member by member. Holdouts are drawn from those who could get a message, so that
both sides are alike.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from crm.campaigns import assignment, audience, schedule
from crm.campaigns.models import HELD_OUT, Campaign, CampaignArm
from crm.campaigns.schedule import Due
from crm.db import as_rows, db
from crm.messages.policy import Policy
from crm.messages.states import ADDRESS, CONSENT, Reason

EXCLUDED = "excluded"
# The steps between the audience and what is sent, as they are shown.
STEPS = (
    EXCLUDED,
    Reason.OPTED_OUT,
    Reason.NO_ADDRESS,
    Reason.ADDRESS_SUPPRESSED,
    Reason.OPEN_CASE,
    Reason.EXPIRED,
    Reason.CAPPED,
    "holdout",
)
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
# Whole audiences are sorted and hashed in memory; to compile such statements takes longer than to
# run them; and tables that were filled a minute ago look empty to the planner, which would then go
# through them once for each member.
ROOM = text("""
    SET LOCAL work_mem = '128MB'; SET LOCAL jit = off; SET LOCAL enable_nestloop = off
""")
NO_ROOM = text("RESET work_mem; RESET jit; RESET enable_nestloop")
# Days on which members can get no more: by what they got on it, and on the six days before.
CAPPED = """
    SELECT d.member_id, t.day FROM message_day d
    JOIN unnest(CAST(:days AS date[])) AS t (day) ON d.day BETWEEN t.day - 6 AND t.day
    WHERE d.sent > 0 AND d.day BETWEEN :first_day AND :last_day
    GROUP BY d.member_id, t.day
    HAVING sum(d.sent) >= :per_week
        OR coalesce(sum(d.sent) FILTER (WHERE d.day = t.day), 0) >= :per_day
"""
COUNT = """
    SELECT coalesce(verdict, '') AS verdict, coalesce(arm, -1) AS arm, count(*) AS members,
           count(*) FILTER (WHERE p.last_day > :since) AS bought,
           coalesce(sum(o.spent), 0)::float8 AS spent,
           coalesce(sum(o.spent::float8 * o.spent), 0) AS squares
    FROM ({judged}) AS j LEFT JOIN purchase_summary p ON p.member_id = j.member_id
    LEFT JOIN (
        SELECT member_id, sum(net) AS spent FROM orders
        WHERE placed_at >= :begun AND counted AND member_id IS NOT NULL GROUP BY member_id
    ) AS o ON o.member_id = j.member_id
    GROUP BY 1, 2
"""
NO_CAP = 2**31


@dataclass(frozen=True, slots=True)
class Waterfall:
    """How many the audience has, how many each step takes, how many each arm gets.

    audience = the sum of `taken` + the sum of `arms`.
    """

    audience: int
    taken: Mapping[str, int] = field(default_factory=dict)
    arms: Mapping[int, int] = field(default_factory=dict)

    @property
    def will_send(self) -> int:
        """How many messages it comes to."""
        return sum(self.arms.values())

    @property
    def holdout(self) -> int:
        """How many are held out."""
        return self.taken.get("holdout", 0)

    def steps(self) -> list[dict[str, Any]]:
        """As it is shown: the audience, what each step takes, what is sent."""
        others = [name for name in self.taken if name not in STEPS]
        names = [*STEPS[:-2], *sorted(others), *STEPS[-2:]]
        between = [{"step": str(name), "members": self.taken.get(name, 0)} for name in names]
        ends = [{"step": "audience", "members": self.audience},
                {"step": "will_send", "members": self.will_send}]  # fmt: skip
        return [ends[0], *between, ends[1]]

    def document(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "audience": self.audience,
            "taken": dict(self.taken),
            "arms": {str(no): members for no, members in self.arms.items()},
        }

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> "Waterfall":
        """As it was kept."""
        arms = {int(no): members for no, members in found["arms"].items()}
        return cls(found["audience"], found["taken"], arms)

    def plus(self, other: "Waterfall") -> "Waterfall":
        """Two parts of one audience together."""
        return Waterfall(
            self.audience + other.audience,
            {name: self.taken.get(name, 0) + other.taken.get(name, 0)
             for name in {*self.taken, *other.taken}},
            {no: self.arms.get(no, 0) + other.arms.get(no, 0) for no in {*self.arms, *other.arms}},
        )  # fmt: skip


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


def counted(rows: Iterable[tuple[str, int, int]]) -> Waterfall:
    """A waterfall of rows (verdict, arm, members)."""
    taken: dict[str, int] = {}
    arms: dict[int, int] = {}
    whole = 0
    for verdict, arm, members in rows:
        whole += members
        if arm > HELD_OUT:
            arms[arm] = arms.get(arm, 0) + members
        else:
            name = verdict or "holdout"
            taken[name] = taken.get(name, 0) + members
    return Waterfall(whole, taken, arms)


class Lately(NamedTuple):
    """Of members whom a campaign can reach, held out or not: the share that bought lately, and the
    variance of what a member spent, in minor units squared."""

    share: float
    variance: float


def count(found: Judged, since: date, begun: datetime) -> tuple[Waterfall, Lately]:
    """What the query comes to; and how those whom it can reach bought after the day `since`, and
    spent from the instant `begun` on. Writes nothing."""
    query = text(COUNT.format(judged=found.sql))
    with room():
        rows = db.session.execute(query, found.params | {"since": since, "begun": begun}).all()
    reached = [row for row in rows if row.arm >= HELD_OUT]
    members = max(sum(row.members for row in reached), 1)
    mean = sum(row.spent for row in reached) / members
    lately = Lately(
        share=sum(row.bought for row in reached) / members,
        variance=max(sum(row.squares for row in reached) / members - mean * mean, 0.0),
    )
    return counted((row.verdict, row.arm, row.members) for row in rows), lately


@contextmanager
def room() -> Iterator[None]:
    """Let statements over whole audiences be planned as such."""
    db.session.execute(ROOM)
    yield
    db.session.execute(NO_ROOM)


def member_ids(found: Judged, most: int) -> list[UUID]:
    """Some who would get a message, to look at."""
    query = f"SELECT member_id FROM ({found.sql}) AS j WHERE arm > 0 LIMIT :most"  # noqa: S608
    with room():
        return list(db.session.scalars(text(query), found.params | {"most": most}))
