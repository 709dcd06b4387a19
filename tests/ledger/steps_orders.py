"""Steps of orders and their refunds."""

from datetime import timedelta
from typing import Any

from obvious_orders import Line, Order
from program import expect, same, stamp
from told_twice import Told, order_numbers


class OrderSteps(Told):
    """Orders, written whole and again, refunded by pieces and amounts; tiers."""

    def order(self, name: str, *lines: tuple[int, int]) -> None:
        """(pieces, price in minor units) of each line."""
        factor = Order.GOLDEN if self.ledger.live(name) in self.golden else Order.PLAIN
        order = Order(name, [Line(*line) for line in lines], self.now, factor)
        order.owner = self.ledger.live(name)
        self.orders.append((f"T{next(order_numbers)}", order))
        self.ledger.orders.append(order)
        self.write(len(self.orders) - 1, "paid")

    def body(self, order: Order) -> dict[str, Any]:
        lines = [
            {"line_no": place, "sku": "T", "name": "T", "quantity": line.pieces,
             "unit_price": line.price}
            for place, line in enumerate(order.lines, 1)
        ]  # fmt: skip
        return self.who(order.owner) | {
            "status": order.status, "placed_at": stamp(order.paid_at),
            "paid_at": stamp(order.paid_at), "updated_at": stamp(self.now), "currency": "CNY",
            "delivered_at": order.delivered_at and stamp(order.delivered_at), "lines": lines,
        }  # fmt: skip

    def write(self, place: int, status: str) -> None:
        """Write an order, whole: again, delivered, cancelled, or paid after a cancellation."""
        number, order = self.orders[place]
        order.status = status
        if status == "delivered" and order.delivered_at is None:
            order.delivered_at = self.now
        self.ledger.retime(order)
        self.ledger.settle(order)
        told = self.put(f"/orders/web/{number}", self.body(order))
        same("the order's points", told["earned"]["points"], order.points)
        self.compare(order.owner)

    def release_order(self, place: int) -> None:
        """Make an order's points spendable now; those that are stay as they are."""
        number, order = self.orders[place]
        answer = self.post(f"/orders/web/{number}/release")
        if not order.points:
            same("refusal", expect(answer, 409)["code"], "nothing_to_release")
            return
        expect(answer, 200)
        if order.available_at > self.now:
            order.released_at = self.now
            self.ledger.retime(order)
        self.compare(order.owner)

    def refund_amount(self, place: int, amount: int) -> None:
        _, order = self.orders[place]
        fits = amount <= order.refundable
        self.refund(place, {"amount": amount}, fits)
        if fits:
            order.refund_amount(amount)
            self.ledger.settle(order)
        self.compare(order.owner)

    def refund_pieces(self, place: int, line: int, pieces: int) -> None:
        _, order = self.orders[place]
        line %= len(order.lines)
        fits = pieces <= order.lines[line].kept
        self.refund(place, {"lines": [{"line_no": line + 1, "quantity": pieces}]}, fits)
        if fits:
            order.refund_pieces(line, pieces)
            self.ledger.settle(order)
        self.compare(order.owner)

    def refund(self, place: int, what: dict[str, Any], fits: bool) -> None:
        """At an instant of its own: of one instant, pieces would come before amounts."""
        number, order = self.orders[place]
        self.move_to(self.now + timedelta(milliseconds=1))
        order.refunds += 1
        path = f"/orders/web/{number}/refunds/{order.refunds:03}"
        body = {"refunded_at": stamp(self.now)} | what
        if fits:
            self.put(path, body)
        else:
            same("refusal", self.put(path, body, 422)["code"], "refund_exceeds_paid")
