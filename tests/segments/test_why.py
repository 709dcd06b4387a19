"""Reasons are true, in words, in the reader's language."""

from dataclasses import replace

import numpy as np
import pytest

from crm import i18n
from crm.segments import ranks, why
from crm.segments.why import Distributions, Features, Outlook

pytestmark = pytest.mark.usefixtures("no_database")

SPREAD = Distributions.read(
    {
        "recency": ranks.table(np.array([3, 10, 132, 200, 400])),
        "frequency": ranks.table(np.array([1, 1, 1, 4, 9])),
        "monetary": ranks.table(np.array([500, 900, 1_000, 8_000, 123_456])),
    },
    [{"code": "prospects", "share": 0.2575}],
)
BUYER = Features(
    recency_days=132, frequency=4, monetary=123_456, tenure_days=255, registered_days=300
)
ONCE = replace(BUYER, frequency=1, tenure_days=132)
NOBODY = Features(recency_days=None, frequency=0, monetary=0, tenure_days=None, registered_days=12)


def said(features: Features, spread: Distributions | None = SPREAD) -> list[str]:
    return [fact["text"] for fact in why.facts(features, spread, "CNY")]


def test_a_regulars_reasons_compare_with_other_customers():
    assert said(BUYER) == [
        "Last purchase 132 days ago; more recent than 40% of customers",
        "Bought on 4 days, about every 41 days; more often than 60% of customers",
        "Spent ¥1,234.56 in all; more than 80% of customers",
    ]


def test_a_one_time_buyer_hears_how_many_come_back():
    assert said(ONCE)[1] == "Bought once so far; 40% of customers have come back"


def test_a_prospect_has_reasons_too():
    assert said(NOBODY) == [
        "No purchase yet",
        "Registered 12 days ago",
        "25% of members have not bought yet",
    ]


@pytest.mark.parametrize(
    ("language", "first", "third"),
    [
        (
            "zh-Hans",
            "上次购买在 132 天前，比 40% 的顾客更近",
            "累计消费 ¥1,234.56，比 80% 的顾客多",
        ),
        (
            "zh-Hant",
            "上次購買在 132 天前，比 40% 的顧客更近",
            "累計消費 ¥1,234.56，比 80% 的顧客多",
        ),
    ],
)
def test_reasons_are_in_the_readers_language(language, first, third):
    with i18n.use(language):
        assert [said(BUYER)[0], said(BUYER)[2]] == [first, third]


@pytest.mark.parametrize(
    ("days", "words"),
    [(0, "Last purchase today"), (1, "Last purchase 1 day ago"), (2, "Last purchase 2 days ago")],
)
def test_days_are_told_as_people_say_them(days, words):
    assert said(replace(BUYER, recency_days=days), None)[0] == words


def test_without_a_run_reasons_compare_with_nobody():
    assert said(BUYER, None) == [
        "Last purchase 132 days ago",
        "Bought on 4 days, about every 41 days",
        "Spent ¥1,234.56 in all",
    ]
    assert said(NOBODY, None) == ["No purchase yet", "Registered 12 days ago"]


def test_nobody_is_told_to_be_ahead_of_everybody():
    best = replace(BUYER, recency_days=0, frequency=99, monetary=10**9, tenure_days=400)
    assert [text.split("than ")[1] for text in said(best)] == ["99% of customers"] * 3


def test_percentiles_grow_with_better_habits_and_are_empty_without_a_purchase():
    assert SPREAD.percentiles(BUYER) == {"recency": 0.5, "frequency": 0.7, "monetary": 0.9}
    assert SPREAD.percentiles(NOBODY) is None


def test_a_currency_without_minor_units_is_written_without_them():
    assert why.money(1_500, "JPY") == "¥1,500"


OUTLOOK = Outlook(
    usual_days=21, gap_days=37.6, bound_for=None, buying="Loyal", days_left=12, then="Hibernating"
)


def ahead(features: Features, **changes) -> list[str]:
    facts = why.facts(features, SPREAD, "CNY", replace(OUTLOOK, **changes))
    return [fact["text"] for fact in facts]


def test_a_regulars_reasons_say_how_others_like_him_buy_and_what_buying_would_do():
    assert ahead(BUYER) == [
        "Last purchase 132 days ago; more recent than 40% of customers",
        "Bought on 4 days, about every 41 days; members like this buy about every 38 days",
        "Buying now would lead to: Loyal",
    ]


def test_a_one_time_buyer_hears_when_those_come_back_who_do():
    usual = "Bought once so far; half of those who come back do so within 21 days"
    assert ahead(ONCE)[1] == usual


def test_who_would_stay_by_buying_hears_how_long_he_has():
    text = "After 12 more days without a purchase: Hibernating"
    assert ahead(BUYER, buying=None)[2] == text
    assert ahead(BUYER, buying=None, days_left=1)[2].startswith("After 1 more day ")


def test_who_has_moved_since_the_run_hears_where_to():
    text = "Has moved since; from the next run on: Champions"
    assert ahead(BUYER, bound_for="Champions")[2] == text


def test_who_nothing_moves_hears_what_he_spent():
    assert ahead(BUYER, buying=None, days_left=None, then=None)[2] == said(BUYER)[2]


@pytest.mark.parametrize(
    ("language", "second", "third"),
    [
        (
            "zh-Hans",
            "在 4 天里买过，约每 41 天一次，类似的会员约每 38 天买一次",
            "现在购买会进入：Loyal",
        ),
        (
            "zh-Hant",
            "在 4 天買過，約每 41 天一次，類似的會員約每 38 天買一次",
            "現在購買會進入：Loyal",
        ),
    ],
)
def test_what_is_ahead_is_told_in_the_readers_language(language, second, third):
    with i18n.use(language):
        assert ahead(BUYER)[1:] == [second, third]
