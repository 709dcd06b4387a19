"""A launch goes through kills of workers, two schedulers and an emptied Redis, and is exact.

`CRM_TEST_CAMPAIGN=20000` makes it as many members as the promise says.
"""

import os
import time
from dataclasses import replace
from uuid import UUID

import pytest
from api_client import Api
from crowds import add_up, arm, audience, crowd
from processes import Process, scalar
from redis import Redis
from sqlalchemy import text

from crm.campaigns import assignment
from crm.clock import system_now
from crm.config import Config
from crm.db import db, transaction
from crm.ids import uuid7
from crm.messages import policy
from crm.queue import JOBS

MEMBERS = int(os.environ.get("CRM_TEST_CAMPAIGN", "1200"))
DEATHS = 3
WORKERS = 2


def noon() -> str:
    """A zone in which it is about noon now: nothing here is about quiet hours."""
    return f"Etc/GMT{system_now().hour - 12:+d}"


@pytest.mark.timeout(900)
def test_a_launch_that_is_killed_again_and_again_is_exact(
    committed, settings, own_valkey, admin: Api, coupon_template
):
    redis_url, _ = own_valkey
    own = replace(settings, redis_url=redis_url)
    members = crowd(MEMBERS, zone=noon())
    with transaction():
        policy.put({"caps": {"per_day": None, "per_week": None}}, now=system_now())
    coupon = str(coupon_template(stock=MEMBERS))
    body = {"name": "Storm", "audience": audience(members), "arms": [arm(coupon_template=coupon)]}
    found = admin.post("/campaigns", body).get_json()["id"]
    admin.put("/campaign-policy", {"approval": {"recipients": None, "cost": None}})
    started = [Process(own, "-m", "crm", "scheduler") for _ in range(2)]
    workers = [worker(own) for _ in range(WORKERS)]
    try:
        assert admin.post(f"/campaigns/{found}/launch").status_code == 200
        rage(admin, found, workers, own, Redis.from_url(redis_url))
    finally:
        for one in (*started, *workers):
            one.end()
    check(admin, found, members)


def worker(settings: Config) -> Process:
    return Process(settings, "-m", "crm", "worker", CRM_MESSAGE_LEASE_SECONDS="3")


def rage(admin: Api, campaign: str, workers: list[Process], settings: Config, redis: Redis) -> None:
    """Kill a worker each time that some more is done, until all is; counters add up meanwhile."""
    deaths, end = 0, time.monotonic() + 600
    while True:
        shown = admin.get(f"/campaigns/{campaign}").get_json()
        add_up(shown)
        if shown["state"] == "done":
            break
        if deaths < DEATHS and progress() > 2 * MEMBERS * deaths / (DEATHS + 1):
            gone = workers.pop(0)
            gone.kill()
            gone.end()
            deaths += 1
            if deaths == DEATHS // 2:
                redis.flushall()
            workers.append(worker(settings))
        tick()
        assert time.monotonic() < end, shown
        time.sleep(0.2)
    assert deaths == DEATHS


def progress() -> int:
    """How many messages are made, and how many of them are decided."""
    return scalar("""
        SELECT count(*) + count(*) FILTER (WHERE state NOT IN ('waiting', 'sending')) FROM message
    """)


def tick() -> None:
    """What the schedulers do every minute, every moment."""
    with transaction():
        now = system_now().isoformat()
        for job in ("campaigns.advance", "messages.deliver"):
            JOBS[job].put(now, key=f"{job}:{uuid7()}")


def check(admin: Api, found: str, members: list[UUID]) -> None:
    """Everybody is there once, in the arm that the draw says; coupons are those of who was told."""
    shown = admin.get(f"/campaigns/{found}").get_json()
    held = {
        one for one in members
        if assignment.assign(UUID(found), one, holdout_percent=10, weights=[1]) == 0
    }  # fmt: skip
    counters = shown["counters"]
    assert (counters["planned"], counters["holdout"]) == (len(members), len(held))
    assert counters["pending"] == counters["cancelled"] == 0
    rows = db.session.execute(text("SELECT member_id, state FROM message")).all()
    assert len(rows) == len({row.member_id for row in rows}) == len(members)
    assert {row.member_id for row in rows if row.state == "holdout"} == held
    coupons = db.session.scalars(text("SELECT member_id FROM coupon WHERE state = 'issued'")).all()
    assert sorted(coupons) == sorted(set(members) - held)
    told = set(db.session.scalars(text("SELECT member_id FROM sandbox_message")))
    assert not told & held
    db.session.rollback()
