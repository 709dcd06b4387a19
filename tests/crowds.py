"""Crowds of members, audiences of them, and campaigns to them, for tests of campaigns."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.campaigns import drafts, jobs
from crm.db import as_rows, db, transaction
from crm.ids import uuid7
from crm.messages import sources
from crm.messages.models import MessageTemplate, MessageTemplateVersion
from crm.messages.planning import Source
from crm.queue import JOBS

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # in Shanghai, a Monday
_numbers = count(1)
_members = count(3_000_000_000)

MEMBERS = text("""
    WITH r AS (SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS r (
        id uuid, no text, zone text, email text, phone text, consents text[])),
    m AS (
        INSERT INTO member (id, created_at, updated_at, member_no, status, timezone)
        SELECT id, :at, :at, no, 'active', zone FROM r RETURNING id
    ), i AS (
        INSERT INTO member_identity (kind, value, member_id)
        SELECT 'email', email, id FROM r WHERE email IS NOT NULL
        UNION ALL SELECT 'phone', phone, id FROM r WHERE phone IS NOT NULL
    )
    INSERT INTO member_consent (member_id, id, channel, purpose, granted, at, actor)
    SELECT r.id, uuidv7(), c, 'marketing', true, :at, 'test' FROM r, unnest(r.consents) AS c
""")


def crowd(
    members: int,
    *,
    zone: str | None = None,
    consents: Sequence[str] = ("email", "sms"),
    email: bool = True,
    phone: bool = True,
) -> list[UUID]:
    """So many active members who can be written to, in one statement; ascending."""
    rows = []
    for _ in range(members):
        no = str(next(_members))
        rows.append(
            {
                "id": uuid7(),
                "no": no,
                "zone": zone,
                "email": f"c{no}@crowd.test" if email else None,
                "phone": f"+86{no}" if phone else None,
                "consents": list(consents),
            }
        )
    with transaction():
        db.session.execute(MEMBERS, {"rows": as_rows(rows), "at": NOON})
    return [row["id"] for row in rows]


def audience(ids: Iterable[UUID], name: str = "") -> str:
    """The id of an audience that is a list of these members."""
    found = uuid7()
    with transaction():
        db.session.execute(
            text("""
                INSERT INTO audience (id, name, kind, version, created_at, changed_at, created_by)
                VALUES (:id, :name, 'list', 1, :at, :at, 'test')
            """),
            {"id": found, "name": name or f"audience {next(_numbers)}", "at": NOON},
        )
        add(found, ids)
    return str(found)


def add(audience_id: UUID | str, ids: Iterable[UUID]) -> None:
    """Put more members into a list, in the caller's transaction."""
    db.session.execute(
        text("""
            INSERT INTO audience_member (audience_id, member_id, added_at)
            SELECT :id, m, :at FROM unnest(CAST(:members AS uuid[])) AS m
        """),
        {"id": audience_id, "members": list(ids), "at": NOON},
    )


def template(
    channel: str = "email", text_: str = "Come and see us", purpose: str = "marketing"
) -> str:
    """The id of a template that says so."""
    said = {"text": text_} | ({"subject": "Hello"} if channel == "email" else {})
    form = MessageTemplate(
        id=uuid7(), code=f"offer{next(_numbers)}", channel=channel, purpose=purpose, version=1,
        created_at=NOON, changed_at=NOON,
    )  # fmt: skip
    with transaction():
        db.session.add(form)
        db.session.flush()
        db.session.add(
            MessageTemplateVersion(
                template_id=form.id, version=1, languages={"en": said}, created_by="test",
                created_at=NOON,
            )
        )  # fmt: skip
    return str(form.id)


def arm(**given: Any) -> dict[str, Any]:
    """An arm of a body; a mail without more."""
    return {"template": given.pop("template", None) or template()} | given


def work(campaign_id: str) -> None:
    """Let a worker take all its steps."""
    jobs.work(str(campaign_id))


def deliver(at: datetime = NOON) -> None:
    """Let a worker send what is due."""
    JOBS["messages.deliver"](at)


def figures(campaign_id: str) -> sources.Figures:
    """What became of its messages."""
    return sources.figures(Source("campaign", str(campaign_id)))


def rows(campaign_id: str) -> dict[UUID, Any]:
    """Its rows with their messages, by member."""
    found = db.session.execute(
        text("""
            SELECT r.member_id, r.arm, r.reason, r.due_at, m.state, m.reason AS why,
                   m.variables, m.template_id
            FROM campaign_member r
            LEFT JOIN message m ON m.member_id = r.member_id AND m.source_type = 'campaign'
                AND m.source_id = :text
            WHERE r.campaign_id = :id
        """),
        {"id": campaign_id, "text": str(campaign_id)},
    )
    return {row.member_id: row for row in found}


def add_up(shown: Mapping[str, Any]) -> None:
    """The counters of a campaign add up."""
    counters = shown["counters"]
    parts = ("sent", "failed", "suppressed", "holdout", "cancelled", "pending")
    assert counters["planned"] == sum(counters[name] for name in parts), counters
    assert counters["suppressed"] == sum(counters["reasons"].values()), counters


def state(campaign_id: str) -> str:
    """Where it stands."""
    return drafts.get(UUID(str(campaign_id))).state
