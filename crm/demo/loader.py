"""Loading the demo shop through the program's own bulk path. Killed, it goes on from there.

Two lanes write side by side, each with half of the customers, so that the program thinks while
the database writes. How far a lane got is part of each chunk's transaction: no chunk is lost or
done twice. The day that the history ends is fixed at the first start.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from threading import Event, Lock
from typing import Any

from flask import Flask, current_app
from sqlalchemy import text

from crm import clock, installation, worker
from crm.db import config, db, transaction
from crm.demo.places import STORES
from crm.demo.shop import ZONE, Shop
from crm.members import jobs as members_jobs
from crm.members import registration, stores
from crm.orders import incoming, intake
from crm.orders import jobs as order_jobs
from crm.points import jobs as points_jobs
from crm.queue import QUEUES
from crm.segments import jobs as segments_jobs

STATE = "demo"
LANES = 2
CHUNK = 1000  # per transaction

Report = Callable[[str, int, int], None]  # step, done, of all
Write = Callable[[tuple[Any, ...], datetime], None]


def load(report: Report, shop: Shop | None = None) -> bool:
    """Load the demo shop, or what is missing of it; False when it was there already."""
    state = installation.read(STATE) or _begin()
    db.session.rollback()
    if state["done"]:
        return False
    shop = shop or Shop.open(config().demo_data)
    today = date.fromisoformat(state["today"])
    steps: list[tuple[str, Callable[[date], Iterable[Any]], int, Write]] = [
        ("members", shop.members, shop.member_count, _members),
        ("orders", shop.orders, shop.order_count, _orders),
    ]
    for name, source, total, write in steps:
        _run_lanes(Step(name, total, report), lambda of=source: of(today), write)
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


@dataclass
class Step:
    """How far the lanes of one step are, all together."""

    name: str
    total: int
    report: Report
    done: int = 0
    lock: Lock = field(default_factory=Lock)
    broken: Event = field(default_factory=Event)

    def advance(self, count: int) -> None:
        """Tell of `count` more."""
        with self.lock:
            self.done += count
            self.report(self.name, self.done, self.total)


def _run_lanes(step: Step, source: Callable[[], Iterable[Any]], write: Write) -> None:
    """Write all items of a step in parallel lanes; the first failure stops them all."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with ThreadPoolExecutor(LANES) as pool:
        lanes = [pool.submit(_lane, app, step, lane, source, write) for lane in range(LANES)]
        for lane in lanes:
            lane.result()


def _lane(
    app: Flask, step: Step, lane: int, source: Callable[[], Iterable[Any]], write: Write
) -> None:
    with app.app_context():
        mark = f"{STATE}.{step.name}.{lane}"
        done = installation.read(mark) or 0
        db.session.rollback()
        step.advance(done)
        mine: Iterator[Any] = (item for item in source() if _customer(item) % LANES == lane)
        left = islice(mine, done, None)
        try:
            while not step.broken.is_set() and (chunk := tuple(islice(left, CHUNK))):
                done += len(chunk)
                with transaction():
                    write(chunk, clock.now())
                    installation.write(mark, done)
                db.session.expunge_all()
                step.advance(len(chunk))
        except BaseException:
            step.broken.set()
            raise


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
    """What time has done to points and tiers meanwhile, and the first segments."""
    slot = clock.system_now()
    steps: list[Callable[[], object]] = [
        lambda: points_jobs.release(slot),
        lambda: points_jobs.expire(slot),
        lambda: order_jobs.review(slot),
        lambda: members_jobs.refresh_ranking(slot),
        _segment,
    ]
    for done, step in enumerate(steps):
        report("follow-up", done, len(steps))
        step()
    report("follow-up", len(steps), len(steps))


def _analyse() -> None:
    """Statistics for the planner: autovacuum would come too late for what follows."""
    with db.engines["autocommit"].connect() as connection:
        connection.execute(text("ANALYZE"))


def _segment() -> None:
    with transaction():
        segments_jobs.queue_run(None, {}, key="demo", now=clock.now())
    for queue in QUEUES:
        worker.drain(queue)
