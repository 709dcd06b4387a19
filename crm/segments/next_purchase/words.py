"""Reasons and methods of next purchases in words, in the language of who reads them."""

from crm.i18n import N_, gettext

REASONS = {
    "not_bought": N_("Nothing bought yet."),
    "bought_once": N_("Bought once so far: too little to know a rhythm."),
    "store_unknown": N_("Too few members have come back so far to know how long it takes."),
    "no_model": N_("Chances are calculated every night; the first night is still to come."),
    "short_history": N_("The store's history is too short to check a forecast of this length."),
    "few_purchases": N_("Too few purchases so far to check a forecast of this length."),
    "few_returned": N_("Too few members have come back so far to learn from."),
    "not_fitted": N_("The purchases so far do not tell how often customers buy."),
    "no_better_than_the_mean": N_(
        "In the last test the chances were no better than one and the same for everybody."
    ),
    "no_categories": N_("No purchase so far says of which category the goods were."),
    "small_category": N_("Chances are learned for the categories with the most customers only."),
    "no_store_chance": N_("There is no chance for the store as a whole to go by."),
}
METHODS = {
    "regression": N_("Logistic regression on the store's own past"),
    "mbg_nbd": N_("MBG/NBD, a model of buying and staying away"),
    "percentiles": N_("Plain percentiles of recency, frequency and amount"),
    "share": N_("Chance to buy anything times the category's share of the purchase days"),
}


def reason(code: str | None) -> dict[str, str] | None:
    """`{"code", "text"}` in the current language."""
    return None if code is None else {"code": code, "text": gettext(REASONS[code])}
