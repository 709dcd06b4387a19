"""python -m bench accrual | orders | lookup: print ratios; exit status 1 if one falls short."""

import sys
from pathlib import Path

import click

from bench import accrual

FOLDER = click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="where the temporary database lies: the disk that is measured",
)


@click.group()
def main() -> None:
    """Measure speed beside a yardstick. Needs an otherwise idle machine, and minutes."""


@main.command("accrual")
@click.option("--members", default=100_000, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", default=10.0, show_default=True, help="of each turn")
@FOLDER
def run_accrual(members: int, rounds: int, seconds: float, folder: Path | None) -> None:
    """One award over HTTP against pgbench's seven statements and a Flask + ORM twin."""
    sys.exit(0 if accrual.run(members, rounds, seconds, folder) else 1)


if __name__ == "__main__":
    main()
