"""Giving back what was spent, by hand: as much as is left, and never twice by accident."""

import re
from collections.abc import Callable

import pytest
from api_client import Api
from visitor import Visitor, words

from crm.points import check

As = Callable[..., Visitor]


@pytest.fixture
def spent(regular: str, admin: Api) -> str:
    """The page to give back 300 points that the regular spent, after /console."""
    body = {"member": {"id": regular}, "points": 300, "reference": "till 7"}
    entry = admin.post("/points/redemptions", body).get_json()
    return f"/members/{regular}/spent/{entry['id']}/reverse"


def available(admin: Api, member: str) -> int:
    return admin.get(f"/members/{member}/points").get_json()["available"]


def send(visitor: Visitor, page: str, points: str, left: str = ""):
    """Fill in the form as it stands on the page."""
    shown = re.search(r'name="left" value="(\d+)"', visitor.get(page).text)
    return visitor.post(page, {"points": points, "left": left or (shown[1] if shown else "0")})


def test_the_members_page_leads_to_giving_back(signed_in: As, regular: str, spent: str):
    clerk = signed_in("clerk")
    page = clerk.get(f"/members/{regular}").text
    assert f'href="/console{spent}"' in page
    assert page.count("/reverse") == 1, "what was awarded is not given back"
    told = words(clerk.get(spent))
    assert "Spent: 300 points" in told
    assert "till 7" in told
    assert "Can still be given back 300" in told


def test_a_part_and_then_the_rest_are_given_back(
    signed_in: As, regular: str, spent: str, admin: Api
):
    clerk = signed_in("clerk")
    answer = send(clerk, spent, "100")
    assert answer.location == f"/console/members/{regular}?given_back=100"
    assert "Given back: +100 points." in words(clerk.get(f"/members/{regular}?given_back=100"))
    assert "Given back so far 100" in words(clerk.get(spent))
    assert send(clerk, spent, "200").status_code == 303
    assert "All of it was given back already." in words(clerk.get(spent))
    assert available(admin, regular) == 600
    assert not check.run()
    told = admin.get(f"/audit?action=points.reversed&object_id={regular}").get_json()["data"]
    assert [row["after"]["points"] for row in told] == [200, 100]


def test_a_form_sent_twice_gives_back_once(signed_in: As, regular: str, spent: str, admin: Api):
    clerk = signed_in("clerk")
    assert send(clerk, spent, "100", left="300").status_code == 303
    answer = send(clerk, spent, "100", left="300")
    assert answer.status_code == 422
    assert "since this page was opened" in words(answer)
    assert available(admin, regular) == 400


@pytest.mark.parametrize("points", ["", "0", "-5", "301", "many"])
def test_more_than_is_left_and_what_is_no_number_are_refused(
    signed_in: As, regular: str, spent: str, admin: Api, points: str
):
    answer = send(signed_in("clerk"), spent, points)
    assert answer.status_code == 422
    assert "Give a whole number from 1 to 300." in words(answer)
    assert available(admin, regular) == 300


def test_only_what_this_member_spent_has_a_page(
    signed_in: As, regular: str, spent: str, admin: Api, person
):
    clerk = signed_in("clerk")
    other = spent.replace(regular, str(person()))
    award = admin.get(f"/members/{regular}/points/entries").get_json()["data"][-1]
    for page in (other, f"/members/{regular}/spent/{award['id']}/reverse"):
        assert clerk.get(page).status_code == 404
        clerk.get(spent)
        assert clerk.post(page, {"points": "5", "left": "300"}).status_code == 404
    assert available(admin, regular) == 300


def test_roles_that_may_not_write_points_are_shown_no_way(signed_in: As, regular: str, spent: str):
    analyst = signed_in("analyst")
    assert "/reverse" not in analyst.get(f"/members/{regular}").text
    assert analyst.get(spent).status_code == 403
