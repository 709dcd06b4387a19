"""Rewards at the console: the catalogue is kept there, and members' rewards are redeemed there."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from api_client import Api
from visitor import Visitor, words

from crm.points import check

As = Callable[..., Visitor]
FORM = {
    "kind": "good", "/name/en": "Mug", "/name/zh-Hans": "马克杯", "/points": "500",
    "/tier_prices/gold": "400", "/stock": "20", "/per_member_limit": "",
}  # fmt: skip


def fill(visitor: Visitor, path: str, **fields: str):
    """Open the form, fill it in, send it."""
    visitor.get(path if "kind" in path or "new" not in path else f"{path}?kind=good")
    return visitor.post(path.partition("?")[0], FORM | fields)


def the_only(admin: Api) -> dict[str, Any]:
    (found,) = admin.get("/rewards").get_json()["data"]
    return found


def available(admin: Api, member: str) -> int:
    return admin.get(f"/members/{member}/points").get_json()["available"]


def taken(admin: Api, member: str) -> list[dict[str, Any]]:
    return admin.get(f"/members/{member}/reward-redemptions").get_json()["data"]


def test_a_reward_is_made_and_stands_in_the_catalogue(signed_in: As, admin: Api):
    manager = signed_in("manager")
    assert "What kind of reward is it?" in words(manager.get("/rewards/new"))
    answer = fill(manager, "/rewards/new")
    assert answer.status_code == 303, words(answer)
    one = the_only(admin)
    assert (one["kind"], one["points"], one["stock"]) == ("good", 500, 20)
    assert (one["tier_prices"], one["per_member_limit"]) == ({"gold": 400}, None)
    assert one["name"] == {"en": "Mug", "zh-Hans": "马克杯"}
    assert one["description"] is None
    assert "“Mug” is in the catalogue." in words(manager.get(f"/rewards/{one['id']}?done=made"))
    listed = words(manager.get("/rewards"))
    assert "Mug Product 500 1 price for a tier 0 20 available" in listed
    assert "马克杯" in words(signed_in("clerk", "zh-Hans").get("/rewards"))


def test_mistakes_stand_beside_their_fields_and_nothing_is_saved(signed_in: As, admin: Api):
    answer = fill(signed_in("manager"), "/rewards/new", **{"/name/en": "", "/points": "many"})
    assert answer.status_code == 422
    page = words(answer)
    assert "Nothing was saved yet" in page
    assert "This must be a whole number." in page
    assert 'value="many"' in answer.text
    assert admin.get("/rewards").get_json()["data"] == []


def test_a_coupon_is_chosen_from_those_that_may_be_given(signed_in: As, admin, coupon_template):
    template = coupon_template(name="Spring 20")
    manager = signed_in("manager")
    page = manager.get("/rewards/new?kind=coupon")
    assert f'<option value="{template}">Spring 20</option>' in page.text
    assert 'name="/sku"' not in page.text
    fields = FORM | {"kind": "coupon", "/coupon_template": ""}
    refused = manager.post("/rewards/new", fields)
    assert refused.status_code == 422
    assert "Say which coupon the member gets." in words(refused)
    assert manager.post("/rewards/new", fields | {"/coupon_template": str(template)}).location
    assert the_only(admin)["coupon_template"] == str(template)


def test_a_reward_is_changed_ended_and_put_back(signed_in: As, admin: Api, reward):
    one = reward(stock=5, per_member_limit=2, description={"en": "Of stoneware"})
    manager = signed_in("manager")
    path = f"/rewards/{one['id']}"
    assert "Of stoneware" in manager.get(path).text
    assert fill(manager, path, **{"/points": "450", "/stock": ""}).status_code == 303
    found = the_only(admin)
    assert (found["points"], found["stock"], found["per_member_limit"]) == (450, None, None)
    assert manager.post(path, {"do": "end"}).location.endswith("done=ended")
    assert the_only(admin)["state"] == "ended"
    assert "Put back into the catalogue" in words(manager.get(path))
    assert manager.post(path, {"do": "reopen"}).status_code == 303
    assert the_only(admin)["state"] == "open"


def test_a_clerk_sees_the_catalogue_and_does_not_change_it(signed_in: As, reward):
    one = reward()
    clerk = signed_in("clerk")
    page = clerk.get(f"/rewards/{one['id']}")
    assert 'name="/points"' not in page.text
    assert "New reward" not in words(clerk.get("/rewards"))
    assert clerk.get("/rewards/new").status_code == 403
    assert clerk.post(f"/rewards/{one['id']}", FORM).status_code == 403


def form_id(page) -> str:
    found = re.search(r'name="id" value="([0-9a-f-]{36})"', page.text)
    assert found, "no form on the page"
    return found[1]


def test_a_clerk_redeems_at_a_members_side_once(signed_in: As, admin: Api, regular: str, reward):
    one = reward(points=250)
    clerk = signed_in("clerk")
    assert "Redeem a reward" in words(clerk.get(f"/members/{regular}"))
    page = clerk.get(f"/members/{regular}/rewards")
    form = {"id": form_id(page)}
    path = f"/members/{regular}/rewards/{one['id']}"
    first, second = clerk.post(path, form), clerk.post(path, form)
    assert (first.status_code, first.location) == (303, second.location)
    assert available(admin, regular) == 350
    where = first.location.removeprefix("/console")
    assert "Redeemed: “Mug” for 250 points." in words(clerk.get(where))
    assert "Redeemed for a reward" in words(clerk.get(f"/members/{regular}"))
    ledger = words(clerk.get(f"/members/{regular}/ledger"))
    assert "Mug" in ledger
    assert not check.run()


def test_what_hinders_a_member_is_said_and_a_refusal_takes_nothing(
    signed_in: As, admin: Api, regular: str, reward
):
    one = reward(points=700)
    clerk = signed_in("clerk")
    page = words(clerk.get(f"/members/{regular}/rewards"))
    assert "700 points are asked for and 600 are available; 100 missing." in page
    answer = clerk.post(f"/members/{regular}/rewards/{one['id']}", {"id": "x"})
    assert answer.status_code == 422
    assert "100 missing" in words(answer)
    assert available(admin, regular) == 600


def test_a_redemption_is_cancelled_with_a_reason(
    signed_in: As, admin: Api, regular: str, reward, take, coupon_template
):
    made = take(reward(points=250, coupon_template=coupon_template()), regular).get_json()
    clerk = signed_in("clerk")
    page = clerk.get(f"/members/{regular}")
    assert made["coupon"] in page.text
    assert "Handed over" not in words(page)
    path = f"/members/{regular}/reward-redemptions/{made['id']}/cancel"
    answer = clerk.post(path, {"reason": "wrong one"})
    assert answer.status_code == 303
    told = words(clerk.get(answer.location.removeprefix("/console")))
    assert "Cancelled: “Mug”. 250 points were given back." in told
    assert "“wrong one”" in told
    assert available(admin, regular) == 600
    assert clerk.post(path, {"reason": "x" * 201}).status_code == 422


def test_what_was_handed_over_can_not_be_cancelled_and_the_page_says_so(
    signed_in: As, admin: Api, regular: str, reward, take
):
    made = take(reward(points=250), regular).get_json()
    clerk = signed_in("clerk")
    clerk.get(f"/members/{regular}")
    path = f"/members/{regular}/reward-redemptions/{made['id']}"
    assert clerk.post(f"{path}/hand-over").status_code == 303
    answer = clerk.post(f"{path}/cancel")
    assert answer.status_code == 409
    assert "This reward was handed over at" in words(answer)
    assert available(admin, regular) == 350


def test_another_members_redemption_is_not_found(
    signed_in: As, regular: str, person, reward, take, admin: Api
):
    made = take(reward(points=250), regular).get_json()
    clerk = signed_in("clerk")
    other = person()
    clerk.get(f"/members/{other}")
    for act in ("cancel", "hand-over"):
        answer = clerk.post(f"/members/{other}/reward-redemptions/{made['id']}/{act}")
        assert answer.status_code == 404
    assert available(admin, regular) == 350


def test_an_analyst_sees_rewards_but_redeems_none(
    signed_in: As, regular: str, reward, take, admin: Api
):
    one = reward(points=250)
    made = take(one, regular).get_json()
    analyst = signed_in("analyst")
    page = words(analyst.get(f"/members/{regular}/rewards"))
    assert "Mug" in page
    assert "Cancel …" not in page
    assert analyst.post(f"/members/{regular}/rewards/{one['id']}").status_code == 403
    path = f"/members/{regular}/reward-redemptions/{made['id']}/cancel"
    assert analyst.post(path).status_code == 403


@pytest.mark.parametrize("path", ["/rewards/new?kind=money", "/rewards?state=lost", "/rewards?x=1"])
def test_addresses_that_make_no_sense_do_no_harm(signed_in: As, path: str):
    assert signed_in("manager").get(path).status_code in (200, 422)


def test_a_form_without_its_token_is_refused(signed_in: As, admin: Api, regular: str, reward):
    one = reward(points=250)
    clerk = signed_in("clerk")
    path = f"/members/{regular}/rewards/{one['id']}"
    assert clerk.post(path, {"csrf_token": "no"}).status_code == 400
    assert available(admin, regular) == 600
