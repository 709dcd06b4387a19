"""python -m bench accrual | orders | lookup: print ratios; exit status 1 if one falls short."""

import sys
from pathlib import Path

import click

from bench import accrual, lookup, orders

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


@main.command("lookup")
@click.option("--members", default=1_000_000, show_default=True)
@click.option("--lookups", default=1_000, show_default=True, help="of each shape")
@FOLDER
def run_lookup(members: int, lookups: int, folder: Path | None) -> None:
    """The till's lookup by every shape against that by a full phone number."""
    sys.exit(0 if lookup.run(members, lookups, folder) else 1)


@main.command("orders")
@click.option("--orders", "count", default=70_000, show_default=True, help="of the small shop")
@FOLDER
def run_orders(count: int, folder: Path | None) -> None:
    """The bulk path of orders in a shop, and in one of ten times as many members and orders."""
    sys.exit(0 if orders.run(count, folder) else 1)


if __name__ == "__main__":
    main()
