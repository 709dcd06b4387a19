"""Awards to one member over 16 connections, beside awards spread over many."""

from contextlib import ExitStack
from pathlib import Path

import click

from bench import contest, load, seeding, site, verifying
from bench.contest import Contender

TARGET = 0.6


def run(members: int, rounds: int, seconds: float, folder: Path | None) -> bool:
    """Measure, print the table, verify the ledger; whether all is as promised."""
    with site.open_site(folder) as here, ExitStack() as ending:
        click.echo(f"seeding {members:,} members; load by {load.generator()}")
        app = here.app()
        secret = site.new_key(app, "points:write")
        seeding.seed(here.database_url, members)
        ours = ending.enter_context(here.serving("web", here.database_url))
        url, process = ours.address.url, ours.process.pid
        contenders = [
            Contender(
                "awards to all members",
                lambda seconds: load.awards(url, secret, members, seconds),
                process,
            ),
            Contender(
                "awards to one member",
                lambda seconds: load.awards(url, secret, 1, seconds),
                process,
            ),
        ]
        samples = contest.run(
            contenders, here.postgres, rounds=rounds, seconds=seconds, report=click.echo
        )
        click.echo(f"\n{contest.table(contenders, samples)}\n")
        kept = verifying.promise(
            "one hot member, of spread members' rate", contest.ratio(samples[1], samples[0]), TARGET
        )
        answered = sum(sample.load.operations for own in samples for sample in own)
        errors = sum(sample.load.errors for own in samples for sample in own)
        sound = verifying.sound(app, here.database_url, {"award": members + answered})
        return sound and errors == 0 and kept
