"""What the coupons room refuses. Most of it is also a reason that `validate` answers."""

from crm.errors import N_, NN_, NotFound, Refused, TooMany, Unprocessable


class TemplateNotFound(NotFound):
    """No coupon template has this id (404)."""

    code = "coupon_template_not_found"
    detail = N_("There is no such coupon template.")


class CouponNotFound(NotFound):
    """No coupon has this code (404). Misses are counted; see `too_many_codes`."""

    code = "coupon_not_found"
    detail = N_("There is no coupon with this code.")


class TooManyCodes(TooMany):
    """This credential asked for too many codes that do not exist (429): `retry_after`."""

    code = "too_many_codes"
    detail = NN_(
        "Too many unknown codes. Try again in {retry_after} second.",
        "Too many unknown codes. Try again in {retry_after} seconds.",
        "retry_after",
    )


class TemplateInUse(Refused):
    """Coupons exist, so what they are good for can't change (409). Make another template."""

    code = "coupon_template_in_use"
    detail = N_("Coupons of this template exist. Make another template, and end this one.")


class TemplateEnded(Refused):
    """The template gives no more coupons (409)."""

    code = "coupon_template_ended"
    detail = N_("No more coupons of this template are given.")


class PoolEmpty(Refused):
    """The template gives codes of its pool, and none is left (409)."""

    code = "pool_empty"
    detail = N_("No codes are left in the pool.")


class StockEmpty(Refused):
    """As many coupons as there may be have been given (409): `stock`."""

    code = "stock_empty"
    detail = NN_(
        "The {stock} coupon has been given.", "All {stock} coupons have been given.", "stock"
    )


class BudgetExhausted(Refused):
    """One more coupon could cost more than the budget has left (409): `budget`."""

    code = "budget_exhausted"
    detail = N_("The budget of these coupons has been given away.")


class MemberLimitReached(Refused):
    """The member has had as many of these coupons as he may (409): `limit`."""

    code = "member_limit_reached"
    detail = N_("A member may have {limit} of these coupons.")


class CouponExpired(Refused):
    """The coupon's last day is over (409): `expired_at`, the first instant after it."""

    code = "coupon_expired"
    detail = N_("This coupon was valid until {expired_at}.")


class CouponNotYetValid(Refused):
    """The coupon's first day has not come (409): `valid_from`."""

    code = "coupon_not_yet_valid"
    detail = N_("This coupon is valid from {valid_from}.")


class AlreadyUsed(Refused):
    """The coupon was used (409): `used_at`. The first use wins."""

    code = "already_used"
    detail = N_("This coupon was used at {used_at}.")


class ReservedElsewhere(Refused):
    """Another cart holds the coupon (409), at most until `reserved_until`."""

    code = "reserved_elsewhere"
    detail = N_("Another cart has reserved this coupon until {reserved_until}.")


class CouponVoid(Refused):
    """The coupon was taken back (409)."""

    code = "void"
    detail = N_("This coupon is void.")


class WrongMember(Unprocessable):
    """The coupon belongs to another member (422)."""

    code = "wrong_member"
    detail = N_("This coupon belongs to another member.")


class MinBasisNotMet(Unprocessable):
    """Too little is in the cart (422), in minor units: `min_basis`, `basis`, `missing`."""

    code = "min_basis_not_met"
    detail = N_("The goods that count come to {basis}; {missing} are missing to {min_basis}.")


class OutOfScope(Unprocessable):
    """Nothing in the cart is of what the coupon is for (422)."""

    code = "out_of_scope"
    detail = N_("This coupon is not for any of these goods.")


class NotStackable(Unprocessable):
    """The coupon does not go with the others (422): `with`, their codes."""

    code = "not_stackable"
    detail = N_("This coupon can't be combined with others.")


class NotUsed(Refused):
    """The coupon was not used by this order (409)."""

    code = "not_used_by_order"
    detail = N_("This coupon was not used by this order.")
