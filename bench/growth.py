"""Awards over HTTP in a ledger of twenty million entries, beside one of a million."""

from contextlib import ExitStack
from pathlib import Path

import click

from bench import contest, histories, load, site, verifying
from bench.contest import Contender
from crm import migrations
from crm.config import Config

TARGET = 0.9


def run(members: int, entries: int, rounds: int, seconds: float, folder: Path | None) -> bool:
    """`members` members with one entry each, and as many with `entries` each."""
    with site.open_site(folder) as here, ExitStack() as ending:
        click.echo(f"seeding; load by {load.generator()}")
        small = here.database_url
        large = here.new_database("large")
        migrations.upgrade(Config.read({**here.environment, "DATABASE_URL": large}).sqlalchemy_url)
        contenders, apps = [], []
        for name, url, lots in (("small", small, 1), ("large", large, entries)):
            app = here.app(url)
            secret = site.new_key(app, "points:write")
            histories.seed(url, members, lots=lots, points=100, days=365, report=click.echo)
            server = ending.enter_context(here.serving(name, url))
            contenders.append(_contender(lots * members, server, secret, members))
            apps.append((app, url, lots * members))
        samples = contest.run(
            contenders, here.postgres, rounds=rounds, seconds=seconds, report=click.echo
        )
        click.echo(f"\n{contest.table(contenders, samples)}\n")
        kept = verifying.promise(
            "the large ledger, of the small one's rate",
            contest.ratio(samples[1], samples[0]),
            TARGET,
        )
        errors = sum(sample.load.errors for own in samples for sample in own)
        sound = [
            verifying.sound(
                app, url, {"award": before + sum(sample.load.operations for sample in own)}
            )
            for (app, url, before), own in zip(apps, samples, strict=True)
        ]
        return all(sound) and errors == 0 and kept


def _contender(entries: int, server: site.Server, secret: str, members: int) -> Contender:
    return Contender(
        f"{entries:,} entries",
        lambda seconds: load.awards(server.address.url, secret, members, seconds),
        server.process.pid,
    )
