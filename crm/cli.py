"""The command line: set-up, processes, checks. Each command is a door like a route or a job."""

import os
import sys

import click
from flask.cli import ScriptInfo

from crm import __version__, clock, scheduler, worker
from crm.app import create_app
from crm.auth.cli import key, staff_group
from crm.campaigns.journeys import wordings
from crm.config import BadSetting, Config
from crm.db import transaction
from crm.demo import credentials, loader
from crm.migrations import upgrade
from crm.orders import checking
from crm.points import check
from crm.progress import Progress
from crm.queue import QUEUES
from crm.reference import reference
from crm.segments.cli import segments_group


@click.group()
@click.version_option(version=__version__)
def cli() -> None:
    """Regulars: members, points, tiers and segments."""


cli.add_command(key)
cli.add_command(staff_group)
cli.add_command(reference)
cli.add_command(segments_group)


@cli.group("db")
def database() -> None:
    """The database's schema."""


@database.command("upgrade")
def db_upgrade() -> None:
    """Bring the schema to the newest version; safe to run from several machines at once."""
    upgrade(Config.read(os.environ).sqlalchemy_url)
    click.echo("the schema is up to date")


@cli.group("demo")
def demo_group() -> None:
    """The demo shop."""


@demo_group.command("load")
def demo_load() -> None:
    """Load the demo shop's members and orders; go on where an earlier start was stopped."""
    app = create_app()
    with app.app_context():
        progress = Progress()
        if not loader.load(progress):
            click.echo("the demo shop is loaded")
        progress.end()
        click.echo(f"credentials: {credentials.write(with_stores=True)}")


@demo_group.command("credentials")
def demo_credentials() -> None:
    """Write keys and staff accounts for trying out an empty shop."""
    app = create_app()
    with app.app_context():
        click.echo(f"credentials: {credentials.write(with_stores=False)}")


@cli.group("journeys")
def journeys_group() -> None:
    """What runs by itself."""


@journeys_group.command("install")
def journeys_install() -> None:
    """Make the default templates of journeys that are missing; nothing is switched on."""
    app = create_app()
    with app.app_context():
        with transaction():
            made = wordings.install(now=clock.now())
        for code in made:
            click.echo(code)
        click.echo(f"{len(made)} templates were made")


@cli.group("ledger")
def ledger_group() -> None:
    """The points ledger."""


@ledger_group.command("check")
def ledger_check() -> None:
    """Verify every invariant of the ledger; the exit status is 1 if one is broken."""
    app = create_app()
    with app.app_context():
        check.take_time()
        breaches = check.run()
        for breach in breaches:
            place = f"member {breach.member_id}, entry {breach.seq}"
            click.echo(f"{breach.invariant}: {place}: {breach.detail}")
        figures = ", ".join(f"{count} {name}" for name, count in check.totals().items())
        click.echo(f"{len(breaches)} breaches in {figures}")
        click.echo(f"head {check.head()}")
    sys.exit(1 if breaches else 0)


@cli.group("orders")
def orders_group() -> None:
    """Orders, and the running aggregates of members' purchases."""


@orders_group.command("check")
@click.option("--members", default=None, type=int, help="a sample of about so many, else all")
@click.option("--repair", is_flag=True, help="count those that differ again")
def orders_check(members: int | None, repair: bool) -> None:
    """Compare the running aggregates with the orders; the exit status is 1 if any differ."""
    app = create_app()
    with app.app_context(), transaction():
        now = clock.now()
        found = checking.look(members, seed=now.toordinal())
        if repair:
            checking.repair(found, now)
        checking.note(found, sample=members is not None, repaired=repair, now=now)
    for member_id in found.wrong:
        click.echo(f"aggregates differ: member {member_id}")
    click.echo(f"{len(found.wrong)} of {found.checked} members differ")
    sys.exit(1 if found.wrong and not repair else 0)


@orders_group.command("rebuild")
def orders_rebuild() -> None:
    """Count the running aggregates of all members anew from the orders, in one pass."""
    app = create_app()
    with app.app_context(), transaction():
        done = checking.rebuild(clock.now())
    click.echo(f"{done['missing']} members had none, {done['wrong']} differed")


@cli.command("worker")
@click.option("--queue", type=click.Choice(QUEUES), default=QUEUES[0], show_default=True)
def run_worker(queue: str) -> None:
    """Run background jobs of one queue until stopped."""
    app = create_app()
    with app.app_context():
        worker.serve(queue)


@cli.command("scheduler")
def run_scheduler() -> None:
    """Put scheduled jobs into the outbox when they fall due. Any number may run."""
    app = create_app()
    with app.app_context():
        scheduler.serve()


def main() -> None:
    """Run the command line; a bad setting ends it with one sentence."""
    try:
        cli(obj=ScriptInfo(create_app=create_app, set_debug_flag=False))
    except BadSetting as error:
        sys.exit(f"regulars: {error}")
