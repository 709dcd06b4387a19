"""One award over HTTP, beside the obvious seven statements by pgbench and a plain ORM twin."""

from contextlib import ExitStack
from pathlib import Path

import click
import psycopg

from bench import contest, load, seeding, site, twin
from bench.contest import Contender
from crm.points import check

TARGET = 0.65


def run(members: int, rounds: int, seconds: float, folder: Path | None) -> bool:
    """Measure, print the table, verify the ledger; whether all is as promised."""
    with site.open_site(folder) as here, ExitStack() as ending:
        click.echo(f"seeding {members:,} members three times; load by {load.generator()}")
        app = here.app()
        secret = site.new_key(app, "points:write")
        seeding.seed(here.database_url, members)
        plain = here.new_database("yardstick")
        load.prepare_yardstick(plain, members)
        seeding.settle(plain)
        theirs = here.new_database("twin")
        twin.prepare(theirs, members, secret)
        seeding.settle(theirs)
        ours = ending.enter_context(here.serving("web", here.database_url))
        orm = ending.enter_context(
            here.serving("twin", theirs, ("--factory", "bench.twin:create_app"))
        )
        contenders = [
            Contender(
                "pgbench, seven statements",
                lambda seconds: load.seven_statements(plain, members, seconds),
                None,
            ),
            Contender(
                "award over HTTP",
                lambda seconds: load.awards(ours.address.url, secret, members, seconds),
                ours.process.pid,
            ),
            Contender(
                "the same, Flask + ORM",
                lambda seconds: load.awards(orm.address.url, secret, members, seconds),
                orm.process.pid,
            ),
        ]
        samples = contest.run(
            contenders, here.postgres, rounds=rounds, seconds=seconds, report=click.echo
        )
        click.echo(f"\n{contest.table(contenders, samples)}\n")
        reached = contest.ratio(samples[1], samples[0])
        click.echo(f"award over HTTP: {reached:.2f} of the yardstick (promised: {TARGET})")
        errors = sum(sample.load.errors for own in samples for sample in own)
        answered = sum(sample.load.operations for sample in samples[1])
        sound = _verified(here, app, members + answered)
        return sound and errors == 0 and reached >= TARGET


def _verified(here: site.Site, app: site.Flask, at_least: int) -> bool:
    """Whether every answered award is in the ledger, and the ledger is sound."""
    with psycopg.connect(here.database_url) as connection:
        row = connection.execute("SELECT count(*) FROM points_entry").fetchone()
    with app.app_context():
        breaches = check.run()
    site.close(app)
    assert row
    click.echo(f"ledger: {row[0]:,} entries, {at_least:,} known of; {len(breaches)} breaches")
    return row[0] >= at_least and not breaches
