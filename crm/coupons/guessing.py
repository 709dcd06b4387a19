"""Guessing codes is slow: codes that do not exist are counted in PostgreSQL, by who asked.

Counted in transactions of their own, before the request's own begins, so that no rollback undoes
the count.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete

from crm.coupons import alphabet
from crm.coupons.errors import CouponNotFound, TooManyCodes
from crm.coupons.models import CouponMiss
from crm.db import call, db
from crm.http.principal import Principal
from crm.ids import uuid7

WINDOW = timedelta(minutes=15)
MOST = 20  # misses of one credential in that time; typing mistakes of a busy till stay below

WAIT = "SELECT coupon_miss_wait(%s, %s, %s, %s)"
NOTE = "SELECT coupon_miss_note(%s, %s, %s, %s, %s)"
EXISTS = "SELECT EXISTS (SELECT FROM coupon WHERE code = %s)"


def check(code: str, who: Principal, now: datetime) -> str:
    """The code as it is stored, when there is one.

    Raises `TooManyCodes` for who has had his share of misses, right or wrong this time; else
    `CouponNotFound`, and counts it.
    """
    credential = f"{who.kind} {who.id}"
    _refuse(call(WAIT, (credential, now, WINDOW, MOST)))
    normal = alphabet.normal(code)
    known = call(EXISTS, (normal,)) if alphabet.is_code(normal) else None
    if known is None or not known[0]:
        _refuse(call(NOTE, (uuid7(), credential, now, WINDOW, MOST)))
        raise CouponNotFound()
    return normal


def _refuse(wait: tuple | None) -> None:
    if wait and wait[0]:
        raise TooManyCodes(retry_after=wait[0])


def purge(before: datetime) -> None:
    """Forget misses that no longer count."""
    db.session.execute(delete(CouponMiss).where(CouponMiss.at < before))
