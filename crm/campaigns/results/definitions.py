"""What each figure of a report means, in the words that stand beside it."""

from collections.abc import Mapping
from types import MappingProxyType

from crm.errors import N_
from crm.i18n import gettext

DEFINITIONS: Mapping[str, str] = MappingProxyType(
    {
        "members": N_(
            "Everybody who was assigned to the arm by chance and whose time has come, whether a "
            "message reached him or not."
        ),
        "holdout": N_("Members drawn by chance from the same audience, who get nothing."),
        "sent": N_("Messages that the provider took."),
        "delivered": N_("Messages of which the provider said that they arrived."),
        "opened": N_(
            "Mails that were opened, of members who agreed to profiling. Some mail programs load "
            "every picture by themselves, others none: a hint, no measure."
        ),
        "clicked": N_(
            "Mails of which a link was followed, of members who agreed to profiling. Some filters "
            "follow every link by themselves."
        ),
        "redeemed": N_("Coupons of the campaign that were used, whenever that was."),
        "opted_out": N_("Members who left by the link of this message."),
        "buyers": N_("Members with at least one paid order placed in their window."),
        "sales": N_("Goods after discounts and refunds, without tax and delivery."),
        "discounts": N_(
            "What was taken off orders as a whole or by coupons, free delivery and gifts by "
            "coupons; on what was kept."
        ),
        "points_cost": N_(
            "Points that these orders earned and that the campaign gave, at what they are worth "
            "when they are used."
        ),
        "message_cost": N_("What providers took for the messages, as far as they say."),
        "goods_lost": N_("What goods cost that were refunded and did not come back."),
        "profit": N_(
            "Margin of sales before discounts, less discounts, points, messages, and goods that "
            "were refunded and did not come back."
        ),
        "incremental": N_(
            "How much more profit the members made than if nothing had been done: the difference "
            "to the holdout at equal spend in the year before, times the members. The true figure "
            "lies in the interval in 95 of 100 campaigns."
        ),
        "winner": N_(
            "The arm that brings more per member than each other arm, with all comparisons "
            "together wrong in at most 5 of 100 campaigns."
        ),
    }
)


def told() -> dict[str, str]:
    """All definitions in the reader's language."""
    return {name: str(gettext(text)) for name, text in DEFINITIONS.items()}
