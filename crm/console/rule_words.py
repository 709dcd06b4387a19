"""A rule's fields in words: names, explanations and choices by JSON pointer."""

from crm.errors import N_
from crm.points.rule import ACTIVITY, MULTIPLIER, PER_ORDER, PER_UNIT, RATE

KINDS = {
    RATE: N_("Rate"),
    MULTIPLIER: N_("Multiplier"),
    PER_ORDER: N_("Bonus for an order"),
    PER_UNIT: N_("Bonus for each piece"),
    ACTIVITY: N_("Reward for an activity"),
}
KINDS_TOLD = {
    RATE: N_("Points for each amount spent: 1 point for each ¥1."),
    MULTIPLIER: N_("Multiplies what the rates give: double points on Sundays."),
    PER_ORDER: N_("The same points for any order that fits: 50 points for the first order."),
    PER_UNIT: N_("Points for each piece: 5 points for each cup."),
    ACTIVITY: N_("Points for something a member does: 30 points for a review."),
}
STATES = {
    "active": N_("active"),
    "scheduled": N_("scheduled"),
    "ended": N_("ended"),
}
ACTIVITIES = {
    "sign_up": N_("joining"),
    "profile_completed": N_("completing the profile"),
    "review": N_("a review"),
    "share": N_("sharing"),
    "referral": N_("bringing a friend"),
    "check_in": N_("checking in"),
    "birthday": N_("a birthday"),
    "survey": N_("answering a survey"),
    "custom": N_("an occasion of the shop’s own"),
}
LABELS = {
    "/name": N_("Name of the rule"),
    "/points": N_("Points"),
    "/per_amount": N_("For each"),
    "/factor": N_("Factor"),
    "/activity": N_("What is rewarded"),
    "/requires_paid_order": N_("Only for a paid order that was not refunded"),
    "/referee_points": N_("Points for the friend"),
    "/expiry/policy": N_("These points expire"),
    "/expiry/policy#any": N_("as the programme says"),
    "/expiry/months": N_("Months"),
    "/expiry/month": N_("Month of the fixed day"),
    "/expiry/day": N_("Day of the fixed day"),
    "/priority": N_("Priority"),
    "/exclusive_group": N_("Exclusive group"),
    "/starts_at": N_("Starts"),
    "/ends_at": N_("Ends"),
    "/cap/per_order": N_("At most, in an order"),
    "/cap/per_member_day": N_("At most, for a member in a day"),
    "/conditions/skus": N_("Products"),
    "/conditions/categories": N_("Categories"),
    "/conditions/labels": N_("Labels"),
    "/conditions/stores": N_("Stores"),
    "/conditions/channels": N_("Channels"),
    "/conditions/tiers": N_("Members’ tiers"),
    "/conditions/segments": N_("Members’ segments"),
    "/conditions/weekdays": N_("Days of the week"),
    "/conditions/local_time/from": N_("From (time of day)"),
    "/conditions/local_time/to": N_("Until (time of day)"),
    "/conditions/min_basis": N_("Orders from"),
    "/conditions/first_order": N_("First order"),
    "/conditions/first_order#any": N_("any order"),
    "/conditions/birthday_month": N_("Month of the birthday"),
    "/conditions/birthday_month#any": N_("any month"),
}
HINTS = {
    "/name": N_("What members and staff read; empty: the kind’s own name."),
    "/factor": N_("A decimal such as 1.5."),
    "/expiry/policy": N_("What a multiplier adds otherwise lasts as what it multiplies."),
    "/priority": N_("The highest goes first within a group; of equals the older rule."),
    "/exclusive_group": N_("Only the first rule of a group counts for the same goods."),
    "/starts_at": N_("By the shop’s clock. Empty: at once. A new rule may begin in the past."),
    "/ends_at": N_("From then on it no longer counts. Empty: no end."),
    "/cap/per_order": N_("Empty: no limit."),
    "/cap/per_member_day": N_("Empty: no limit."),
    "/conditions/skus": N_("One on each line; empty: all."),
    "/conditions/categories": N_("One on each line; empty: all."),
    "/conditions/labels": N_("One on each line; empty: all."),
    "/conditions/channels": N_("One on each line; empty: all."),
    "/conditions/tiers": N_("Nothing chosen: all."),
    "/conditions/segments": N_("Nothing chosen: all."),
    "/conditions/weekdays": N_("By the member’s clock. Nothing chosen: all."),
    "/conditions/local_time/to": N_("May pass midnight; it then belongs to the day it began on."),
    "/conditions/min_basis": N_("What the whole order must reach."),
}
CHOICES = {
    "/activity": ACTIVITIES,
    "/conditions/first_order": {
        "true": N_("only a member’s first"),
        "false": N_("only later ones"),
    },
    "/conditions/birthday_month": {
        "true": N_("only in that month"),
        "false": N_("only in the others"),
    },
}
CART_LABELS = {
    "sku": N_("Product"),
    "category": N_("Category"),
    "labels": N_("Labels"),
    "quantity": N_("Pieces"),
    "unit_price": N_("Price"),
    "/cart/at": N_("Time"),
    "/cart/store": N_("Store"),
    "/cart/store#any": N_("none"),
    "/cart/channel": N_("Channel"),
    "/cart/tier": N_("The member’s tier"),
    "/cart/segment": N_("The member’s segment"),
    "/cart/segment#any": N_("none"),
    "/cart/first_order": N_("It is the member’s first order"),
    "/cart/birthday_month": N_("It is the month of the member’s birthday"),
}
