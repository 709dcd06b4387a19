"""The forecast at the console: how it was tested, and what it says of a member, or why nothing."""

from collections.abc import Callable

import forecasts
from api_client import Api
from shop import EVIL, Shop
from visitor import Visitor, words

from crm import clock

As = Callable[..., Visitor]


def test_the_back_test_is_told_in_the_figures_of_the_api(signed_in: As, shop: Shop, admin: Api):
    forecasts.learn(clock.now())
    page = words(signed_in("analyst").get("/segments"))
    for horizon in admin.get("/next-purchase-model").json["horizons"]:
        test = horizon["back_test"]
        figures = next(
            each["figures"] for each in test["candidates"] if each["method"] == horizon["method"]
        )
        row = f"{figures['expected']:,.0f} {test['bought']:,} {figures['lift']:.1f}"
        assert f"{row} {figures['auc']:.3f} {figures['brier']:.4f}" in page
        if horizon["days"] == 30:
            for band in figures["calibration"]:
                assert f"{100 * band['expected']:.1f}% {100 * band['bought']:.1f}%" in page
            assert f"{figures['lift']:.1f} times as many bought" in page


def test_the_back_test_of_categories_is_told_in_the_figures_of_the_api(
    signed_in: As, shop: Shop, admin: Api
):
    forecasts.learn(clock.now())
    visit = signed_in("analyst").get("/segments")
    page = words(visit)
    stored = admin.get("/next-purchase-model").json["categories"]
    for horizon in stored["horizons"]:
        test = horizon["back_test"]
        figures = next(
            each["figures"] for each in test["candidates"] if each["method"] == horizon["method"]
        )
        row = f"{figures['expected']:,.0f} {test['bought']:,} {figures['lift']:.1f}"
        assert f"{row} {figures['auc']:.3f} {figures['brier']:.4f}" in page
    month = stored["horizons"][1]
    assert [row["category"] for row in month["categories"]][2] == EVIL
    for row in month["categories"]:
        auc = "–" if row["auc"] is None else f"{row['auc']:.3f}"
        bought = f"{row['bought']:,} {100 * row['share']:.1f}% {auc}"
        assert f"{row['customers']:,} {row['expected']:,.0f} {bought}" in page
    assert "Too few purchases so far" in page
    assert "<script>alert" not in visit.text
    assert "茶具与所有其他…" in visit.text


def test_before_the_first_night_the_segments_page_says_nothing_of_it(signed_in: As, shop: Shop):
    assert "how good is the forecast" not in words(signed_in("analyst").get("/segments"))


def test_a_members_window_chances_and_products_are_those_of_the_api(
    signed_in: As, shop: Shop, admin: Api
):
    forecasts.learn(clock.now())
    visit = signed_in("admin").get(f"/members/{shop.lin}")
    page, told = words(visit), admin.get(f"/members/{shop.lin}/rfm").json["next_purchase"]
    window = told["usual_window"]
    assert f"Usually {window['from_days']}–{window['to_days']} days after a purchase" in page
    for one in told["chances"]:
        assert f"Buys within {one['days']} days {100 * one['chance']:.0f}%" in page
    (ware,) = told["categories"]
    assert ware["category"] == "teaware"
    assert f"buys within 30 days: {100 * ware['chances'][1]['chance']:.0f}%" in page
    suggested = admin.get(f"/members/{shop.lin}/suggestions").json["data"][0]
    assert (suggested["name"], suggested["because"]["name"]) == (EVIL, "Jasmine pearls")
    assert "32% of those who bought Jasmine pearls took it, 2.4 times as many as usual" in page
    assert "<script>alert" not in visit.text


def test_who_bought_once_or_never_is_told_so_and_no_date(signed_in: As, shop: Shop):
    visitor = signed_in("admin")
    forecasts.learn(clock.now())
    once = words(visitor.get(f"/members/{shop.evil}"))
    assert "Bought once so far: too little to know a rhythm." in once
    assert "Members who come back mostly do so after 20 to 90 days." in once
    never = words(visitor.get(f"/members/{shop.nobody}"))
    assert "Nothing bought yet." in never
    assert "Usually" not in never


def test_before_the_first_night_a_member_is_told_why_there_are_no_chances(
    signed_in: As, shop: Shop
):
    page = words(signed_in("admin", "zh-Hant").get(f"/members/{shop.lin}"))
    assert "可能性每晚計算，第一次還沒開始。" in page
