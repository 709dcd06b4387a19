"""Where points came from or went to, as people read it: an order by its number, a reference."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from flask import url_for
from sqlalchemy import select

from crm.db import db
from crm.orders.models import Order

Source = tuple[str, str]
# Sources whose id is a name that the shop gave; ids of our own tell nobody anything.
NAMED = ("redemption", "hold", "capture")


class Origin(NamedTuple):
    """A source in words, and the page that tells more about it, if there is one."""

    label: str
    href: str = ""


NOWHERE = Origin("")


def of(sources: Iterable[Source]) -> dict[Source, Origin]:
    """The origins of these sources (type, id); one statement for all orders among them."""
    wanted = set(sources)
    orders = {source: _order_id(source) for source in wanted if source[0] == "order"}
    query = select(Order.id, Order.order_no).where(Order.id.in_(orders.values()))
    numbers = {row.id: row.order_no for row in db.session.execute(query)} if orders else {}
    found = {source: Origin(source[1]) for source in wanted if _is_named(source[0])}
    for source, order_id in orders.items():
        if number := numbers.get(order_id):
            place = url_for("console.order", order_id=order_id)
            found[source] = Origin(number, place)
    return found


def _order_id(source: Source) -> UUID:
    """An order that earned again after a refund has a number behind its id."""
    return UUID(source[1].partition("#")[0])


def _is_named(kind: str) -> bool:
    return kind in NAMED or kind.startswith("award:")
