"""The till's box with order numbers: the members' room can't see orders, this one sees both."""

import re
import unicodedata
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from crm.db import db
from crm.members import lookup
from crm.members.lookup import Found
from crm.orders.models import Order

ORDER_NO = re.compile(r"(?=.*\d)[A-Za-z0-9][A-Za-z0-9._:#/-]{3,63}", re.ASCII)
LONGEST_NOT_ORDER = 15  # digits of a phone with its country code


def find(typed: str, *, store: str | None = None, now: datetime) -> Found:
    """As `members.lookup.find`; what has the form of an order's number is looked for there first,
    and digits alone only when they are nobody's number or phone."""
    asked = unicodedata.normalize("NFKC", typed).strip()
    may_be_order = ORDER_NO.fullmatch(asked) is not None
    if may_be_order and (not asked.isdigit() or len(asked) > LONGEST_NOT_ORDER):
        found = _buyers(asked, store, now)
        return found if found.hits else lookup.find(typed, store=store, now=now)
    found = lookup.find(typed, store=store, now=now)
    if found.hits or not may_be_order:
        return found
    buyers = _buyers(asked, store, now)
    return buyers if buyers.hits else found


def _buyers(order_no: str, store: str | None, now: datetime) -> Found:
    query = select(Order.member_id).where(Order.order_no == order_no, Order.member_id.is_not(None))
    ids: list[UUID] = [one for one in db.session.scalars(query.limit(lookup.MOST_HITS)) if one]
    if not ids:
        return Found("order_no", [])
    return lookup.show(ids, "order_no", store=store, now=now)
