"""A campaign's launch, beside a bare INSERT … SELECT of the rows that it wrote.

Everything that a launch does is ours: judging the audience, its exclusions, consents, addresses,
complaints and caps, drawing the holdout, the rows of the audience and the messages. The bare
statements copy the same rows, once into tables of the same columns with nothing but their primary
keys, and once into tables with the product's own keys, indexes and constraints as well.
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
from crm.campaigns import drafts, launching, policy, running
from crm.clock import system_now
from crm.db import db, transaction
from crm.http.principal import SYSTEM
from crm.ids import uuid7

TARGET = 3.0
COPIED = ("campaign_member", "message")
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
        app = here.app()
        template = mail_shop.seed(app, members)
        group, excluded = _audiences(app)
        with psycopg.connect(here.database_url, autocommit=True) as line:
            line.execute("VACUUM ANALYZE")
        ours, bare, alike = [], [], []
        for number in range(rounds):
            ours.append(_launched(app, template.id, group, excluded, number))
            bare.append(_copied(here.database_url, "INCLUDING DEFAULTS"))
            alike.append(_copied(here.database_url, "INCLUDING ALL"))
            _tidy(here.database_url)
        site.close(app)
    rows = members - members // 10
    seconds = [statistics.median(one) for one in (ours, bare, alike)]
    click.echo(f"{members:,} members, {rows:,} rows of audience and as many messages")
    for name, taken in zip(("launched", "bare", "bare, with indexes"), seconds, strict=True):
        click.echo(f"{name:20}{taken:9.2f} s{rows / taken:12,.0f} a second")
    click.echo(f"beside the same keys and indexes: {_ratio(ours, alike):.2f}")
    return verifying.promise("times as long as bare", _ratio(ours, bare), TARGET, at_most=True)


def _ratio(ours: list[float], other: list[float]) -> float:
    return statistics.median(one / two for one, two in zip(ours, other, strict=True))


def _audiences(app: Flask) -> tuple[UUID, UUID]:
    found = uuid7(), uuid7()
    with app.app_context(), transaction():
        policy.put({"approval": {"recipients": None, "cost": None}}, now=system_now())
        db.session.execute(AUDIENCES, {"everybody": found[0], "some": found[1]})
    return found


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


def _copied(url: str, how: str) -> float:
    """Seconds that the same rows take in tables `how` like the product's."""
    with psycopg.connect(url, autocommit=True) as line:
        for name in COPIED:
            line.execute(f"CREATE TABLE bare_{name} (LIKE {name} {how})")
        if how == "INCLUDING DEFAULTS":
            line.execute("ALTER TABLE bare_message ADD PRIMARY KEY (id)")
            keys = "ADD PRIMARY KEY (campaign_id, member_id)"
            line.execute(f"ALTER TABLE bare_campaign_member {keys}")
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
