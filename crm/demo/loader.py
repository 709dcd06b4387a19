"""Loading the demo shop through the program's own bulk path. Killed, it goes on from there.

How far it got is written in the transaction of each chunk, so no chunk is lost or done twice; the
day that the history ends is fixed at the first start.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import text

from crm import clock, installation, worker
from crm.db import config, db, transaction
from crm.demo.places import STORES
from crm.demo.shop import ZONE, Shop
from crm.members import registration, stores
from crm.orders import incoming, intake
from crm.orders import jobs as order_jobs
from crm.points import jobs as points_jobs
from crm.queue import QUEUES
from crm.segments import jobs as segments_jobs

STATE = "demo"
MEMBERS, ORDERS = 2000, 1000  # per transaction

Report = Callable[[str, int, int], None]  # step, done, of all


def load(report: Report) -> bool:
    """Load the demo shop, or what is missing of it; False when it was there already."""
    state = installation.read(STATE)
    db.session.rollback()
    if state is None:
        state = _begin()
    if state["done"]:
        return False
    shop, today = Shop.open(config().demo_data), date.fromisoformat(state["today"])
    _chunks(state, "members", shop.members(today), shop.member_count, MEMBERS, _members, report)
    _chunks(state, "orders", shop.orders(today), shop.order_count, ORDERS, _orders, report)
    _finish(state, report)
    return True


def _begin() -> dict[str, Any]:
    with transaction():
        now = clock.now()
        state = {
            "today": now.astimezone(ZONE).date().isoformat(),
            "members": 0,
            "orders": 0,
            "done": False,
        }
        for store in STORES:
            stores.put(dict(store), now=now)
        installation.write(STATE, state)
    return state


def _chunks(
    state: dict[str, Any],
    step: str,
    items: Iterable[Any],
    total: int,
    size: int,
    write: Callable[[tuple[Any, ...], datetime], None],
    report: Report,
) -> None:
    """Write what is left of `items`, chunk by chunk, each with its mark in one transaction."""
    left: Iterator[Any] = islice(items, state[step], None)
    report(step, state[step], total)
    while chunk := tuple(islice(left, size)):
        with transaction():
            write(chunk, clock.now())
            state[step] += len(chunk)
            installation.write(STATE, state)
        db.session.expunge_all()
        report(step, state[step], total)


def _members(chunk: tuple[Any, ...], now: datetime) -> None:
    registration.register_many([(item.body, item.registered_at) for item in chunk], now=now)


def _orders(chunk: tuple[dict[str, Any], ...], now: datetime) -> None:
    for outcome in intake.put_many(incoming.read_many(chunk), now):
        if outcome.refused is not None:
            raise outcome.refused


def _finish(state: dict[str, Any], report: Report) -> None:
    """Statistics for the planner, what time has done to points and tiers, the first segments."""
    slot = (clock.now() - timedelta(minutes=1)).isoformat()
    db.session.rollback()
    steps: list[Callable[[], object]] = [
        _analyse,
        lambda: points_jobs.release(slot),
        lambda: points_jobs.expire(slot),
        lambda: order_jobs.review(slot),
        _segment,
    ]
    for done, step in enumerate(steps):
        report("follow-up", done, len(steps))
        step()
    with transaction():
        installation.write(STATE, state | {"done": True})
    report("follow-up", len(steps), len(steps))


def _analyse() -> None:
    with db.engines["autocommit"].connect() as connection:
        connection.execute(text("ANALYZE"))


def _segment() -> None:
    with transaction():
        segments_jobs.queue_run(None, {}, key="demo", now=clock.now())
    for queue in QUEUES:
        worker.drain(queue)
