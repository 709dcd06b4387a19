"""The programme's settings in words: names, explanations and choices by JSON pointer.

A setting that has no words here is still shown and edited, by its own name.
"""

from crm.errors import N_

SECTIONS = {
    "general": N_("General"),
    "basis": N_("What of an order earns"),
    "pending": N_("When points can be spent"),
    "expiry": N_("How long points last"),
    "redemption": N_("What points are worth"),
    "refund": N_("When goods come back"),
    "caps": N_("The most that orders earn"),
    "adjustment": N_("What staff may correct alone"),
}
LABELS = {
    "/currency": N_("Currency"),
    "/timezone": N_("Time zone of the shop"),
    "/rounding": N_("Rounding of points"),
    "/basis/include_tax": N_("Tax earns points"),
    "/basis/include_shipping": N_("Shipping earns points"),
    "/basis/points_tender_earns": N_("What is paid with points earns points"),
    "/basis/excluded/skus": N_("Products that earn nothing"),
    "/basis/excluded/categories": N_("Categories that earn nothing"),
    "/basis/excluded/labels": N_("Labels that earn nothing"),
    "/pending/policy": N_("An order’s points become available"),
    "/pending/days": N_("Days to wait"),
    "/pending/fallback_days_after_paid": N_("Days after payment, if never delivered"),
    "/expiry/policy": N_("Points expire"),
    "/expiry/months": N_("Months"),
    "/expiry/month": N_("Month of the fixed day"),
    "/expiry/day": N_("Day of the fixed day"),
    "/redemption/points_per_step": N_("Points in a step"),
    "/redemption/value_per_step": N_("Value of a step"),
    "/redemption/min_points": N_("Fewest points that can be spent"),
    "/redemption/max_share_percent": N_("Largest share of an order, in percent"),
    "/refund/shortfall": N_("Points that are spent already"),
    "/refund/take_other_lots": N_("Take them from the member’s other points first"),
    "/refund/restore_lapsed": N_("Spent points whose time has passed"),
    "/refund/grace_days": N_("Days of grace"),
    "/caps/per_order": N_("For one order"),
    "/caps/per_member_day": N_("For a member in a day"),
    "/caps/per_member_month": N_("For a member in a month"),
    "/adjustment/clerk/per_act": N_("Clerk, at once"),
    "/adjustment/clerk/per_day": N_("Clerk, in a day"),
    "/adjustment/manager/per_act": N_("Manager, at once"),
    "/adjustment/manager/per_day": N_("Manager, in a day"),
    "/effective_at": N_("Takes effect"),
}
HINTS = {
    "/timezone": N_("For members and stores that have none of their own, such as Asia/Shanghai."),
    "/rounding": N_("Once, at the very end of the reckoning."),
    "/basis/excluded/skus": N_("One on each line."),
    "/basis/excluded/categories": N_("One on each line."),
    "/basis/excluded/labels": N_("One on each line."),
    "/expiry/months": N_("Counted from the day they become available."),
    "/expiry/day": N_("A day that the month lacks is its last."),
    "/caps/per_order": N_("Empty: no limit."),
    "/caps/per_member_day": N_("Empty: no limit."),
    "/caps/per_member_month": N_("Empty: no limit."),
    "/adjustment/clerk/per_act": N_("Above it a second person must approve."),
    "/effective_at": N_("By the shop’s clock. Empty: at once."),
}
CHOICES = {
    "/rounding": {
        "floor": N_("down"),
        "half_up": N_("to the nearest, halves up"),
        "ceil": N_("up"),
    },
    "/pending/policy": {
        "days_after_delivery": N_("some days after delivery"),
        "days_after_paid": N_("some days after payment"),
        "immediately": N_("at once"),
        "manual": N_("when they are released by hand"),
    },
    "/expiry/policy": {
        "rolling_months": N_("some months later, to the day"),
        "rolling_months_month_end": N_("some months later, at the end of the month"),
        "rolling_months_quarter_end": N_("some months later, at the end of the quarter"),
        "rolling_months_year_end": N_("some months later, at the end of the year"),
        "fixed_day": N_("on a fixed day of the next year"),
        "inactivity_months": N_("after some months without a purchase"),
        "never": N_("never"),
    },
    "/refund/shortfall": {
        "debt": N_("become a debt"),
        "floor_at_zero": N_("are let go"),
        "deduct_from_refund": N_("are reported, to be taken off the refund"),
    },
    "/refund/restore_lapsed": {
        "grace": N_("come back for some days"),
        "lapse": N_("stay expired"),
    },
}
STATES = {
    "in_force": N_("in force"),
    "announced": N_("announced"),
    "past": N_("past"),
    "replaced": N_("replaced"),
}
