"""The report of a large campaign, beside counting its members and messages and nothing else."""

import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import click
import psycopg
from sqlalchemy import text

from bench import seeding, site, verifying
from crm.campaigns.results import before, report, terms
from crm.clock import system_now
from crm.db import db, transaction

SECONDS_TARGET = 2.0
DAYS = 14
CAMPAIGN = UUID("01900000-0000-7000-9000-000000000001")

_TEMPLATE = """
    WITH t AS (
        INSERT INTO message_template (id, code, channel, purpose, version, created_at, changed_at)
        VALUES (uuidv7(), 'report', 'email', 'marketing', 1, now(), now()) RETURNING id
    )
    INSERT INTO message_template_version (template_id, version, languages, created_by, created_at)
    SELECT id, 1, '{"en": {"subject": "Spring", "text": "It is spring."}}', 'bench', now() FROM t
    RETURNING template_id
"""
_CAMPAIGN = """
    INSERT INTO campaign (id, name, state, exclude, holdout_percent, schedule, attribution_days,
                          created_at, changed_at, created_by, launched_at, starts_at, ends_at,
                          members, made)
    VALUES (%(id)s, 'Spring', 'done', '{}', 10, '{"now": true}', %(days)s,
            %(at)s, %(at)s, 'bench', %(at)s, %(at)s, %(at)s, %(members)s, %(members)s)
"""
_ARMS = """
    INSERT INTO campaign_arm (campaign_id, no, template_id, template_version)
    SELECT %(id)s, no, %(template)s, 1 FROM generate_series(1, 3) no
"""
_ROWS = """
    INSERT INTO campaign_member (campaign_id, member_id, arm, due_at)
    SELECT %(id)s, id, CASE WHEN random() < .1 THEN 0 ELSE 1 + floor(random() * 3) END, %(at)s
    FROM member
"""
# Two years of orders, as the columns that reports read have them; breakdowns as wide as usual.
_ORDERS = """
    INSERT INTO orders (id, channel, order_no, member_id, status, currency, placed_at, paid_at,
                        updated_at, received_at, shipping, discount, goods, total, refunded, net,
                        counted, local_day, granted, points, breakdown)
    SELECT uuidv7(), 'web', o.n::text, m.id, 'paid', 'CNY', o.at, o.at, o.at, o.at,
           0, o.off, o.goods, o.goods, 0, o.goods, true, o.at::date, o.goods / 100,
           o.goods / 100,
           jsonb_build_object('rounding', 'floor', 'breakdown', repeat('x', 300))
    FROM (
        SELECT n, %(now)s - interval '730 days' * (1 - n::float8 / %(orders)s) AS at,
               (2000 + exp(random() * 3) * 1000)::bigint AS goods,
               CASE WHEN random() < .2 THEN 500 ELSE 0 END AS off,
               1 + floor(random() * random() * %(members)s)::bigint AS member
        FROM generate_series(1, %(orders)s) n
    ) o
    JOIN member m ON m.id = ('01900000-0000-7000-8000-' || lpad(to_hex(o.member), 12, '0'))::uuid
    ORDER BY o.n
"""
_MESSAGES = """
    INSERT INTO message (id, member_id, occasion, occasion_key, channel, purpose, template_id,
                         template_version, source_type, source_id, zone, state, reason, price,
                         created_at, sent_at, finished_at)
    SELECT uuidv7(), member_id, 'campaign:' || campaign_id || ':' || member_id,
           message_occasion_key('campaign:' || campaign_id || ':' || member_id), 'email',
           'marketing', CASE WHEN arm > 0 THEN %(template)s::uuid END,
           CASE WHEN arm > 0 THEN 1 END, 'campaign',
           %(id)s::text, 'Asia/Shanghai',
           CASE WHEN arm = 0 THEN 'holdout' WHEN luck < .97 THEN 'delivered' ELSE 'failed' END,
           CASE WHEN arm > 0 AND luck >= .97 THEN 'refused' END,
           CASE WHEN arm > 0 THEN 0.4 END, %(at)s, CASE WHEN arm > 0 THEN %(at)s::timestamptz END,
           %(at)s
    FROM (SELECT *, random() AS luck FROM campaign_member WHERE campaign_id = %(id)s) r
"""
_EVENTS = """
    INSERT INTO message_event (message_id, id, kind, at)
    SELECT m.id, uuidv7(), k.kind, %(at)s
    FROM message m CROSS JOIN (VALUES ('opened', .3), ('clicked', .05), ('opted_out', .002))
        AS k (kind, share)
    WHERE m.state = 'delivered' AND (hashtext(m.id::text || k.kind) & 1023) < 1024 * k.share
"""
COUNTS = (
    "SELECT arm, count(*) FROM campaign_member WHERE campaign_id = :id GROUP BY arm",
    "SELECT state, count(*) FROM message WHERE source_type = 'campaign' AND source_id = :source "
    "GROUP BY state",
)


def run(members: int, orders: int, rounds: int, folder: Path | None) -> bool:
    """A campaign to `members`, each with `orders` orders in two years, on average."""
    with site.open_site(folder) as here:
        app = here.app()
        click.echo(f"seeding {members:,} members, {members * orders:,} orders, a message for each")
        seeding.seed(here.database_url, members)
        _seed(here.database_url, members, members * orders)
        with app.app_context():
            measuring = _seconds(_measure)
            taken = _taken(rounds)
        click.echo(f"what they had bought before, once: {measuring:.1f} s")
        site.close(app)
        return _told(taken)


def _seed(url: str, members: int, orders: int) -> None:
    now = system_now()
    values = {
        "id": CAMPAIGN, "days": DAYS, "members": members, "orders": orders, "now": now,
        "at": now - timedelta(days=DAYS + 1),
    }  # fmt: skip
    with psycopg.connect(url) as connection:
        row = connection.execute(_TEMPLATE).fetchone()
        assert row is not None
        values["template"] = row[0]
        for statement in (_CAMPAIGN, _ARMS, _ROWS, _ORDERS, _MESSAGES, _EVENTS):
            connection.execute(statement, values)
    seeding.settle(url)


def _measure() -> None:
    with transaction():
        before.measure(CAMPAIGN, now=system_now())


def _report() -> None:
    now = system_now()
    found = report.of(CAMPAIGN, terms.current(now), now=now)
    assert found["total"]["incremental"] is not None
    db.session.rollback()


def _count() -> None:
    for statement in COUNTS:
        db.session.execute(text(statement), {"id": CAMPAIGN, "source": str(CAMPAIGN)}).all()
    db.session.rollback()


def _taken(rounds: int) -> dict[str, list[float]]:
    """Both in turns, after one of each that nobody counts."""
    both = {"report": _report, "counting": _count}
    for each in both.values():
        each()
    taken: dict[str, list[float]] = {name: [] for name in both}
    for turn in range(rounds):
        for name in both if turn % 2 else reversed(both):
            taken[name].append(_seconds(both[name]))
    return taken


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _told(taken: dict[str, list[float]]) -> bool:
    medians = {name: statistics.median(times) for name, times in taken.items()}
    for name, times in taken.items():
        click.echo(f"{name}: median {medians[name]:.2f} s, longest {max(times):.2f} s")
    click.echo(f"the report, of counting alone: {medians['report'] / medians['counting']:.1f}")
    return verifying.promise("seconds of a report", medians["report"], SECONDS_TARGET, at_most=True)
