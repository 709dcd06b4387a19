"""Members who come again: each has habits, and mostly keeps them. Told over HTTP, many at once."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from lives import Bought, Life
from order_bodies import stamp
from world import AMOUNTS, World

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
# Of cups there are two: who has both lately can be told of none.
PRODUCTS = {"cup": ("C1", "C2"), "tea": ("T1", "T2", "T3"), "toys": ("Y1", "Y2", "Y3", "Y4")}
BATCH = 500


class Customers(World):
    """A world in which much is bought."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.habits: dict[tuple[UUID, str], tuple[int, datetime]] = {}  # days, and when next
        self.told: list[tuple[Life, Bought]] = []

    def take_up(self, one: Life, begin: datetime) -> None:
        """His habits, and what he bought in the two months before."""
        for category in self.dice.sample(sorted(PRODUCTS), 2):
            days = self.dice.choice((5, 8, 12, 16, 27))
            at = begin - self.dice.randint(50, 60) * DAY - self.dice.randint(0, 23) * HOUR
            while at < begin:
                self.order(one, category, at)
                at += (days + self.dice.randint(-2, 2)) * DAY
            self.habits[one.id, category] = days, at

    def order(self, one: Life, category: str, at: datetime) -> None:
        """He buys something; it is told with the rest."""
        self.numbers += 1
        sku, amount = self.dice.choice(PRODUCTS[category]), self.dice.choice(AMOUNTS)
        order = Bought(UUID(int=0), f"Y{self.numbers}", amount, at, sku=sku, category=category)
        one.orders.append(order)
        self.told.append((one, order))

    def tell(self, now: datetime) -> None:
        """Tell of all that was bought since it was last told."""
        waiting, self.told = self.told, []
        for start in range(0, len(waiting), BATCH):
            part = waiting[start : start + BATCH]
            results = self.ask("POST", "/orders/batch", [body(*item, now) for item in part])
            for (_, order), result in zip(part, results["results"], strict=True):
                assert result["order_id"] is not None, result
                order.id = UUID(result["order_id"])

    def come_and_go(self, now: datetime, waiting: set[UUID]) -> None:
        """What happens at a stop, at most one thing to each member: what is told of one instant has
        no order. Who has a reminder `waiting` may buy before he is told."""
        others = []
        for one in self.everybody:
            due = [
                category
                for category in PRODUCTS
                if (one.id, category) in self.habits and self.habits[one.id, category][1] <= now
            ]
            if one.id in waiting and self.dice.random() < 0.3:
                due = due or [self.dice.choice(sorted(PRODUCTS))]
            elif self.dice.random() < 0.35:
                due = []  # later, or by then for the second time
            if not due:
                others.append(one)
            for category in due[:1]:
                self.order(one, category, now)
                days = self.habits.get((one.id, category), (20, now))[0]
                again = max(days + self.dice.randint(-2, 4), 1) * DAY
                self.habits[one.id, category] = days, now + again
        self.tell(now)
        acts = (self.refund, self.complain, self.close, self.close, self.opt, self.opt)
        for one in self.dice.sample(others, max(len(others) // 12, 2)):
            self.dice.choice(acts)(one, now)


def body(one: Life, order: Bought, now: datetime) -> dict[str, Any]:
    """An order as it is told in a batch."""
    line = {
        "line_no": 1, "sku": order.sku, "name": order.sku, "category": order.category,
        "quantity": 1, "unit_price": order.amount,
    }  # fmt: skip
    return {
        "channel": "web", "order_no": order.number, "member": {"id": str(one.id)},
        "currency": "CNY", "lines": [line], "status": "paid", "placed_at": stamp(order.paid_at),
        "paid_at": stamp(order.paid_at), "updated_at": stamp(now),
    }  # fmt: skip
