"""Order lines for a real amount: how many things and for how much is given, what they were is not.

Quantities add up to the units and Σ quantity × unit_price − discount to the amount, to the fen.
"""

from typing import Any

from crm.demo import catalogue
from crm.demo.draws import Draws

_LINE_COUNTS = (1, 1, 1, 1, 2, 2, 2, 3)
_PROMOTED = 0.12
_PAID_SHARES = (95, 90, 90, 88, 85, 80)
_SAMPLE_PRICE = 1_800


def lines(units: int, fen: int, favourite: str, draws: Draws) -> list[dict[str, Any]]:
    """One to three lines, mostly of the buyer's `favourite` category.

    A free order (0 fen) is a tasting sachet with its whole price discounted.
    """
    if fen == 0:
        sachet = _line(1, units, _SAMPLE_PRICE, "茶点", set(), draws)
        return [sachet | {"discount": units * _SAMPLE_PRICE}]
    basket: list[dict[str, Any]] = []
    taken: set[str] = set()
    for quantity, amount in _shares(units, fen, draws):
        unit_price, discount = _price(quantity, amount, draws)
        category = favourite if draws.chance(0.6) else draws.one_of(catalogue.CATEGORIES)
        line = _line(len(basket) + 1, quantity, unit_price, category, taken, draws)
        if discount:
            line["discount"] = discount
        basket.append(line)
    return basket


def _shares(units: int, fen: int, draws: Draws) -> list[tuple[int, int]]:
    """(quantity, amount) of each line; every amount is at least one fen per unit."""
    count = min(units, draws.one_of(_LINE_COUNTS))
    shares, units_left, fen_left = [], units, fen
    for remaining in range(count, 1, -1):
        # No line takes more than an equal share of the units, and at most 1.2 of its part of the
        # amount: so the last one always has something left to be paid.
        quantity = draws.whole(1, units_left // remaining)
        unit_price = max(1, int(fen_left / units_left * draws.between(0.7, 1.2)))
        shares.append((quantity, quantity * unit_price))
        units_left -= quantity
        fen_left -= quantity * unit_price
    return [*shares, (units_left, fen_left)]


def _price(quantity: int, amount: int, draws: Draws) -> tuple[int, int]:
    """(unit price, discount). What does not divide evenly came off a price in whole yuan."""
    unit_price, odd = divmod(amount, quantity)
    if not odd and not draws.chance(_PROMOTED):
        return unit_price, 0
    # Upwards to a whole yuan: amount / quantity / share × 100, in integers.
    paid_share = draws.one_of(_PAID_SHARES)
    whole_yuan = -(-amount // (quantity * paid_share)) * 100
    return whole_yuan, whole_yuan * quantity - amount


def _line(
    line_no: int, quantity: int, unit_price: int, category: str, taken: set[str], draws: Draws
) -> dict[str, Any]:
    fitting = catalogue.sold_at(unit_price, category)
    product = draws.one_of(fitting)
    if product.sku in taken:
        product = draws.one_of([other for other in fitting if other.sku not in taken] or fitting)
    taken.add(product.sku)
    line: dict[str, Any] = {
        "line_no": line_no,
        "sku": product.sku,
        "name": product.name,
        "category": product.category,
        "quantity": quantity,
        "unit_price": unit_price,
    }
    if product.labels:
        line["labels"] = list(product.labels)
    return line
