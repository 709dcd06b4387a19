"""The nightly job of baskets."""

from datetime import datetime, timedelta

from crm import clock
from crm.db import transaction
from crm.queue import job
from crm.segments.alone import BASKETS, alone
from crm.segments.baskets import building
from crm.segments.next_purchase.jobs import last_build, next_change

BASKETS_AGE = timedelta(days=91)  # though nobody buys: lines leave the year that is looked at


@job(
    "segments.baskets",
    every="50 18 * * *",  # 02:50 in Shanghai
    due_from=lambda now: next_change(last_build("baskets"), now, BASKETS_AGE),
)
def baskets(slot: datetime) -> None:
    """Count anew which products customers buy next."""
    with alone(BASKETS), transaction():
        building.build(clock.now())
