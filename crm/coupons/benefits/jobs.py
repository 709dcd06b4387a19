"""The clock of what tiers bring. Killed at any point it goes on where it was: given is given."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from crm import clock
from crm.coupons.benefits import due, granting, promises
from crm.coupons.benefits.granting import Granted
from crm.coupons.benefits.promises import Promise
from crm.db import transaction
from crm.members.tiers import ladders
from crm.queue import job

CHUNK = 1000  # members per transaction
Page = Callable[[UUID | None, int], list[UUID]]
Grant = Callable[..., Granted]


def next_grant(now: datetime) -> datetime | None:
    """Now, as long as any ladder from now on promises coupons: there is a birthday every day."""
    for ladder in ladders.load().from_now_on(now):
        if promises.monthly(ladder) or promises.on_birthdays(ladder):
            return now
    return None


# 00:20 in Shanghai. Missed days are made up for, each by itself: somebody's month may have ended.
@job("tiers.benefits", every="20 16 * * *", catch_up="all", due_from=next_grant)
def grant(slot: datetime) -> int:
    """Give members the coupons of their tiers for the month, and for the birthday; returns how
    many were new. Each once per period, however often and wherever it runs."""
    with transaction():
        ladder = ladders.load().at(slot)
        monthly, birthdays = granting.months_promises(slot), granting.birthday_promises(slot)
    new = 0
    for template, promised in monthly.items():
        page = partial(due.holders, ladder, promised)
        new += _walk(page, granting.grant_month, template, promised, slot)
    for template, promised in birthdays.items():
        new += _walk(partial(due.born, slot), granting.grant_birthdays, template, promised, slot)
    return new


def _walk(
    page: Page, give: Grant, template: UUID, promised: Sequence[Promise], slot: datetime
) -> int:
    """Give page by page, each in a transaction of its own, until nobody can get more."""
    new, after = 0, None
    while True:
        with transaction():
            members = page(after, CHUNK)
            if not members:
                return new
            found = give(members, template, promised, slot=slot, now=clock.now())
        new, after = new + found.new, members[-1]
        if found.exhausted:
            return new
