"""The bulk path of orders: what one costs in a small shop and in one ten times its size."""

import contextlib
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random

import click

from bench import contest, cpu, site
from crm import migrations
from crm.app import create_app
from crm.config import Config
from crm.demo import loader
from crm.demo.cdnow import Purchase
from crm.demo.shop import Shop

TARGET_RATE = 4_000
TARGET_RATIO = 1.3
GROWTH = 10
_PER_MEMBER = 3  # as in the CDNOW history: 69,659 purchases of 23,570 customers in 18 months
_DAYS = 546
_LAST_DAY = date(1998, 6, 30)


class Enough(Exception):
    """All orders are in; what the loader does afterwards is not measured."""


@dataclass
class Watch:
    """Listens to the loader's progress: when each chunk of orders was in, and the CPU till then."""

    postmaster: int
    marks: list[tuple[int, float, float]] = field(default_factory=list)

    def __call__(self, step: str, done: int, total: int) -> None:
        if step == "orders":
            spent = time.process_time() + cpu.seconds(self.postmaster)
            self.marks.append((done, time.perf_counter(), spent))
        elif step == "follow-up":
            raise Enough

    @property
    def orders(self) -> int:
        """How many went in."""
        return self.marks[-1][0]

    @property
    def seconds(self) -> float:
        """From before the first order to after the last."""
        return self.marks[-1][1] - self.marks[0][1]

    @property
    def cpu_seconds(self) -> float:
        """What program and database used in that time."""
        return self.marks[-1][2] - self.marks[0][2]

    def fifths(self) -> Iterator[float]:
        """Orders per second of each fifth of the way (of fewer parts where chunks are few)."""
        begin = self.marks[0]
        for fifth in range(1, 6):
            end = next(mark for mark in self.marks if mark[0] >= self.orders * fifth / 5)
            if end[1] > begin[1]:
                yield (end[0] - begin[0]) / (end[1] - begin[1])
            begin = end


def run(orders: int, folder: Path | None) -> bool:
    """Small, large, small again, each in a database of its own; whether all is as promised."""
    with site.open_site(folder) as here:
        sizes = (orders, orders * GROWTH, orders)
        watches = [_load(here, f"shop{place}", size) for place, size in enumerate(sizes)]
    click.echo(f"\n{_table(watches)}\n")
    small, large = (watches[0], watches[2]), watches[1]
    before = statistics.mean(one.seconds / one.orders for one in small)
    ratio = large.seconds / large.orders / before
    rate = min(one.orders / one.seconds for one in watches)
    click.echo(
        f"cost of an order at {GROWTH} times the size: {ratio:.2f} (promised: {TARGET_RATIO})"
    )
    click.echo(f"slowest: {rate:,.0f} orders per second (promised: {TARGET_RATE:,})")
    return ratio <= TARGET_RATIO and rate >= TARGET_RATE


def _load(here: site.Site, name: str, orders: int) -> Watch:
    url = here.new_database(name)
    settings = Config.read({**here.environment, "DATABASE_URL": url})
    migrations.upgrade(settings.sqlalchemy_url)
    app, shop, watch = create_app(settings), Shop(history(orders)), Watch(here.postgres)
    click.echo(f"{shop.order_count:,} orders of {shop.member_count:,} members …")
    with app.app_context(), contextlib.suppress(Enough):
        loader.load(watch, shop)
    site.close(app)
    return watch


def history(orders: int) -> list[Purchase]:
    """Purchases of generated customers in the manner of CDNOW; the same for the same number."""
    draws, found = Random(orders), []
    for _ in range(orders):
        day = _LAST_DAY - timedelta(days=draws.randrange(_DAYS))
        customer = draws.randrange(max(orders // _PER_MEMBER, 1))
        found.append(Purchase(customer, day, draws.randint(1, 4), draws.randint(500, 9_000)))
    return found


def _table(watches: list[Watch]) -> str:
    rows = [("orders", "per second", "CPU ms each", "by fifths of the way")]
    for one in watches:
        fifths = " ".join(f"{rate:,.0f}" for rate in one.fifths())
        rate, spent = one.orders / one.seconds, 1000 * one.cpu_seconds / one.orders
        rows.append((f"{one.orders:,}", f"{rate:,.0f}", f"{spent:.3f}", fifths))
    return contest.columns(rows)
