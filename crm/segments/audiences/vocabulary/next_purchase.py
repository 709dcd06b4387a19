"""`next_purchase.*`: how likely a member is to buy soon, and when usually, as of last night.

A member of whom too little is known has none of these values.
"""

from crm.i18n import N_
from crm.segments.audiences.field import Field
from crm.segments.audiences.kinds import DATE, FLAG, SHARE, WORDS
from crm.segments.audiences.vocabulary.orders import categories

CHANCES = "SELECT n.member_id, n.chance_7, n.chance_30, n.chance_90, n.place FROM next_purchase n"
# The window of purchases of any kind, from two purchases of his own on.
WINDOW = """
    SELECT w.member_id, w.opens, w.closes FROM usual_window w
    WHERE w.category = '' AND w.gaps > 0"""
DUE = """
    SELECT w.member_id FROM usual_window w
    WHERE {match} AND w.category <> '' AND w.gaps > 0
      AND w.opens <= {today} AND w.closes >= {today}"""

FIELDS = (
    Field(
        "next_purchase.chance_7",
        N_("Chance to buy within 7 days"),
        N_("0 to 1, by last night's model."),
        SHARE,
        "{r}.chance_7",
        CHANCES,
    ),
    Field(
        "next_purchase.chance_30",
        N_("Chance to buy within 30 days"),
        N_("0 to 1, by last night's model."),
        SHARE,
        "{r}.chance_30",
        CHANCES,
    ),
    Field(
        "next_purchase.chance_90",
        N_("Chance to buy within 90 days"),
        N_("0 to 1, by last night's model."),
        SHARE,
        "{r}.chance_90",
        CHANCES,
    ),
    Field(
        "next_purchase.place",
        N_("Place among buyers"),
        N_("By the chance to buy soon, 0 to 1: 1 is the likeliest."),
        SHARE,
        "{r}.place",
        CHANCES,
    ),
    Field(
        "next_purchase.opens",
        N_("Usual window opens"),
        N_("The first day on which the member usually buys again."),
        DATE,
        "{r}.opens",
        WINDOW,
        ahead=True,
    ),
    Field(
        "next_purchase.closes",
        N_("Usual window closes"),
        N_("The last day on which the member usually buys again."),
        DATE,
        "{r}.closes",
        WINDOW,
        ahead=True,
    ),
    Field(
        "next_purchase.open",
        N_("Usual window is open"),
        N_("Whether today lies in it; not for whom too little is known of."),
        FLAG,
        "coalesce({today} BETWEEN {r}.opens AND {r}.closes, false)",
        WINDOW,
    ),
    Field(
        "next_purchase.due",
        N_("Usually buys now"),
        N_("Of this category: its usual window is open today."),
        WORDS,
        DUE,
        column="w.category",
        choices=categories,
    ),
)
