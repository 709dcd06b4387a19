"""What of a template fits together; each mistake names the field of the contract."""

from collections.abc import Iterator
from decimal import Decimal

from crm.coupons.models import CouponTemplate
from crm.errors import N_, NN_, FieldError, Invalid

LARGEST_FACTOR = 100


def check(template: CouponTemplate) -> None:
    """Raise `Invalid` with all that does not fit together."""
    found = [*_value(template), *_validity(template), *_counters(template)]
    if found:
        raise Invalid(found)


def _value(template: CouponTemplate) -> Iterator[FieldError]:
    kind, value = template.kind, template.value
    if kind == "percent" and not 1 <= value <= 100:
        yield FieldError("/value", "percent_range", N_("A percentage is from 1 to 100."))
    elif kind == "amount" and value < 1:
        yield FieldError("/value", "amount_missing", N_("Say what the coupon takes off."))
    elif kind == "free_shipping" and value:
        text = N_("Free shipping has no value; max_discount bounds it.")
        yield FieldError("/value", "not_for_this_kind", text)
    if kind == "points_multiplier":
        yield from _factor(template.factor)
    elif template.factor is not None:
        yield FieldError("/factor", "not_for_this_kind", N_("Only points are multiplied."))
    if template.gift is not None and kind != "gift":
        yield FieldError("/gift", "not_for_this_kind", N_("Only a gift is described."))
    if template.max_discount is not None and kind not in ("percent", "free_shipping"):
        text = N_("Only a percentage and free shipping are bounded.")
        yield FieldError("/max_discount", "not_for_this_kind", text)


def _factor(factor: Decimal | None) -> Iterator[FieldError]:
    if factor is None or not 1 < factor <= LARGEST_FACTOR:
        text = N_("Points are multiplied by more than 1 and at most 100.")
        yield FieldError("/factor", "factor_range", text)


def _validity(template: CouponTemplate) -> Iterator[FieldError]:
    start, end = template.valid_from, template.valid_until
    if template.valid_days is not None and (start or end):
        text = N_("Send either days or from and until.")
        yield FieldError("/validity", "days_or_window", text)
    if start is not None and end is not None and start >= end:
        yield FieldError(
            "/validity/until", "empty_window", N_("The end must come after the start.")
        )


def _counters(template: CouponTemplate) -> Iterator[FieldError]:
    if template.stock is not None and template.stock < template.issued:
        text = NN_(
            "{issued} coupon has been given already.",
            "{issued} coupons have been given already.",
            "issued",
        )
        yield FieldError("/stock", "below_issued", text, {"issued": template.issued})
    spent = template.value_used + template.committed
    if template.budget is not None and template.budget < spent:
        text = N_("{spent} of the budget has been given away already.")
        yield FieldError("/budget", "below_committed", text, {"spent": spent})
