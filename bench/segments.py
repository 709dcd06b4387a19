"""Segments of a large shop beside DuckDB's group-by over its raw orders, in turns.

DuckDB is installed into a throw-away venv: this bench needs the network, or a mirror, once.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import click
import psycopg

from bench import buyers, contest, seeding, site

DUCKDB = "duckdb==2.0.0"
TIMES = {"score": 3.0, "refit": 5.0, "rebuild": 5.0}  # the yardstick's seconds
MEGABYTES = {"score": 450, "refit": 500}
WHY_MS = 5.0
CHANGED = 0.2  # of the members come into another segment by the score run
_NAMES = {
    "duckdb": "DuckDB, group-by of the raw orders",
    "score": "score run, a fifth written back",
    "refit": "refit, search and quality",
    "rebuild": "all aggregates from the orders",
}
_EXPORT = "COPY (SELECT member_id, local_day, net FROM orders WHERE counted) TO STDOUT (FORMAT csv)"
# As if a fifth had been elsewhere: the score run brings them back.
_ELSEWHERE = """
    UPDATE member SET segment = CASE segment WHEN 'loyal' THEN 'promising' ELSE 'loyal' END
    WHERE id IN (SELECT id FROM member TABLESAMPLE BERNOULLI (%s))
"""


@dataclass
class Turns:
    """What was measured of one contender."""

    seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    moved: list[int] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)


def run(members: int, orders: int, rounds: int, folder: Path | None) -> bool:
    """Seed, measure, print the table; whether all is as promised."""
    with site.open_site(folder) as here, ExitStack() as ending:
        place = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="duck-", dir=folder)))
        python = _venv(place / "venv")
        click.echo(f"seeding {members:,} members, about {orders:,} orders")
        count = buyers.seed(here.database_url, members, orders)
        duck = _duck(python, place, here.database_url)
        click.echo(f"{count:,} orders; the first run makes the model")
        _turn(here, "rebuild")
        _turn(here, "refit")
        found = {name: Turns() for name in _NAMES}
        for number in range(1, rounds + 1):
            for name in ("score", "refit", "rebuild"):
                found["duckdb"].seconds.append(duck())
                _prepare(here.database_url, name)
                _note(found[name], _turn(here, name))
                click.echo(f"round {number}: {name} {found[name].seconds[-1]:.1f} s")
        why = _turn(here, "why", str(members))
        click.echo(f"\n{_table(found)}\n")
        return all(_promises(found, sorted(why["seconds"])))


def _promises(found: dict[str, Turns], why: list[float]) -> list[bool]:
    yardstick = found["duckdb"].median
    kept = [
        _at_most(f"{_NAMES[name]}, times DuckDB", found[name].median / yardstick, target)
        for name, target in TIMES.items()
    ]
    kept += [
        _at_most(f"{_NAMES[name]}, MB of memory", max(found[name].megabytes), target)
        for name, target in MEGABYTES.items()
    ]
    p95 = 1000 * why[int(0.95 * (len(why) - 1))]
    return [*kept, _at_most("the why of one member, ms (p95)", p95, WHY_MS)]


def _at_most(name: str, got: float, target: float) -> bool:
    click.echo(f"{name}: {got:.2f} (promised: at most {target:g})")
    return got <= target


def _venv(folder: Path) -> str:
    click.echo(f"installing {DUCKDB} into {folder}")
    subprocess.run((sys.executable, "-m", "venv", str(folder)), check=True)
    python = str(folder / "bin" / "python")
    quiet = ("-m", "pip", "install", "-q", "--disable-pip-version-check")
    subprocess.run((python, *quiet, DUCKDB), check=True)
    return python


def _duck(python: str, place: Path, database_url: str) -> Callable[[], float]:
    """DuckDB with the orders in a file of its own; the call measures one pass."""
    script, table, orders = str(Path(__file__).parent / "duck.py"), place / "duck.db", place / "csv"
    with (
        psycopg.connect(database_url) as connection,
        connection.cursor().copy(_EXPORT) as copy,
        orders.open("wb") as file,
    ):
        for block in copy:
            file.write(block)
    subprocess.run((python, script, "load", str(table), str(orders)), check=True)
    orders.unlink()

    def measure() -> float:
        told = subprocess.run((python, script, str(table)), check=True, stdout=subprocess.PIPE)
        return float(told.stdout)

    return measure


def _prepare(database_url: str, name: str) -> None:
    """What a turn finds: a fifth elsewhere, no aggregates; and a database at rest."""
    with psycopg.connect(database_url) as connection:
        if name == "score":
            connection.execute("SELECT setseed(0.1)")
            connection.execute(_ELSEWHERE, (100 * CHANGED,))
        elif name == "rebuild":
            connection.execute("TRUNCATE purchase_summary")
    seeding.settle(database_url)


def _turn(here: site.Site, *words: str) -> dict:
    """One turn of the program in a new process."""
    command = (sys.executable, "-m", "bench.segment_turn", *words)
    environment = {**here.environment, "DATABASE_URL": here.database_url}
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    return json.loads(told.stdout)


def _note(turns: Turns, told: dict) -> None:
    turns.seconds += told["seconds"]
    turns.megabytes.append(told["megabytes"])
    turns.moved.append(told["moved"])


def _table(found: dict[str, Turns]) -> str:
    rows = [("", "seconds", "min-max", "times DuckDB", "peak MB", "members moved")]
    for name, turns in found.items():
        memory = f"{max(turns.megabytes):.0f}" if turns.megabytes else "-"
        moved = f"{statistics.median(turns.moved):,.0f}" if turns.moved else "-"
        spread = f"{min(turns.seconds):.2f}-{max(turns.seconds):.2f}"
        ratio = f"{turns.median / found['duckdb'].median:.2f}"
        rows.append((_NAMES[name], f"{turns.median:.2f}", spread, ratio, memory, moved))
    return contest.columns(rows)
