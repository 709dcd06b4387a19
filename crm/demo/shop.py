"""The demo shop's members and orders, in the shapes of `POST /members` and `PUT /orders/…`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from crm.demo import baskets, catalogue, cdnow, fulfilment, people
from crm.demo.cdnow import Purchase
from crm.demo.draws import Draws
from crm.demo.places import Home

ZONE = ZoneInfo("Asia/Shanghai")
CURRENCY = "CNY"
# Seven yuan to the dollar: a US cent is worth exactly seven fen, so no amount is ever rounded.
FEN_PER_CENT = 7

_DAY = 86_400
_HABITS_SEED, _VISITS_SEED, _BASKETS_SEED = 52_009, 52_021, 52_027
_ORDER_PREFIX = {"jingan": "JA", "pudong": "PD", "hongkong": "HK", "online": "TM"}
# Where the members of a store buy, in twentieths of their orders.
_HAUNTS = {
    "jingan": ("jingan",) * 15 + ("pudong",) + ("online",) * 4,
    "pudong": ("pudong",) * 14 + ("jingan",) * 2 + ("online",) * 4,
    "hongkong": ("hongkong",) * 16 + ("online",) * 4,
    "online": ("online",),
}
_OPENING_HOURS = (10, 11, 11, 12, 12, 13, 14, 14, 15, 15, 16, 16, 17, 18, 18, 19, 19, 20, 20, 21)
_WEB_HOURS = (0, 1, 7, 8, 9, 10, 11, 12, 12, 13, 14, 15, 16, 18, 19, 20, 20, 21, 21, 21, 22, 22, 23)


@dataclass(frozen=True, slots=True)
class DemoMember:
    """A member as the body of `POST /members`, and the instant of joining, which no body carries.

    `registered_at` is some minutes before the member's first purchase.
    """

    body: dict[str, Any]
    registered_at: datetime


class _Habits(NamedTuple):
    home: Home
    favourite: str
    joins_before: int


class _Visit(NamedTuple):
    """A purchase at its moment: whole seconds before the end of the history, thus negative."""

    at: int
    purchase: Purchase
    store: str


class Shop:
    """The whole history, read once; `members` and `orders` place it before a given day.

    >>> shop = Shop.open(Path("folder/with/the/wheel"))
    >>> for order in shop.orders(today): ...

    Both start anew with every call and yield the same for the same `today`, so an interrupted
    import continues correctly as long as it keeps the `today` it began with.
    """

    def __init__(self, purchases: Sequence[Purchase]) -> None:
        self._purchases = purchases
        self.order_count = len(purchases)
        self.member_count = len({purchase.customer for purchase in purchases})

    @classmethod
    def open(cls, source: Path) -> "Shop":
        """The shop of the `lifetimes` wheel at `source`, the file or its folder.

        Raises `cdnow.SourceUnusable` when it is missing or unreadable.
        """
        return cls(cdnow.read(source))

    def members(self, today: date) -> Iterator[DemoMember]:
        """Every customer once, in the order of joining."""
        end = _midnight(today)
        joined: dict[int, int] = {}
        for visit in self._visits:
            customer = visit.purchase.customer
            if customer not in joined:
                joined[customer] = visit.at - self._habits[customer].joins_before
        for customer, at in sorted(joined.items(), key=lambda item: (item[1], item[0])):
            yield DemoMember(people.body(customer), end + timedelta(seconds=at))

    def orders(self, today: date) -> Iterator[dict[str, Any]]:
        """Every purchase as an order with `channel` and `order_no`, in the order of placing.

        The last local day is the day before `today`; nothing happens at or after its midnight.
        The goods' amount after discounts is the purchase's cents × 7 fen; nothing is shipped
        at a charge.
        """
        end = _midnight(today)
        draws = Draws(_BASKETS_SEED)
        numbers: Counter[str] = Counter()
        for visit in self._visits:
            day = today + timedelta(days=visit.at // _DAY)
            series = f"{_ORDER_PREFIX[visit.store]}{day:%Y%m%d}"
            numbers[series] += 1
            yield self._order(visit, f"{series}-{numbers[series]:04d}", end, draws)

    def _order(self, visit: _Visit, order_no: str, end: datetime, draws: Draws) -> dict[str, Any]:
        _, purchase, store = visit
        habits = self._habits[purchase.customer]
        fen = purchase.cents * FEN_PER_CENT
        online = store == "online"
        follow = fulfilment.by_parcel if online else fulfilment.over_the_counter
        course = follow(visit.at, draws)
        order: dict[str, Any] = {
            "channel": "web" if online else "pos",
            "order_no": order_no,
            "member": {"external_id": people.external_id(purchase.customer)},
            "status": course.status,
            "placed_at": _text(end, visit.at),
            "paid_at": _text(end, course.paid_at),
            "updated_at": _text(end, course.updated_at),
            "currency": CURRENCY,
            "store": store,
            "lines": baskets.lines(purchase.units, fen, habits.favourite, draws),
        }
        if course.delivered_at is not None:
            order["delivered_at"] = _text(end, course.delivered_at)
        if online:
            order["region"] = habits.home.region
        return order

    @cached_property
    def _habits(self) -> dict[int, _Habits]:
        habits = {}
        for customer in {purchase.customer for purchase in self._purchases}:
            draws = Draws(_HABITS_SEED + customer * 8)
            favourite = draws.one_of(catalogue.CATEGORIES)
            habits[customer] = _Habits(people.home(customer), favourite, draws.whole(90, 1_800))
        return habits

    @cached_property
    def _visits(self) -> list[_Visit]:
        """All purchases in the order of time; which day `today` is makes no difference here."""
        draws = Draws(_VISITS_SEED)
        end = max((purchase.day for purchase in self._purchases), default=date.min)
        visits = []
        for purchase in self._purchases:
            store = draws.one_of(_HAUNTS[self._habits[purchase.customer].home.home_store])
            hour = draws.one_of(_WEB_HOURS if store == "online" else _OPENING_HOURS)
            second = hour * 3_600 + draws.whole(0, 3_599)
            days_back = (end - purchase.day).days + 1
            visits.append(_Visit(second - days_back * _DAY, purchase, store))
        visits.sort(key=lambda visit: visit.at)
        return visits


def _midnight(today: date) -> datetime:
    # Shanghai has kept one offset since 1991, so whole days before this are whole local days.
    return datetime.combine(today, time(), ZONE).astimezone(UTC)


def _text(end: datetime, seconds: int) -> str:
    return (end + timedelta(seconds=seconds)).isoformat()[:19] + "Z"
