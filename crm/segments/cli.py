"""Commands of segments: their features on another engine."""

from datetime import datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType

import click
from flask.cli import with_appcontext

from crm import clock
from crm.db import transaction
from crm.points import programme

FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
MISSING = "This needs more packages: pip install -r requirements-scale.txt ({problem})"


@click.group("segments")
def segments_group() -> None:
    """Segments on an engine beside PostgreSQL."""


@segments_group.command("export")
@FOLDER
@with_appcontext
def export(folder: Path) -> None:
    """Write members and counted orders into FOLDER as Parquet."""
    with transaction():
        written = _module("export").export(folder)
    click.echo(f"{written['members']} members, {written['purchases']} purchases in {folder}")


@segments_group.command("aggregate")
@FOLDER
@click.option("--engine", type=click.Choice(["duckdb", "spark"]), default="duckdb")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]), help="else now")
@with_appcontext
def aggregate(folder: Path, engine: str, as_of: datetime | None) -> None:
    """Aggregate what was exported to FOLDER into recency, frequency, monetary per member."""
    with transaction():
        at = as_of or clock.now()
        zone = programme.current(at).zone
    click.echo(f"written: {_module('engines').aggregate(folder, engine, at, zone)}")


def _module(name: str) -> ModuleType:
    """A part that is there where its packages are."""
    try:
        return import_module(f"crm.segments.scale.{name}")
    except ModuleNotFoundError as problem:
        raise click.ClickException(MISSING.format(problem=problem)) from problem
