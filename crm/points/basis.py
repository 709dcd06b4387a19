"""What of an order earns points: goods after discounts, as the programme's settings have it."""

from collections.abc import Sequence
from typing import NamedTuple

from crm.points.cart import Cart, CartLine
from crm.points.programme_settings import BasisSettings


class Basis(NamedTuple):
    """The lines that earn, and how much of each: `parts[i] / over` minor units of `lines[i]`."""

    lines: Sequence[CartLine]
    parts: Sequence[int]
    over: int
    total: int


NOTHING = Basis((), (), 1, 0)


def basis_of(settings: BasisSettings, cart: Cart) -> Basis:
    """The basis of a cart, exact.

    What is taken off the order as a whole (points tender, tax) or put on (shipping) is spread over
    all goods pro rata, the excluded ones too; then those are left out. Lines without a basis earn
    nothing, bonuses included.
    """
    goods = sum([line.net for line in cart.lines])
    earning = goods
    if settings.include_shipping:
        earning += cart.shipping
    if not settings.include_tax:
        earning -= cart.tax
    if not settings.points_tender_earns:
        earning -= cart.points_tender
    if goods <= 0 or earning <= 0:
        return NOTHING
    lines = [line for line in cart.lines if line.net > 0]
    if settings.excluded.anything():
        has = settings.excluded.has
        lines = [line for line in lines if not has(line.sku, line.category, line.labels)]
    if earning == goods:
        parts, over = [line.net for line in lines], 1
    else:
        parts, over = [line.net * earning for line in lines], goods
    return Basis(lines, parts, over, sum(parts))
