"""A night of next purchases and baskets beside plain counts of the same rows; suggestions."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from uuid import UUID

import click
import psycopg
from sqlalchemy import text

from bench import seeding, site, verifying
from crm import clock
from crm.db import db, transaction
from crm.segments.baskets import building, suggesting
from crm.segments.next_purchase import documents, jobs, reading, work

TARGET_ONE_MS = 5.0  # a member's suggestions, and his windows
TARGET_NIGHT = 20.0  # all three jobs, as a multiple of counting the same orders and lines plainly
TOGETHER = 1_000

# A member's number of purchases is skewed as CDNOW's is: half buy once, few very often.
_MEMBERS = """
    INSERT INTO member (id, created_at, updated_at, member_no, status)
    SELECT ('01900000-0000-7000-8000-' || right(md5(n::text), 12))::uuid,
           now() - interval '2 years', now(), lpad(n::text, 10, '0'), 'active'
    FROM generate_series(1, %(members)s::integer) n ON CONFLICT DO NOTHING
"""
_ORDERS = """
    INSERT INTO orders (id, channel, order_no, member_id, status, currency, placed_at, paid_at,
        updated_at, received_at, shipping, discount, goods, total, refunded, net, counted,
        local_day, granted, points)
    SELECT uuidv7(), 'bench', m.member_no || '-' || n, m.id, 'paid', 'CNY', at, at, at, at, 0, 0,
           5000, 5000, 0, 5000, true, at::date, 0, 0
    FROM (SELECT id, member_no, least(floor(2 / power(random(), 0.8)), 200)::integer AS times
          FROM member) m,
         generate_series(1, m.times) n,
         LATERAL (SELECT now() - (random() + 0 * n) * m.times / (m.times + 1) * interval '700 days'
                        AS at) d
"""
_LINES = """
    INSERT INTO order_line (order_id, line_no, member_id, sku, name, category, labels, quantity,
                            unit_price, discount, net, bought_at)
    SELECT o.id, n, o.member_id, 'S' || sku, 'Product ' || sku, 'C' || sku % 12, '{}', 1, 2500, 0,
           2500, o.paid_at
    FROM orders o, generate_series(1, 2) n,
         LATERAL (SELECT (500 * power(random() + 0 * n + o.points, 2))::integer AS sku) s
"""
_SUMMARY = """
    INSERT INTO purchase_summary
    SELECT member_id, min(paid_at), max(paid_at), min(local_day), max(local_day), count(*),
           count(DISTINCT local_day), sum(net), now()
    FROM orders GROUP BY member_id
"""
_PLAIN = (
    "SELECT member_id, min(local_day), max(local_day), count(DISTINCT local_day), sum(net)"
    " FROM orders WHERE counted GROUP BY member_id",
    "SELECT sku, count(DISTINCT member_id) FROM order_line GROUP BY sku",
)


def run(members: int, folder: Path | None) -> bool:
    """Seed, do a night, ask for suggestions; whether all is as promised."""
    with site.open_site(folder) as here:
        app = here.app()
        seed(here.database_url, members)
        with app.app_context():
            kept = _night() & _asking()
        site.close(app)
        return kept


def seed(database_url: str, members: int) -> None:
    """Members with skewed numbers of orders of two lines each, over two years."""
    with psycopg.connect(database_url) as connection:
        connection.execute(_MEMBERS, {"members": members})
        for statement in (_ORDERS, _LINES, _SUMMARY):
            connection.execute(statement)
    seeding.settle(database_url)


def _night() -> bool:
    now = clock.now()
    steps: dict[str, Callable[[], object]] = {
        "usual windows, all members": lambda: jobs.usual_windows(now),
        "models, back-tests, chances": lambda: work.perform(now),
        "baskets": _baskets,
    }
    plain = _seconds(lambda: [db.session.execute(text(sql)).fetchall() for sql in _PLAIN])
    db.session.rollback()
    taken = {name: _seconds(step) for name, step in steps.items()}
    again = _seconds(lambda: jobs.usual_windows(now))
    orders = db.session.execute(text("SELECT count(*) FROM orders")).scalar_one()
    db.session.rollback()
    click.echo(f"\n{orders:,} orders; counting them and their lines plainly: {plain:.2f} s")
    for name, seconds in taken.items():
        click.echo(f"{name:32}{seconds:9.2f} s{seconds / plain:9.2f} x")
    click.echo(f"{'windows, nobody bought':32}{again:9.2f} s{again / plain:9.2f} x")
    _tell_categories()
    ratio = sum(taken.values()) / plain
    return verifying.promise("a night, x the plain counts", ratio, TARGET_NIGHT, at_most=True)


def _tell_categories() -> None:
    """What the night made of chances per category."""
    model = documents.current()
    found = (model and model.categories) or {}
    click.echo(f"{found['sample']['pairs']:,} pairs in {found['sample']['categories']} categories")
    for horizon in found["horizons"]:
        tried = horizon["back_test"]["candidates"]
        aucs = [
            f"{each['method']} {each['figures']['auc']:.3f}" for each in tried if each["figures"]
        ]
        click.echo(f"per category, {horizon['days']} days: AUC {', '.join(aucs)}")


def _baskets() -> None:
    with transaction():
        building.build(clock.now())


def _asking() -> bool:
    now = clock.now()
    ids = list(db.session.scalars(text("SELECT member_id FROM purchase_summary LIMIT 20000")))
    Random(3).shuffle(ids)
    one = sorted(_milliseconds(lambda m=m: suggesting.suggest(m, 3, now)) for m in ids[:300])[30:]
    own = sorted(_milliseconds(lambda m=m: reading.windows([m], now=now)) for m in ids[:300])[30:]
    many = _milliseconds(lambda: suggesting.suggest_many([(m, None) for m in _first(ids)], 1, now))
    windows = _milliseconds(lambda: reading.windows(_first(ids), now=now))
    db.session.rollback()
    click.echo(f"{TOGETHER} members at once: suggestions {many:.0f} ms, windows {windows:.0f} ms")
    slowest = max(statistics.median(one), statistics.median(own))
    click.echo(f"one: suggestions p50 {statistics.median(one):.2f}, p95 {_p95(one):.2f} ms")
    click.echo(f"one: windows p50 {statistics.median(own):.2f}, p95 {_p95(own):.2f} ms")
    return verifying.promise("ms, one member, p50", slowest, TARGET_ONE_MS, at_most=True)


def _first(ids: list[UUID]) -> list[UUID]:
    return ids[:TOGETHER]


def _p95(own: list[float]) -> float:
    return own[int(len(own) * 0.95)]


def _milliseconds(step: Callable[[], object]) -> float:
    return 1_000 * _seconds(step)


def _seconds(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began
