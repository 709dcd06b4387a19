"""What became of an order: paid, sent, delivered, completed, as far as time has come.

Instants are whole seconds relative to the end of the history: all are negative, none lies ahead.
"""

from typing import NamedTuple

from crm.demo.draws import Draws

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
# A few parcels are never reported as delivered; their points come by the days after payment.
_UNREPORTED = 0.004


class Course(NamedTuple):
    """How far an order has come; `delivered_at` is None until it is."""

    status: str
    paid_at: int
    delivered_at: int | None
    updated_at: int


def over_the_counter(placed_at: int, draws: Draws) -> Course:
    """An order in a shop: paid and handed over in one go."""
    paid_at = min(placed_at + draws.whole(20, 150), -1)
    return Course("completed", paid_at, paid_at, paid_at)


def by_parcel(placed_at: int, draws: Draws) -> Course:
    """An order from the web shop: it completes by itself some days after its delivery."""
    paid_at = min(placed_at + draws.whole(1 * _MINUTE, 30 * _MINUTE), -1)
    sent_at = paid_at + draws.whole(5 * _HOUR, 40 * _HOUR)
    delivered_at = sent_at + draws.whole(20 * _HOUR, 5 * _DAY)
    completed_at = delivered_at + draws.whole(7 * _DAY, 10 * _DAY)
    unreported = draws.chance(_UNREPORTED)
    if sent_at >= 0:
        return Course("paid", paid_at, None, paid_at)
    if delivered_at >= 0 or unreported:
        return Course("fulfilled", paid_at, None, sent_at)
    if completed_at >= 0:
        return Course("delivered", paid_at, delivered_at, delivered_at)
    return Course("completed", paid_at, delivered_at, completed_at)
