"""Tiers on the clock, and the nightly look at the aggregates. Killable at any point."""

import logging
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from crm import clock
from crm.db import transaction
from crm.members.tiers import storage as tiers
from crm.orders import checking, reviews
from crm.queue import job, never_on_the_way

logger = logging.getLogger(__name__)

CHUNK = 500  # members per transaction
SAMPLE = 5_000  # members whose aggregates are checked in a night


def next_review(now: datetime) -> datetime | None:
    """When the next period, grace or floor of any member ends."""
    return tiers.earliest_due(now)


@job("tiers.review", every="*/10 * * * *", due_from=next_review)
def review(slot: datetime) -> int:
    """Judge the members whose period, grace or floor has ended, and those whom awards may lift;
    returns how many."""
    ended = _walk(lambda now, after: tiers.due(now, CHUNK, after), reviews.review)
    return ended + _walk(lambda now, after: reviews.awarded(now, CHUNK, after), reviews.lift)


@job("tiers.lift")
def lift(members: list[str]) -> None:
    """Let points that were just awarded to these members count for their tiers."""
    with transaction():
        reviews.lift([UUID(one) for one in members if one], clock.now())


@job("tiers.ladder_changed")
def ladder_changed(version: int) -> int:
    """Bring every member onto the ladder in force: rises at once, falls at each period's end."""
    with transaction():
        in_force = tiers.ladder_at(clock.now()).version
    return _walk(
        lambda now, after: tiers.on_older_ladder(in_force, CHUNK, after), reviews.change_ladder
    )


def _walk(
    find: Callable[[datetime, UUID | None], list[UUID]],
    judge: Callable[[list[UUID], datetime], None],
) -> int:
    """Judge members chunk by chunk, each in a transaction of its own, ascending by id."""
    done, after = 0, None
    while True:
        with transaction():
            now = clock.now()
            ids = find(now, after)
            judge(ids, now)
        if not ids:
            return done
        done, after = done + len(ids), ids[-1]


@job("orders.aggregates", every="20 19 * * *", due_from=never_on_the_way)
def check_aggregates(slot: datetime) -> int:
    """Compare a sample of the running aggregates with the orders; what differs is put right.

    Every night draws another sample. Differences go to the log and to the page of trust.
    """
    with transaction():
        now = clock.now()
        found = checking.look(SAMPLE, seed=slot.toordinal())
        checking.repair(found, now)
        checking.note(found, sample=True, repaired=True, now=now)
    for member_id in found.wrong:
        logger.error("aggregates of member %s differed from the orders", member_id)
    return len(found.wrong)
