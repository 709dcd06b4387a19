"""A campaign's launch, beside a bare INSERT … SELECT of the rows that it wrote.

Everything that a launch does is ours: judging the audience, its exclusions, consents, addresses,
complaints and caps, drawing the holdout, the rows of the audience and the messages. The bare
statement writes the same rows again into the same tables, emptied. For comparison they are also
copied into tables of the same columns that have nothing but a primary key.
"""

import statistics
import time
from pathlib import Path
from uuid import UUID

import click
import psycopg
from flask import Flask
from sqlalchemy import text

from bench import mail_shop, site, verifying
from crm.app import create_app
from crm.campaigns import drafts, launching, policy, running
from crm.clock import system_now
from crm.config import Config
from crm.db import db, transaction
from crm.http.principal import SYSTEM
from crm.ids import uuid7
from crm.messages.templates import store

TARGET = 3.0
MAIL = {"CRM_SMTP_HOST": "127.0.0.1", "CRM_SMTP_FROM": "shop@bench.test", "CRM_SMTP_TLS": "none"}
TEMPLATE = {
    "code": "launch",
    "channel": "email",
    "purpose": "marketing",
    "languages": {"en": {"subject": "New tea", "text": "Dear {{ member.name }}, come and see."}},
}
COPIED = {"campaign_member": "campaign_id, member_id", "message": "id"}
# Everybody, and a tenth of them who are excluded.
AUDIENCES = text("""
    WITH a AS (
        INSERT INTO audience (id, name, kind, version, created_at, changed_at, created_by)
        VALUES (:everybody, 'everybody', 'list', 1, now(), now(), 'bench'),
               (:some, 'some', 'list', 1, now(), now(), 'bench')
    )
    INSERT INTO audience_member (audience_id, member_id, added_at)
    SELECT a, id, now() FROM (
        SELECT CAST(:everybody AS uuid) AS a, id FROM member
        UNION ALL
        SELECT CAST(:some AS uuid), id FROM member WHERE right(member_no, 1) = '7'
    ) AS m
""")


def run(members: int, rounds: int, folder: Path | None) -> bool:
    """Launch to `members`, and copy the rows, in turns; whether the ratio is as promised."""
    with site.open_site(folder) as here:
        app = create_app(Config.read({**here.environment, **MAIL}))
        mail_shop.seed(app, members)
        group, excluded, template = _audiences(app)
        with psycopg.connect(here.database_url, autocommit=True) as line:
            line.execute("VACUUM ANALYZE")
        ours, bare, light = [], [], []
        for number in range(rounds):
            ours.append(_launched(app, template, group, excluded, number))
            bare.append(_again(here.database_url))
            light.append(_copied(here.database_url))
            _tidy(here.database_url)
        site.close(app)
    rows = members - members // 10
    seconds = [statistics.median(one) for one in (ours, bare, light)]
    click.echo(f"{members:,} members, {rows:,} rows of audience and as many messages")
    for name, taken in zip(("launched", "bare", "primary keys alone"), seconds, strict=True):
        click.echo(f"{name:20}{taken:9.2f} s{rows / taken:12,.0f} a second")
    click.echo(f"beside tables of primary keys alone: {_ratio(ours, light):.2f}")
    return verifying.promise("times as long as bare", _ratio(ours, bare), TARGET, at_most=True)


def _ratio(ours: list[float], other: list[float]) -> float:
    return statistics.median(one / two for one, two in zip(ours, other, strict=True))


def _audiences(app: Flask) -> tuple[UUID, UUID, UUID]:
    """Everybody, some of them, and a template."""
    everybody, some = uuid7(), uuid7()
    with app.app_context(), transaction():
        policy.put({"approval": {"recipients": None, "cost": None}}, now=system_now())
        db.session.execute(AUDIENCES, {"everybody": everybody, "some": some})
        template = store.create(TEMPLATE, now=system_now())
    return everybody, some, template["id"]


def _launched(app: Flask, template: UUID, group: UUID, excluded: UUID, number: int) -> float:
    """Seconds from the click until every member has his message."""
    arms = [{"template": template, "coupon_template": None, "points": 0, "weight": 1}]
    body = {"name": f"bench {number}", "audience": group, "exclude": [excluded], "arms": arms}
    with app.app_context():
        with transaction():
            found = drafts.create(body | {"schedule": {"now": True}}, now=system_now()).id
        began = time.perf_counter()
        with transaction():
            launching.launch(found, by=SYSTEM, now=system_now())
        while True:
            with transaction():
                if not running.step(found, now=system_now()):
                    break
        seconds = time.perf_counter() - began
        one = drafts.get(found)
        assert one.members == one.made > 0, (one.members, one.made)
        db.session.rollback()
    return seconds


def _again(url: str) -> float:
    """Seconds that the same rows take again, in the product's own tables."""
    with psycopg.connect(url, autocommit=True) as line:
        for name in COPIED:
            line.execute(f"CREATE UNLOGGED TABLE kept_{name} AS TABLE {name}")
        _tidy(url)
        began = time.perf_counter()
        for name in COPIED:
            line.execute(f"INSERT INTO {name} SELECT * FROM kept_{name}")
        seconds = time.perf_counter() - began
        for name in COPIED:
            line.execute(f"DROP TABLE kept_{name}")
    return seconds


def _copied(url: str) -> float:
    """Seconds that the same rows take in tables with nothing but a primary key."""
    with psycopg.connect(url, autocommit=True) as line:
        for name, key in COPIED.items():
            line.execute(f"CREATE TABLE bare_{name} (LIKE {name} INCLUDING DEFAULTS)")
            line.execute(f"ALTER TABLE bare_{name} ADD PRIMARY KEY ({key})")
        line.execute("CHECKPOINT")
        began = time.perf_counter()
        for name in COPIED:
            line.execute(f"INSERT INTO bare_{name} SELECT * FROM {name}")
        seconds = time.perf_counter() - began
        for name in COPIED:
            line.execute(f"DROP TABLE bare_{name}")
    return seconds


def _tidy(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as line:
        line.execute("TRUNCATE message, message_count, campaign_member CASCADE")
        line.execute("CHECKPOINT")
