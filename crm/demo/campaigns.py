"""The demo shop's campaigns: one that ended weeks ago, with a report, and a draft.

Written once, in one transaction, through the rules of the program; the old one at its own instant.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from crm import installation
from crm.campaigns import drafts, launching, plan, running
from crm.db import db, transaction
from crm.messages.templates import store
from crm.segments.audiences import saving

MARK = "demo.campaigns"
AGO = timedelta(days=45)
WORDS = {
    "autumn.warm": "天凉了，来喝一杯热茶。岩茶和红茶都到齐了。",
    "autumn.new": "今年的新岩茶到店，先到先尝。",
}
REGULARS = {
    "name": "买过两次以上的会员",
    "kind": "filter",
    "filter": {"all": [{"field": "orders.count", "op": "ge", "value": 2}]},
}
# As if they had been sent then; and what readers did, by the same numbers for ever.
ARRIVED = text("""
    UPDATE message SET state = 'delivered', sent_at = due_at, finished_at = due_at
    WHERE source_type = 'campaign' AND source_id = :id AND state = 'waiting'
""")
READ = text("""
    INSERT INTO message_event (message_id, id, kind, at)
    SELECT m.id, uuidv7(), e.kind, m.sent_at + e.after
    FROM message m, (VALUES ('opened', 0.36, interval '3 hours'),
                            ('clicked', 0.07, interval '4 hours')) AS e (kind, share, after)
    WHERE m.source_type = 'campaign' AND m.source_id = CAST(:id AS text)
      AND m.state = 'delivered' AND campaign_draw(CAST(:id AS uuid), m.member_id, '\\x72') < e.share
""")


def add(now: datetime) -> bool:
    """Add them; False when they were there."""
    known = installation.read(MARK)
    db.session.rollback()
    if known:
        return False
    with transaction():
        then = now - AGO
        audience = saving.create(REGULARS, now=then).id
        arms = [_arm(code, said, then) for code, said in WORDS.items()]
        _old({"name": "秋天的第一杯茶", "audience": audience, "arms": arms}, then)
        noon = {"local_time": "12:00", "on": (now + timedelta(days=10)).date().isoformat()}
        schedule = noon | {"if_past": "now"}
        body = {"name": "冬季新茶", "audience": audience, "arms": arms[:1], "schedule": schedule}
        drafts.create(body, now=now)
        installation.write(MARK, True)
    return True


def _arm(code: str, said: str, now: datetime) -> dict:
    languages = {"zh-Hans": {"subject": said.split("，")[0], "text": said}}
    body = {"code": code, "channel": "email", "purpose": "marketing", "languages": languages}
    template = store.create(body, now=now)["id"]
    return {"template": template, "coupon_template": None, "points": 0, "weight": 1}


def _old(body: dict, then: datetime) -> None:
    """A campaign from its launch to its end."""
    found = drafts.create(body, now=then).id
    planned = plan.make(drafts.lock(found), now=then)
    if not planned.will_send:
        return  # nobody of this small shop can be written to
    launching.start(planned, by="system", now=then)
    _walk(found, then)
    db.session.execute(ARRIVED, {"id": str(found)})
    db.session.execute(READ, {"id": str(found)})
    _walk(found, then)


def _walk(campaign_id: UUID, now: datetime) -> None:
    while running.step(campaign_id, now=now):
        pass
