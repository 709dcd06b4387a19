"""How long the ledger's self-check takes."""

import time
from pathlib import Path

import click
import psycopg
from sqlalchemy import text

from bench import seeding, site, verifying
from crm.db import db
from crm.points import check

TARGET_SECONDS = 5
_SPEND = """
    SELECT points_take(member_id, 'redeem', 400, now(), 'redemption', 'bench', NULL, NULL, NULL,
                       NULL, false, true, 'floor')
    FROM points_account
"""


def run(entries: int, folder: Path | None) -> bool:
    """Half of `entries` are awards, half redemptions of them; the promise is for 100,000."""
    with site.open_site(folder) as here:
        app = here.app()
        seeding.seed(here.database_url, entries // 2)
        with psycopg.connect(here.database_url) as connection:
            connection.execute(_SPEND)
        seeding.settle(here.database_url)
        with app.app_context():
            began = time.perf_counter()
            breaches = check.run()
            seconds = time.perf_counter() - began
            slowest = sorted(((_seconds(sql), name) for name, sql in _statements()), reverse=True)
        site.close(app)
        for taken, name in slowest[:5]:
            click.echo(f"  {name}: {taken:.2f} s")
        click.echo(f"{entries:,} entries, {len(slowest)} invariants, {len(breaches)} breaches")
        kept = verifying.promise("seconds for all of it", seconds, TARGET_SECONDS, at_most=True)
        return kept and not breaches


def _statements() -> list[tuple[str, str]]:
    return list(check.INVARIANTS.items())


def _seconds(sql: str) -> float:
    began = time.perf_counter()
    db.session.execute(text(f"SELECT count(*) FROM ({sql}) b"))
    return time.perf_counter() - began
