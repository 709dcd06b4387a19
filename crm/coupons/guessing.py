"""Guessing codes is slow: codes that do not exist are counted in PostgreSQL, by who asked.

Counted in transactions of their own, after the request's own has ended, so that no rollback undoes
the count.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete

from crm.coupons.errors import TooManyCodes
from crm.coupons.models import CouponMiss
from crm.db import call, db
from crm.http.principal import Principal
from crm.ids import uuid7

WINDOW = timedelta(minutes=15)
MOST = 20  # misses of one credential in that time; typing mistakes of a busy till stay below

WAIT = "SELECT coupon_miss_wait(%s, %s, %s, %s)"
NOTE = "SELECT coupon_miss_note(%s, %s, %s, %s, %s)"


def admit(who: Principal, now: datetime) -> None:
    """Raise `TooManyCodes` for who has had his share of misses, whatever he asks for this time."""
    _refuse(call(WAIT, (_credential(who), now, WINDOW, MOST)))


def miss(who: Principal, now: datetime) -> None:
    """Count a code that does not exist. Raises `TooManyCodes` when misses side by side were more
    than the share."""
    _refuse(call(NOTE, (uuid7(), _credential(who), now, WINDOW, MOST)))


def _credential(who: Principal) -> str:
    return f"{who.kind} {who.id}"


def _refuse(wait: tuple | None) -> None:
    if wait and wait[0]:
        raise TooManyCodes(retry_after=wait[0])


def purge(before: datetime) -> None:
    """Forget misses that no longer count."""
    db.session.execute(delete(CouponMiss).where(CouponMiss.at < before))
