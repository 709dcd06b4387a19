"""The command line: set-up, processes, checks. Each command is a door like a route or a job."""

import os
import sys

import click

from crm import scheduler, worker
from crm.app import create_app
from crm.config import BadSetting, Config
from crm.migrations import upgrade
from crm.queue import QUEUES


@click.group()
@click.version_option(package_name=None, version=__import__("crm").__version__)
def cli() -> None:
    """Regulars: members, points, tiers and segments."""


@cli.group("db")
def database() -> None:
    """The database's schema."""


@database.command("upgrade")
def db_upgrade() -> None:
    """Bring the schema to the newest version; safe to run from several machines at once."""
    upgrade(Config.read(os.environ).sqlalchemy_url)
    click.echo("the schema is up to date")


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
        cli()
    except BadSetting as error:
        sys.exit(f"regulars: {error}")
