"""The till finds members by what staff type, and puts no personal data into addresses."""

from collections.abc import Callable

import pytest
from shop import ENDING, Shop
from visitor import Visitor, words

As = Callable[..., Visitor]


@pytest.mark.parametrize(
    "typed", ["林晓雯", "晓雯", "linxiaowen", "lxw", "13812344471", "lin@example.com", "JA-2"]
)
def test_enter_opens_the_only_member_that_fits(signed_in: As, shop: Shop, typed: str):
    answer = signed_in("clerk").post("/till", {"q": typed})
    assert (answer.status_code, answer.location) == (303, f"/console/members/{shop.lin}")


def test_a_scanned_member_number_opens_its_member(signed_in: As, shop: Shop):
    visitor = signed_in("clerk")
    page = words(visitor.get(f"/members/{shop.lin}"))
    number = page.split("Member number ")[1][:12].replace(" ", "")
    assert visitor.post("/till", {"q": number}).location == f"/console/members/{shop.lin}"


def test_several_are_listed_with_their_masked_phones(signed_in: As, shop: Shop):
    answer = signed_in("clerk").post("/till/hits", {"q": ENDING})
    assert "3 members have a phone ending in 4471." in words(answer)
    assert answer.text.count('role="option"') == 3
    assert "138 •••• " in answer.text
    assert "<mark>4471</mark>" in answer.text
    assert "13812344471" not in answer.text
    assert 'data-asked="4471"' in answer.text


def test_this_stores_members_come_first(signed_in: As, shop: Shop):
    hits = signed_in("clerk", store="jingan").post("/till/hits", {"q": ENDING})
    assert hits.text.index(shop.lin) < hits.text.index(shop.evil)


def test_points_in_the_list_are_those_that_can_be_spent(signed_in: As, shop: Shop):
    visitor = signed_in("clerk")
    page = words(visitor.get(f"/members/{shop.lin}"))
    available = page.split("Points to spend ")[1].split(" ")[0]
    assert f" {available} points " in words(visitor.post("/till/hits", {"q": ENDING}))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("1", "Type at least four digits"),
        ("nobody-at-all@example.com", "Nobody fits “nobody-at-all@example.com”."),
        ("99999999999999999999", "Nobody fits"),
        ("", ""),
        ("   ", ""),
        ("\x00\ud800" + "林" * 300, "Nobody fits"),
    ],
)
def test_what_finds_nobody_says_what_to_do(signed_in: As, typed: str, said: str):
    visitor = signed_in("clerk")
    answer = visitor.post("/till/hits", {"q": typed.encode("utf-8", "surrogatepass")})
    assert answer.status_code == 200
    assert said in words(answer)
    assert 'role="option"' not in answer.text


def test_what_was_typed_stays_out_of_addresses(signed_in: As, shop: Shop):
    visitor = signed_in("clerk")
    assert 'method="post"' in visitor.get("/till").text.split('action="/console/till"')[0][-120:]
