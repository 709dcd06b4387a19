"""Journeys in words: what can be set, and why a member got nothing."""

from crm.console.telling import Words
from crm.errors import N_

LABELS = {
    "/send_at": N_("At"),
    "/template": N_("Template"),
    "/fallback_template": N_("Second template"),
    "/points": N_("Points"),
    "/coupon_template": N_("Coupon"),
    "/lateness_days": N_("Days for making up"),
    "/attribution_days": N_("Days that count as its result"),
    "/days_after": N_("Days after joining"),
    "/when": N_("When"),
    "/days_before": N_("Days before"),
    "/leap_day": N_("Born on 29 February"),
    "/by_tier": N_("What a tier brings takes the place of these gifts"),
    "/days_after_delivery": N_("Days after delivery"),
    "/cooldown_days": N_("Days of rest"),
    "/low_rating": N_("Ratings that open a case"),
    "/case_days": N_("Days until that case is due"),
    "/survey_days": N_("Days for answering"),
    "/skip_above": N_("Not to who buys anyway"),
    "/days": N_("Days without a purchase"),
    "/min_points": N_("From how many points on"),
    "/days_of_month": N_("Days of the month"),
    "/holidays": N_("Holidays"),
}
HINTS = {
    "/send_at": N_("By the member’s own clock, such as 09:00."),
    "/template": N_("Empty: the default one is made when the journey is switched on."),
    "/fallback_template": N_(
        "Of another channel: for members without an address or consent for the first."
    ),
    "/points": N_("0: none."),
    "/lateness_days": N_(
        "What nobody got to, for so many days after the day, is made up for; then it expires."
        " 0: the same day only."
    ),
    "/days_after": N_("0: at once."),
    "/days_before": N_("So many days before the day that it is about."),
    "/cooldown_days": N_("A member is left alone for so long before the next one."),
    "/low_rating": N_("This one, of 1 to 5, and those below it. 0: never."),
    "/case_days": N_("0: as the policy of cases says."),
    "/skip_above": N_("A chance in per cent of buying within seven days."),
    "/days_of_month": N_("31 is the last day of a shorter month."),
    "/holidays": N_(
        "One on each line: a code, solar or lunar, month-day, and its names in English, Simplified"
        " and Traditional Chinese, parted by slashes."
    ),
}
CHOICES = {
    "/when": {
        "day": N_("on the day"),
        "days_before": N_("some days before"),
        "month": N_("on the first day of the month"),
    },
    "/leap_day": {"feb28": N_("28 February"), "mar1": N_("1 March")},
    "/days_of_month": {str(day): str(day) for day in range(1, 32)},
}
WORDS = Words(LABELS, HINTS, CHOICES)
ASKING = Words(
    LABELS | {"/points": N_("Points for an answer")},
    HINTS | {"/points": N_("Empty: as the rules of the programme say. 0: none.")},
    CHOICES,
)
REASONS = {
    "too_late": N_("It was too late when it was found"),
    "duplicate_person": N_("A record merged into this one had it"),
    "open_case": N_("A complaint is open"),
    "opted_out": N_("No consent"),
    "no_address": N_("No address"),
    "address_suppressed": N_("The address bounced or complained"),
    "order_refunded": N_("The order was refunded or cancelled"),
    "cooldown": N_("Was asked a short while ago"),
    "nothing_expires": N_("Nothing that counts expires"),
    "no_longer_due": N_("No longer the case"),
    "superseded": N_("A higher step came at the same time"),
    "will_be_kept": N_("The tier will be kept"),
    "about_to_buy": N_("Is about to buy anyway"),
    "nothing_to_suggest": N_("There is nothing to suggest"),
    "member_not_found": N_("No member any more"),
    "pool_empty": N_("No code was left in the pool"),
    "stock_empty": N_("No coupon was left"),
    "budget_exhausted": N_("The coupon’s budget is spent"),
    "member_limit_reached": N_("Has had this coupon as often as may be"),
    "coupon_template_ended": N_("The coupon has ended"),
    "coupon_template_not_found": N_("There is no such coupon"),
    "coupon_expired": N_("The coupon’s time is over"),
    "already_given": N_("Given already"),
    "already_skipped": N_("Skipped already"),
    "already_expired": N_("Expired already"),
}
STATES = {"given": N_("given"), "skipped": N_("skipped"), "expired": N_("expired")}
MARKS = {"given": "r-tag--good", "expired": "r-tag--warn"}
