"""Jobs of campaigns: taking their steps, whatever they are."""

import time
from datetime import datetime
from uuid import UUID

from crm import clock
from crm.campaigns import running
from crm.db import transaction
from crm.ids import uuid7
from crm.queue import job, stopping

SLICE_SECONDS = 10  # then other jobs have their turn


@job("campaigns.work")
def work(campaign_id: str) -> int:
    """Take a campaign's steps: freeze its audience, make messages, clear up; how many they were."""
    steps, until = 0, time.monotonic() + SLICE_SECONDS
    while True:
        with transaction():
            more = running.step(UUID(campaign_id), now=clock.now())
        steps += 1
        if not more:
            return steps
        if stopping.is_set() or time.monotonic() >= until:
            with transaction():
                put(UUID(campaign_id))
            return steps


def put(campaign_id: UUID, due_at: datetime | None = None) -> None:
    """Let a worker take a campaign's steps, in the current transaction; maybe later."""
    work.put(str(campaign_id), key=f"campaigns.work:{uuid7()}", due_at=due_at)


@job("campaigns.advance", every="* * * * *", due_from=running.next_step_at)
def advance(slot: datetime) -> int:
    """Take the steps that are due of all campaigns; returns how many campaigns have any left."""
    with transaction():
        found = running.unfinished()
    for campaign_id in found:
        work(str(campaign_id))
    return len(found)
