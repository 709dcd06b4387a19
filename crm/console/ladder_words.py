"""The ladder's fields in words; those of a tier by the end of their pointer."""

from crm.console.telling import Words
from crm.errors import N_

LABELS = {
    "/window/kind": N_("Counted over"),
    "/window/months": N_("Months"),
    "/validity_months": N_("A tier lasts, in months"),
    "/downgrade": N_("Who falls short at its end"),
    "/grace_days": N_("Days of grace"),
    "/refund_fallback": N_("A tier won by an order falls back when all of it is refunded"),
    "/effective_at": N_("Takes effect"),
    "code": N_("Code"),
    "name/en": N_("Name, English"),
    "name/zh-Hans": N_("Name, simplified Chinese"),
    "name/zh-Hant": N_("Name, traditional Chinese"),
    "multiplier": N_("Points are multiplied by"),
    "qualify/match": N_("Reached with"),
    "qualify/spend": N_("Amount spent"),
    "qualify/orders": N_("Orders"),
    "qualify/points_earned": N_("Points earned"),
    "keep/match": N_("Kept with"),
    "keep/spend": N_("Amount spent"),
    "keep/orders": N_("Orders"),
    "keep/points_earned": N_("Points earned"),
    "benefits/birthday_coupon": N_("Birthday coupon"),
    "benefits/birthday_points": N_("Birthday points"),
    "benefits/monthly_coupons": N_("Monthly coupons"),
    "benefits/discount_percent": N_("Standing discount, in percent"),
    "benefits/free_shipping": N_("Free shipping"),
    "benefits/early_access": N_("Early access"),
    "benefits/dedicated_service": N_("Dedicated service"),
    "benefits/custom/en": N_("Other benefits, English"),
    "benefits/custom/zh-Hans": N_("Other benefits, simplified Chinese"),
    "benefits/custom/zh-Hant": N_("Other benefits, traditional Chinese"),
}
HINTS = {
    "/effective_at": N_("By the shop’s clock. Empty: at once."),
    "/window/months": N_("For “the last months”."),
    "code": N_("What programs call it; members keep their tier by it."),
    "multiplier": N_("A decimal such as 1.2."),
}
MATCHES = {"any": N_("any one of these"), "all": N_("all of these")}
CHOICES = {
    "/window/kind": {
        "rolling_months": N_("the last months"),
        "calendar_year": N_("the calendar year"),
        "membership_year": N_("the year of membership"),
        "lifetime": N_("all time"),
    },
    "/downgrade": {
        "one_step": N_("goes down one step"),
        "straight": N_("goes down to the tier that fits"),
        "never": N_("stays"),
    },
    "qualify/match": MATCHES,
    "keep/match": {"same": N_("the same"), **MATCHES},
}


class LadderWords(Words):
    """Words for the ladder: a tier's fields have the same ones on every rung."""

    def key(self, pointer: str) -> str:
        """The end of a tier's pointer; other values' pointers as they are."""
        return pointer.split("/", 3)[3] if pointer.startswith("/tiers/") else pointer


WORDS = LadderWords(LABELS, HINTS, CHOICES)
