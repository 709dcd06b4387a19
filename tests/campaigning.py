"""Campaigns whose rows are there already, and shops full of orders, for tests of results."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import text

from crm.campaigns.models import Campaign, CampaignArm, CampaignMember
from crm.db import db, transaction
from crm.ids import uuid7
from crm.messages.models import MessageTemplate, MessageTemplateVersion

NOBODYS = datetime(2026, 11, 1, tzinfo=UTC)
MEMBERS = text("""
    INSERT INTO member (id, created_at, updated_at, member_no, status)
    SELECT uuidv7(), :at, :at, (:first + n)::text, 'active' FROM generate_series(1, :count) AS n
    RETURNING id
""")
ORDERS = text("""
    INSERT INTO orders (id, channel, order_no, member_id, status, currency, placed_at, paid_at,
                        updated_at, received_at, shipping, discount, goods, total, refunded, net,
                        counted, local_day, granted, points)
    SELECT uuidv7(), 'web', :prefix || r.n, r.member_id, 'paid', 'CNY', r.at, r.at, r.at, r.at,
           0, 0, r.amount, r.amount, 0, r.amount, true, r.at::date, 0, 0
    FROM unnest(CAST(:members AS uuid[]), CAST(:amounts AS bigint[]), CAST(:at AS timestamptz[]))
        WITH ORDINALITY AS r (member_id, amount, at, n)
    WHERE r.amount > 0
""")


def make_template(at: datetime) -> UUID:
    """A template of marketing mail."""
    found = MessageTemplate(
        id=uuid7(), code=uuid4().hex, channel="email", purpose="marketing", version=1,
        created_at=at, changed_at=at,
    )  # fmt: skip
    words = {"en": {"subject": "Spring", "text": "It is spring."}}
    with transaction():
        db.session.add(found)
        db.session.flush()
        db.session.add(
            MessageTemplateVersion(
                template_id=found.id, version=1, languages=words, created_by="test", created_at=at
            )
        )
    return found.id


def make_campaign(
    rows: Mapping[UUID, tuple[int | None, datetime]],
    *,
    arms: int = 1,
    days: int = 14,
    state: str = "done",
    points: int = 0,
    coupon: UUID | None = None,
) -> UUID:
    """A launched campaign with a row per member: (arm, due_at); arm 0 is held out."""
    at = min((due for _, due in rows.values()), default=NOBODYS)
    template = make_template(at)
    campaign = Campaign(
        id=uuid7(), name="Spring", state=state, exclude=[], holdout_percent=10,
        schedule={"now": True}, attribution_days=days, created_at=at, changed_at=at,
        created_by="test", launched_at=at, launched_by="test", members=len(rows), made=len(rows),
    )  # fmt: skip
    with transaction():
        db.session.add(campaign)
        db.session.flush()
        for no in range(1, arms + 1):
            db.session.add(
                CampaignArm(
                    campaign_id=campaign.id, no=no, template_id=template, template_version=1,
                    points=points, coupon_template_id=coupon,
                )
            )  # fmt: skip
        db.session.add_all(
            CampaignMember(
                campaign_id=campaign.id, member_id=member, arm=arm, due_at=due,
                reason=None if arm is not None else "opted_out",
            )
            for member, (arm, due) in rows.items()
        )  # fmt: skip
    return campaign.id


def make_members(count: int, at: datetime, first: int = 3_000_000_000) -> list[UUID]:
    """Many members at once."""
    with transaction():
        values = {"at": at, "count": count, "first": first}
        return list(db.session.scalars(MEMBERS, values))


def buy(members: Sequence[UUID], amounts: Iterable[float], at: datetime, prefix: str) -> None:
    """One paid order each, of amounts above zero."""
    values = {
        "members": list(members),
        "amounts": [round(one) for one in amounts],
        "at": [at + timedelta(seconds=n % 3600) for n in range(len(members))],
        "prefix": prefix,
    }
    with transaction():
        db.session.execute(ORDERS, values)
