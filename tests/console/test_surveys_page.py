"""The page of satisfaction: figures, a line by month with its table, and what members wrote."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from api_client import Api
from order_bodies import order_body
from shop import EVIL
from visitor import Visitor, words

from crm import clock
from crm.campaigns.surveys import answering, opening
from crm.campaigns.surveys.answering import Answer
from crm.campaigns.surveys.opening import Opening
from crm.db import transaction

As = Callable[..., Visitor]


@pytest.fixture
def answered(admin: Api, regular: str) -> str:
    """Two months of answers; the id of the order that was rated 2."""
    now, member = clock.now(), UUID(regular)
    found = admin.put("/orders/web/A1", order_body(member)).get_json()
    rows = [
        (now - timedelta(days=40), Opening(member, "a"), Answer(5, None, "en")),
        (now, Opening(member, "b", order_id=UUID(found["id"]), points=0), Answer(2, EVIL, "en")),
        (now, Opening(member, "c"), None),
    ]
    with transaction():
        for at, row, answer in rows:
            survey = opening.open_many([row], at)[row.occasion]
            if answer is not None:
                answering.answer(survey, answer, now=at)
    return found["id"]


def test_figures_are_told_with_a_line_and_its_table(signed_in: As, answered):
    page = signed_in("marketer").get("/surveys")
    shown = words(page)
    assert "Average rating, of 5 3.50" in shown
    assert "Response rate 66.7% 2 of 3 asked" in shown
    assert '<polyline class="c-line"' in page.text
    assert "<desc" in page.text
    assert "By store and month" in shown
    assert "no store" in shown
    assert "<script>alert" not in page.text


def test_answers_can_be_read_by_kind_and_lead_to_their_case(signed_in: As, answered):
    manager = signed_in("manager")
    assert "5 · Very happy –" in words(manager.get("/surveys"))
    for pick in ("words", "low"):
        shown = manager.get("/surveys", {"pick": pick})
        assert "5 · Very happy –" not in words(shown)
        assert "the case it opened" in words(shown)
    assert "No answers here" in words(manager.get("/surveys", {"store": "nowhere"}))
    assert manager.get("/surveys", {"pick": "x"}).status_code == 422
    assert signed_in("clerk").get("/surveys").status_code == 403


def test_an_empty_shop_says_what_will_be_here(signed_in: As):
    shown = words(signed_in("analyst").get("/surveys"))
    assert "Two months with answers are needed to draw a line." in shown
    assert "No answers here" in shown


def test_the_rating_stands_on_the_order_and_on_the_members_page(signed_in: As, answered, regular):
    clerk = signed_in("clerk")
    order = words(clerk.get(f"/orders/{answered}"))
    assert "Rated 2 of 5" in order
    assert "Open a case about this order" in order
    member = words(clerk.get(f"/members/{regular}"))
    assert "rated 2 of 5" in member
    assert "Open case" in member
