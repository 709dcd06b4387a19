"""The clock of journeys. Any number of schedulers and workers, killed at any point: once each."""

import logging
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from crm import clock
from crm.campaigns.journeys import coming, due, running, switching, withdrawing
from crm.db import db, transaction
from crm.ids import uuid7
from crm.messages import untold
from crm.queue import job

logger = logging.getLogger(__name__)


def next_tick(now: datetime) -> datetime | None:
    """When the next occasion may come: at once if one is waiting; None while all are off."""
    found = coming.next_at(now)
    db.session.rollback()
    return found


# Each tick looks back to the last one that came to its end, so the newest slot is enough.
@job("journeys.tick", every="*/5 * * * *", due_from=next_tick)
def tick(slot: datetime) -> int:
    """Handle every occasion that has come; returns how many."""
    now = clock.now()
    handled, failed = 0, None
    for code in _called(now):
        try:
            with transaction():
                withdrawing.withdraw(code, now=now)
            handled += _run(code, now)
        except Exception as error:
            # Such as a template that was archived: the others shall not wait for that.
            logger.exception("the journey %s could not go on", code)
            failed = error
    if failed is not None:
        raise failed
    return handled


def _called(now: datetime) -> list[str]:
    """The journeys with something to do; all that are on, if one of them can't even be asked."""
    try:
        with transaction():
            return coming.called(now)
    except Exception:
        logger.exception("a journey can't be asked whether it has something to do")
    with transaction():
        return [one.journey.code for one in switching.enabled()]


def _run(code: str, now: datetime) -> int:
    handled, after = 0, due.NOBODY
    while after is not None:
        with transaction():
            done, after = running.step(code, after, now=now)
        handled += done
    return handled


@job("journeys.untold")
def take_back_of(messages: list[str]) -> int:
    """Take back the coupons of messages that were just suppressed; returns how many."""
    with transaction():
        return withdrawing.take_back(among=[UUID(one) for one in messages], now=clock.now())


def _hear(messages: Sequence[UUID], now: datetime) -> None:
    take_back_of.put([str(one) for one in messages], key=f"journeys.untold:{uuid7()}")


untold.ask("journey", _hear)


def next_untold(now: datetime) -> datetime | None:
    """Now, where coupons wait to be taken back; else not before something happens."""
    found = withdrawing.is_untold(now)
    db.session.rollback()
    return now if found else None


@job("journeys.take_back", every="35 19 * * *", due_from=next_untold)
def take_back(slot: datetime) -> int:
    """Take back what `journeys.untold` could not, should there be any; returns how many."""
    whole = 0
    while True:
        with transaction():
            done = withdrawing.take_back(now=clock.now())
        whole += done
        if done < withdrawing.MOST:
            return whole
