"""Loading the demo shop through the program's own bulk path. Killed, it goes on from there.

Two lanes write side by side, each with half of the customers, so that the program thinks while
the database writes. How far a lane got is part of each chunk's transaction: no chunk is lost or
done twice. The day that the history ends is fixed at the first start.
"""

import gc
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from sqlalchemy import text

from crm import clock, installation, worker
from crm.app import create_app
from crm.campaigns.journeys import jobs as journey_jobs
from crm.config import Config
from crm.db import config, db, transaction
from crm.demo import campaigns, journeys, offers, voices
from crm.demo.places import STORES
from crm.demo.shop import ZONE, Shop
from crm.members import jobs as members_jobs
from crm.members import registration, stores
from crm.orders import incoming, intake
from crm.orders import jobs as order_jobs
from crm.points import jobs as points_jobs
from crm.queue import QUEUES
from crm.segments import jobs as segments_jobs
from crm.segments.baskets import jobs as basket_jobs
from crm.segments.next_purchase import jobs as next_purchase_jobs

STATE = "demo"
LANES = 2
CHUNK = 1000  # per transaction
LANE = 7_301_140  # advisory locks: somebody is writing this lane

Report = Callable[[str, int, int], None]  # step, done, of all
Write = Callable[[tuple[Any, ...], datetime], None]


def load(report: Report, shop: Shop | None = None) -> bool:
    """Load the demo shop, or what is missing of it; False when its history was there already."""
    state = installation.read(STATE) or _begin()
    db.session.rollback()
    if state["done"]:
        offers.add(clock.now())  # a shop that was loaded before there were any
        voices.add(clock.now())
        campaigns.add(clock.now())
        return False
    shop = shop or Shop.open(config().demo_data)
    today = date.fromisoformat(state["today"])
    steps = [
        Step("members", lambda: shop.members(today), shop.member_count, _members),
        Step("orders", lambda: shop.orders(today), shop.order_count, _orders),
    ]
    for step in steps:
        _run_lanes(step, report)
        _analyse()
    _finish(report)
    with transaction():
        installation.write(STATE, state | {"done": True})
    return True


def _begin() -> dict[str, Any]:
    state = {"today": clock.now().astimezone(ZONE).date().isoformat(), "done": False}
    db.session.rollback()
    with transaction():
        for store in STORES:
            stores.put(dict(store), now=clock.now())
        installation.write(STATE, state)
    return state


@dataclass(frozen=True)
class Step:
    """One kind of items, how many there are, and how a chunk of them is written."""

    name: str
    source: Callable[[], Iterable[Any]]
    total: int
    write: Write


class LaneBroken(Exception):
    """A lane's process ended before its work did; its own words are on standard error."""


def _run_lanes(step: Step, report: Report) -> None:
    """Write all items of a step in parallel lanes, each a process; one that breaks ends them all.

    Processes, because thinking takes as much time as writing, and threads think one at a time.
    """
    fork = multiprocessing.get_context("fork")
    lanes: dict[Connection, BaseProcess] = {}
    for lane in range(LANES):
        ear, mouth = fork.Pipe(duplex=False)
        process = fork.Process(target=_lane, args=(config(), step, lane, mouth), daemon=True)
        process.start()
        mouth.close()  # so that the end of the lane is the end of what we hear
        lanes[ear] = process
    done = 0
    try:
        while lanes:
            for ear in wait(list(lanes)):
                try:
                    done += ear.recv()  # type: ignore[union-attr]  # it is one of ours
                    report(step.name, done, step.total)
                except EOFError:
                    process = lanes.pop(ear)  # type: ignore[arg-type]
                    process.join()
                    if process.exitcode:
                        raise LaneBroken(f"{step.name}: status {process.exitcode}") from None
    finally:
        for process in lanes.values():
            process.terminate()


def _lane(settings: Config, step: Step, lane: int, mouth: Connection) -> None:
    """Write every LANES-th customer's items from where the lane's mark is.

    Telling fails once the parent is gone, and so ends an orphan after the chunk in hand.
    """
    gc.freeze()  # what was inherited lives as long as we do
    with create_app(settings).app_context(), db.engines["autocommit"].connect() as alone:
        # An orphan of a load that was killed has its last chunk in hand: what it writes counts.
        alone.execute(text("SELECT pg_advisory_lock(:what, :lane)"), {"what": LANE, "lane": lane})
        mark = f"{STATE}.{step.name}.{lane}"
        done = installation.read(mark) or 0
        db.session.rollback()
        mouth.send(done)
        mine: Iterator[Any] = (item for item in step.source() if _customer(item) % LANES == lane)
        left = islice(mine, done, None)
        while chunk := tuple(islice(left, CHUNK)):
            done += len(chunk)
            with transaction():
                step.write(chunk, clock.now())
                installation.write(mark, done)
            db.session.expunge_all()
            mouth.send(len(chunk))


def _customer(item: Any) -> int:
    """The customer's number in the history, of a member or an order of his."""
    if isinstance(item, dict):
        return int(item["member"]["external_id"]["id"])
    return int(item.body["external_ids"][0]["id"])


def _members(chunk: tuple[Any, ...], now: datetime) -> None:
    registration.register_many([(item.body, item.registered_at) for item in chunk], now=now)


def _orders(chunk: tuple[dict[str, Any], ...], now: datetime) -> None:
    for outcome in intake.put_many(incoming.read_many(chunk), now):
        if outcome.refused is not None:
            raise outcome.refused


def _finish(report: Report) -> None:
    """What time has done to points and tiers meanwhile, first segments and forecasts, journeys."""
    slot = clock.system_now()
    steps: list[Callable[[], object]] = [
        lambda: points_jobs.release(slot),
        lambda: points_jobs.expire(slot),
        lambda: order_jobs.review(slot),
        lambda: members_jobs.refresh_ranking(slot),
        _segment,
        lambda: next_purchase_jobs.usual_windows(slot),
        lambda: next_purchase_jobs.next_purchase(slot),
        lambda: basket_jobs.baskets(slot),
        lambda: offers.add(clock.now()),
        _switch_on,
        lambda: journey_jobs.tick(slot),
        lambda: voices.add(clock.now()),
        lambda: campaigns.add(clock.now()),
    ]
    for done, step in enumerate(steps):
        report("follow-up", done, len(steps))
        step()
    report("follow-up", len(steps), len(steps))


def _switch_on() -> None:
    with transaction():
        journeys.switch_on(clock.now())


def _analyse() -> None:
    """Statistics for the planner: autovacuum would come too late for what follows."""
    with db.engines["autocommit"].connect() as connection:
        connection.execute(text("ANALYZE"))


def _segment() -> None:
    with transaction():
        segments_jobs.queue_run(None, {}, key="demo", now=clock.now())
    for queue in QUEUES:
        worker.drain(queue)
