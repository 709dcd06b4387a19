"""python -m bench NAME: measure, print ratios; exit status 1 if one falls short of its promise."""

import sys
from pathlib import Path

import click

from bench import (
    accrual,
    audience,
    batch,
    birthday,
    campaign,
    checking,
    expiry,
    forecast,
    growth,
    hot,
    lookup,
    mail,
    orders,
    peers,
    planning,
    redeem,
    report,
    sandbox,
    segments,
)

FOLDER = click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="where the temporary database lies: the disk that is measured",
)
MEMBERS = click.option("--members", default=100_000, show_default=True)
ROUNDS = click.option("--rounds", default=5, show_default=True)
SECONDS = click.option("--seconds", default=10.0, show_default=True, help="of each turn")


@click.group()
def main() -> None:
    """Measure speed beside a yardstick. Needs an otherwise idle machine, and minutes."""


def _leave(kept: bool) -> None:
    sys.exit(0 if kept else 1)


@main.command("accrual")
@MEMBERS
@ROUNDS
@SECONDS
@FOLDER
def run_accrual(members: int, rounds: int, seconds: float, folder: Path | None) -> None:
    """One award over HTTP against pgbench's seven statements and a Flask + ORM twin."""
    _leave(accrual.run(members, rounds, seconds, folder))


@main.command("audience")
@click.option("--members", default=1_000_000, show_default=True)
@click.option("--turns", default=20, show_default=True, help="counts of each filter")
@FOLDER
def run_audience(members: int, turns: int, folder: Path | None) -> None:
    """Counting audiences of five conditions against the bare count of all members."""
    _leave(audience.run(members, turns, folder))


@main.command("batch")
@MEMBERS
@ROUNDS
@SECONDS
@FOLDER
def run_batch(members: int, rounds: int, seconds: float, folder: Path | None) -> None:
    """Awards of 1,000 in one request against pgbench's seven statements for each of them."""
    _leave(batch.run(members, rounds, seconds, folder))


@main.command("hot")
@MEMBERS
@ROUNDS
@SECONDS
@FOLDER
def run_hot(members: int, rounds: int, seconds: float, folder: Path | None) -> None:
    """Awards to one member over 16 connections against awards to all."""
    _leave(hot.run(members, rounds, seconds, folder))


@main.command("redeem")
@click.option("--count", default=2_000, show_default=True, help="redemptions of each turn")
@ROUNDS
@FOLDER
def run_redeem(count: int, rounds: int, folder: Path | None) -> None:
    """A redemption over ten lots against an ORM loop, and against one over one lot."""
    _leave(redeem.run(count, rounds, folder))


@main.command("expiry")
@click.option("--members", default=300_000, show_default=True, help="who have 3 or 4 lots each")
@click.option("--chunk", default=None, type=int, help="members a transaction, else the program's")
@click.option("--seconds", default=6.0, show_default=True, help="of traffic in each phase")
@click.option("--rate", default=150.0, show_default=True, help="requests a second meanwhile")
@FOLDER
def run_expiry(
    members: int, chunk: int | None, seconds: float, rate: float, folder: Path | None
) -> None:
    """The expiry sweep against the bare statements, and what traffic notices of it."""
    _leave(expiry.run(members, chunk, seconds, rate, folder))


@main.command("growth")
@click.option("--members", default=1_000_000, show_default=True)
@click.option("--entries", default=20, show_default=True, help="of each member in the large one")
@ROUNDS
@SECONDS
@FOLDER
def run_growth(
    members: int, entries: int, rounds: int, seconds: float, folder: Path | None
) -> None:
    """Awards in a large ledger against awards in a small one."""
    _leave(growth.run(members, entries, rounds, seconds, folder))


@main.command("check")
@click.option("--entries", default=100_000, show_default=True)
@FOLDER
def run_check(entries: int, folder: Path | None) -> None:
    """The ledger's self-check."""
    _leave(checking.run(entries, folder))


@main.command("peers")
@MEMBERS
@ROUNDS
@SECONDS
@FOLDER
def run_peers(members: int, rounds: int, seconds: float, folder: Path | None) -> None:
    """One award over HTTP against two open ledgers from PyPI in the same server."""
    _leave(peers.run(members, rounds, seconds, folder))


@main.command("lookup")
@click.option("--members", default=1_000_000, show_default=True)
@click.option("--lookups", default=1_000, show_default=True, help="of each shape")
@FOLDER
def run_lookup(members: int, lookups: int, folder: Path | None) -> None:
    """The till's lookup by every shape against that by a full phone number."""
    _leave(lookup.run(members, lookups, folder))


@main.command("orders")
@click.option("--orders", "count", default=70_000, show_default=True, help="of the small shop")
@FOLDER
def run_orders(count: int, folder: Path | None) -> None:
    """The bulk path of orders in a shop, and in one of ten times as many members and orders."""
    _leave(orders.run(count, folder))


@main.command("segments")
@click.option("--members", default=1_000_000, show_default=True)
@click.option("--orders", "count", default=10_000_000, show_default=True, help="in all, about")
@click.option("--rounds", default=3, show_default=True)
@FOLDER
def run_segments(members: int, count: int, rounds: int, folder: Path | None) -> None:
    """Segmentation runs of a large shop against DuckDB's group-by over its raw orders."""
    _leave(segments.run(members, count, rounds, folder))


@main.command("mail")
@click.option("--mails", default=50_000, show_default=True, help="of each turn")
@ROUNDS
@FOLDER
def run_mail(mails: int, rounds: int, folder: Path | None) -> None:
    """A campaign from the click to the last letter, beside Debian's smtp-source."""
    _leave(mail.run(mails, rounds, folder))


@main.command("mail-delayed")
@click.option("--mails", default=30_000, show_default=True)
@click.option("--connections", default=20, show_default=True, help="of each of two workers")
@FOLDER
def run_mail_delayed(mails: int, connections: int, folder: Path | None) -> None:
    """A campaign to a mail server that lets everybody wait 20 ms for each answer."""
    _leave(mail.delayed(mails, connections, folder))


@main.command("planning")
@click.option("--messages", default=1_000_000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@FOLDER
def run_planning(messages: int, rounds: int, folder: Path | None) -> None:
    """A campaign's rows from an audience, beside a bare INSERT … SELECT of the same rows."""
    _leave(planning.run(messages, rounds, folder))


@main.command("campaign")
@click.option("--members", default=1_000_000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@FOLDER
def run_campaign(members: int, rounds: int, folder: Path | None) -> None:
    """A campaign's launch to so many members, beside a bare INSERT … SELECT of the same rows."""
    _leave(campaign.run(members, rounds, folder))


@main.command("forecast")
@click.option("--members", default=100_000, show_default=True)
@FOLDER
def run_forecast(members: int, folder: Path | None) -> None:
    """A night of next purchases and baskets beside plain counts, and suggestions to members."""
    _leave(forecast.run(members, folder))


@main.command("sandbox")
@click.option("--members", default=200, show_default=True)
@click.option("--days", default=365, show_default=True)
@FOLDER
def run_sandbox(members: int, days: int, folder: Path | None) -> None:
    """A year of a small shop in one move of the sandbox clock."""
    _leave(sandbox.run(members, days, folder))


@main.command("birthday")
@click.option("--members", default=1_000_000, show_default=True)
@FOLDER
def run_birthday(members: int, folder: Path | None) -> None:
    """A day of birthdays among so many members: points, coupon and message for each."""
    _leave(birthday.run(members, folder))


@main.command("report")
@click.option("--members", default=1_000_000, show_default=True)
@click.option("--orders", default=3, show_default=True, help="of each member in two years")
@ROUNDS
@FOLDER
def run_report(members: int, orders: int, rounds: int, folder: Path | None) -> None:
    """The report of a campaign to a million members."""
    _leave(report.run(members, orders, rounds, folder))


if __name__ == "__main__":
    main()
