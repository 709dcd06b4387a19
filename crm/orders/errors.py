"""What the orders room refuses."""

from crm.errors import N_, NotFound, Refused, Unprocessable


class OrderNotFound(NotFound):
    """No order has this channel and number (404)."""

    code = "order_not_found"
    detail = N_("There is no order with this channel and number.")


class CurrencyMismatch(Unprocessable):
    """One programme has one currency (422): `currency`, `expected`."""

    code = "currency_mismatch"
    detail = N_("The programme counts in {expected}; this order is in {currency}.")


class AmountTooLarge(Unprocessable):
    """An order is worth more than the contract can say (422): `most`, in minor units."""

    code = "amount_too_large"
    detail = N_("The lines of an order come to at most {most} in minor units.")


class DiscountTooLarge(Unprocessable):
    """A discount is larger than what it is taken off (422)."""

    code = "discount_too_large"
    detail = N_("The discount is larger than the amount that it is taken off.")


class TaxTooLarge(Unprocessable):
    """The tax contained in the goods is larger than they are (422): `most`, in minor units."""

    code = "tax_too_large"
    detail = N_("The goods of this order come to {most}; the tax in them can't be more.")


class LineTwice(Unprocessable):
    """Two lines share a number (422)."""

    code = "line_no_twice"
    detail = N_("Two lines have the number {line_no}.")


class MemberOfAnother(Refused):
    """The order belongs to another member already (409)."""

    code = "order_has_another_member"
    detail = N_("This order belongs to another member.")


class NothingToRelease(Refused):
    """The order has no points: not paid, earned nothing, cancelled or refunded (409)."""

    code = "nothing_to_release"
    detail = N_("This order has no points to release.")


class HoldOfAnother(Unprocessable):
    """The hold is not of the order's member, or the order has none (422)."""

    code = "hold_of_another_member"
    detail = N_("This hold is not of the member whose order this is.")


class HoldUsed(Refused):
    """Another order is paid with this hold, or this order with another one (409)."""

    code = "hold_used"
    detail = N_("The hold pays for another order, or the order is paid with another hold.")


class TenderTooLarge(Unprocessable):
    """The held points are worth more than the order (422): `value`, `total`, in minor units."""

    code = "tender_exceeds_total"
    detail = N_("The held points are worth {value}, and the order comes to {total}.")


class RefundTooLarge(Unprocessable):
    """Refunds can't exceed what was paid, nor returned pieces what was bought (422)."""

    code = "refund_exceeds_paid"
    detail = N_("At most {refundable} can still be refunded here.")


class RefundNoUsed(Refused):
    """The refund number stands for another refund of this order (409)."""

    code = "refund_no_used"
    detail = N_("This refund number was used for another refund of the order.")


class UnknownLine(Unprocessable):
    """The order has no such line (422)."""

    code = "unknown_line"
    detail = N_("The order has no line {line_no}.")
