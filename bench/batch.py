"""Awards by the thousand in one request, beside pgbench's seven statements for each of them."""

from contextlib import ExitStack
from pathlib import Path

import click

from bench import contest, load, seeding, site, verifying
from bench.contest import Contender

TARGET = 6
CONNECTIONS = 4


def run(members: int, rounds: int, seconds: float, folder: Path | None) -> bool:
    """Measure, print the table, verify the ledger; whether all is as promised."""
    with site.open_site(folder) as here, ExitStack() as ending:
        click.echo(f"seeding {members:,} members twice; batches from {CONNECTIONS} connections")
        app = here.app()
        secret = site.new_key(app, "points:write")
        seeding.seed(here.database_url, members)
        plain = here.new_database("yardstick")
        load.prepare_yardstick(plain, members)
        seeding.settle(plain)
        ours = ending.enter_context(here.serving("web", here.database_url))
        contenders = [
            Contender(
                "pgbench, seven statements",
                lambda seconds: load.seven_statements(plain, members, seconds),
                None,
            ),
            Contender(
                "awards in batches of 1,000",
                lambda seconds: load.requests(
                    "batch", ours.address.url, secret, members, seconds, connections=CONNECTIONS
                ),
                ours.process.pid,
            ),
        ]
        samples = contest.run(
            contenders, here.postgres, rounds=rounds, seconds=seconds, report=click.echo
        )
        click.echo(f"\n{contest.table(contenders, samples)}\n")
        kept = verifying.promise(
            "awards in batches, of the yardstick", contest.ratio(samples[1], samples[0]), TARGET
        )
        answered = sum(sample.load.operations for sample in samples[1])
        errors = sum(sample.load.errors for own in samples for sample in own)
        sound = verifying.sound(app, here.database_url, {"award": members + answered})
        return sound and errors == 0 and kept
