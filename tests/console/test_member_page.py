"""The member page tells the truth, in words; and every look at a phone number leaves a record."""

import re
from collections.abc import Callable

import pytest
from api_client import Api
from shop import Shop
from visitor import Visitor, words

As = Callable[..., Visitor]


def test_the_page_shows_what_the_api_says(signed_in: As, shop: Shop, admin: Api):
    page = words(signed_in("admin").get(f"/members/{shop.lin}"))
    points = admin.get(f"/members/{shop.lin}/points").get_json()
    assert f"Points to spend {points['available']:,} " in page
    assert f"Pending {points['pending']:,} " in page
    tier = admin.get(f"/members/{shop.lin}/tier").get_json()
    assert f"林晓雯 {tier['tier']['name']} " in page
    missing = next(need for need in tier["next"]["conditions"] if need["metric"] == "spend")
    assert missing["missing"] > 0
    segment = admin.get(f"/members/{shop.lin}/rfm").get_json()
    assert f"Why “{segment['segment']['name']}”" in page
    for fact in segment["why"]:
        assert fact["text"] in page
    for entry in admin.get(f"/members/{shop.lin}/points/entries?limit=10").get_json()["data"]:
        sign = "+" if entry["points"] > 0 else ""
        figure = f"{sign}{entry['points']:,}".replace("-", "−")
        assert f"{figure} {entry['balance_after']:,}" in page


def test_how_far_it_is_is_said_in_the_readers_language(signed_in: As, shop: Shop):
    path = f"/members/{shop.lin}"
    english, simplified, traditional = (
        signed_in(role, locale)
        for role, locale in (("admin", "en"), ("manager", "zh-Hans"), ("manager", "zh-Hant"))
    )
    assert re.search(r"¥\S+ to (Silver|Gold)", words(english.get(path)))
    assert re.search(r"¥\S+ more makes her (Silver|Gold)", words(english.get(path + "/glance")))
    assert re.search(r"再消费 ¥\S+ 就升为(银牌|金牌)", words(simplified.get(path + "/glance")))
    assert re.search(r"離(銀牌|金牌)還差 ¥", words(traditional.get(path)))


def test_orders_refunds_notes_consents_and_awards_are_told(signed_in: As, shop: Shop):
    page = words(signed_in("admin").get(f"/members/{shop.lin}"))
    for sentence in (
        "茉莉龙珠 × 2 and 1 more",
        "¥40.00 refunded",
        "Refunded ¥40.00",
        "Review: +30 points",
        "Redeemed: −100 points",
        "SMS · marketing agreed",
        "“喜欢白毫银针 & <i>gifts</i>” — admin",
        "礼盒客",
        "joined on",
        "at Jing’an store",
    ):
        assert sentence in page


def test_who_never_bought_has_an_honest_page(signed_in: As, shop: Shop):
    page = words(signed_in("admin").get(f"/members/{shop.nobody}"))
    for sentence in ("No orders yet.", "No points left.", "No entries yet.", "Prospects", "Joined"):
        assert sentence in page
    assert "Nothing recorded, so no marketing is sent." in page


@pytest.mark.parametrize("as_fragment", [True, False])
def test_looking_at_a_phone_number_is_logged(
    signed_in: As, shop: Shop, admin: Api, as_fragment: bool
):
    visitor = signed_in("manager")
    masked = visitor.get(f"/members/{shop.lin}")
    assert "+8613812344471" not in masked.text
    assert "looking is logged" in words(masked)
    headers = {"HX-Request": "true"} if as_fragment else {}
    answer = visitor.post(f"/members/{shop.lin}/reveal", **headers)
    assert {"+8613812344471", "lin@example.com"} <= set(words(answer).split())
    record = admin.get(f"/audit?object_id={shop.lin}&action=member.revealed").get_json()["data"]
    assert [entry["actor"]["name"] for entry in record] == ["Chen Rui"]


def test_who_may_not_look_can_not(signed_in: As, shop: Shop, admin: Api):
    visitor = signed_in("clerk")
    page = visitor.get(f"/members/{shop.lin}")
    assert f"/members/{shop.lin}/reveal" not in page.text
    assert visitor.post(f"/members/{shop.lin}/reveal").status_code == 403
    assert not admin.get(f"/audit?object_id={shop.lin}&action=member.revealed").get_json()["data"]


def test_a_name_in_another_script_is_drawn_in_its_own_language(signed_in: As, shop: Shop):
    path = f"/members/{shop.lin}"
    assert '<h1 lang="zh-Hans">林晓雯</h1>' in signed_in("admin").get(path).text
    assert "<h1>林晓雯</h1>" in signed_in("manager", "zh-Hans").get(path).text
