"""Freezing an audience: one row per member, saying what he is to get and when, in one statement.

A frozen campaign does it once, at its launch. A live one does it each time the hour comes to some
zone: then its members are those of that moment.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.campaigns import counting, drafts, judging, plan, waterfall
from crm.campaigns.models import Campaign
from crm.campaigns.schedule import Due
from crm.campaigns.waterfall import Waterfall
from crm.db import db
from crm.messages import policy as message_policy

FREEZE = """
    WITH judged AS MATERIALIZED ({judged}), kept AS (
        INSERT INTO campaign_member (campaign_id, member_id, arm, reason, due_at)
        SELECT :campaign, member_id, arm, verdict,
               CASE WHEN :live THEN CAST(:now AS timestamptz) ELSE coalesce(due_at, :now) END
        FROM judged WHERE verdict IS DISTINCT FROM 'excluded' ORDER BY member_id
        ON CONFLICT DO NOTHING
    )
    SELECT coalesce(verdict, ''), coalesce(arm, -1), count(*) FROM judged GROUP BY 1, 2
"""
# Whose time came before stays as he was; who is in it again is not in it twice.
NOT_YET = """
    SELECT a.member_id FROM ({audience}) AS a WHERE NOT EXISTS (
        SELECT FROM campaign_member r WHERE r.campaign_id = :campaign AND r.member_id = a.member_id)
"""


def freeze(campaign_id: UUID, *, now: datetime) -> int:
    """Write the rows that are due; returns how many. The caller holds `making.alone`.

    The campaign's own lock is taken only at the end, so that it can be paused meanwhile.
    """
    found = drafts.get(campaign_id)
    assert found.launched_at is not None
    arms = drafts.arms_of(campaign_id)
    channel = plan.channel_of(arms)
    rules = message_policy.current()
    dues = judging.zones(found, channel, rules, found.launched_at)
    live = found.mode == "live"
    chosen = _whose_time_has_come(found, dues, now) if live else dues
    within = NOT_YET if live else "{audience}"
    query = judging.judged(found, arms, channel, chosen, rules, now, within=within)
    values = query.params | {"live": live, "now": now}
    with counting.room():
        rows = db.session.execute(text(FREEZE.format(judged=query.sql)), values).all()
    whole = waterfall.counted((verdict, arm, count) for verdict, arm, count in rows)
    return _note(campaign_id, whole, dues, now)


def _whose_time_has_come(found: Campaign, dues: Sequence[Due], now: datetime) -> list[Due]:
    """The zones whose hour has come since the last time; with the first, those that are skipped."""
    before = found.frozen_until
    if before is None:
        return [due for due in dues if due.at is None or due.at <= now]
    return [due for due in dues if due.at is not None and before < due.at <= now]


def _note(campaign_id: UUID, whole: Waterfall, dues: Sequence[Due], now: datetime) -> int:
    """Keep how many it came to, and when the next ones are frozen."""
    found = drafts.lock(campaign_id)
    known = Waterfall.read(found.waterfall) if found.waterfall else None
    found.waterfall = (whole if known is None else known.plus(whole)).document()
    new = whole.audience - whole.taken.get(waterfall.EXCLUDED, 0)
    found.members += new
    found.frozen_until = now
    later = [due.at for due in dues if due.at is not None and due.at > now]
    live = found.mode == "live" and found.state != "cancelled"
    found.next_freeze_at = min(later) if live and later else None
    db.session.flush()
    return new
