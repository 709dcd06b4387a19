"""The page of referrals: what came of each, and who decides on those that look odd."""

import re
from collections.abc import Callable

import pytest
from api_client import Api
from shop import order, refer
from sqlalchemy import text
from visitor import Visitor, words

from crm import clock
from crm.auth.models import Staff
from crm.db import db

As = Callable[..., Visitor]


@pytest.fixture
def referred(admin: Api) -> tuple[str, str]:
    """The referrer, and the friend who shares his device."""
    return refer(admin)


def points(admin: Api, *members: str) -> list[int]:
    found = [admin.get(f"/members/{one}/points").get_json() for one in members]
    return [one["lifetime_earned"] for one in found]


def path(page: str, verb: str) -> str:
    found = re.findall(rf'action="/console(/referrals/[0-9a-f-]{{36}}/{verb})"', page)
    assert found, verb
    return found[-1]


def test_referrals_are_listed_with_what_they_wait_for(signed_in: As, referred):
    page = signed_in("analyst").get("/referrals")
    told = words(page)
    assert "1 referral needs a look. Show only these" in told
    assert "needs a look The friend uses a device or a card of the referrer." in told
    assert "under way The friend has not paid an order yet." in told
    assert "300 points, and 100 for the friend" in told
    for member in referred:
        assert f'href="/console/members/{member}"' in page.text
    assert "周婷" in told
    assert re.search(r'first order <a href="/console/orders/[^"]+">F-1<', page.text)
    assert "/approve" not in page.text
    assert "/reject" not in page.text


def test_a_state_can_be_read_alone(signed_in: As, referred):
    visitor = signed_in("manager")
    page = words(visitor.get("/referrals", {"state": "review"}))
    assert "F-1" in page
    assert "has not paid an order yet" not in page
    assert "No referrals here" in words(visitor.get("/referrals", {"state": "void"}))
    assert visitor.get("/referrals", {"state": "lost"}).status_code == 422


def test_who_approves_gives_both_their_points_and_is_on_record(signed_in: As, referred, admin: Api):
    before = points(admin, *referred)
    manager = signed_in("manager")
    where = path(manager.get("/referrals", {"state": "review"}).text, "approve")
    answer = manager.post(where, {"note": "mother & son"})
    assert (answer.status_code, answer.location[:24]) == (303, "/console/referrals?done=")
    after = words(manager.get(answer.location.removeprefix("/console")))
    assert "Approved: both have their points." in after
    assert "points given" in after
    assert re.search(r"Chen Rui .*“mother & son”", after)
    assert [b - a for a, b in zip(before, points(admin, *referred), strict=True)] == [300, 100]
    again = manager.post(where)
    assert again.status_code == 409
    assert "does not wait for a decision" in words(again)


def test_a_rejection_needs_a_reason_and_may_come_early(signed_in: As, referred, admin: Api):
    before = points(admin, *referred)
    manager = signed_in("manager")
    page = manager.get("/referrals").text
    where = path(page, "reject")
    assert len(re.findall("/reject", page)) == 2
    assert len(re.findall("/approve", page)) == 1
    for empty in ({}, {"note": "  "}):
        answer = manager.post(where, empty)
        assert answer.status_code == 422
        assert "Say why" in words(answer)
    assert manager.post(where, {"note": "a\0b"}).status_code == 422
    answer = manager.post(where, {"note": "one person"})
    after = words(manager.get(answer.location.removeprefix("/console")))
    assert "Rejected: this referral gives nothing." in after
    assert "“one person”" in after
    assert points(admin, *referred) == before


def test_an_order_that_came_back_meanwhile_is_said(signed_in: As, referred, admin: Api):
    refund = {"refunded_at": "2026-11-20T00:00:00Z", "amount": 27_800}
    assert admin.put("/orders/pos/F-1/refunds/R", refund).status_code == 200
    manager = signed_in("manager")
    where = path(manager.get("/referrals", {"state": "review"}).text, "approve")
    answer = manager.post(where)
    after = words(manager.get(answer.location.removeprefix("/console")))
    said = "Nothing was given: The friend’s first order was refunded or cancelled."
    assert said in after


def test_nobody_decides_on_his_own(signed_in: As, referred):
    manager = signed_in("manager")
    where = path(manager.get("/referrals", {"state": "review"}).text, "approve")
    db.session.query(Staff).filter(Staff.role == "manager").update({"member_id": referred[0]})
    db.session.commit()
    page = manager.get("/referrals")
    assert "/approve" not in page.text
    assert "/reject" not in page.text
    assert "by somebody else" in words(page)
    answer = manager.post(where)
    assert answer.status_code == 409
    assert "Let somebody else decide." in words(answer)


@pytest.mark.parametrize("role", ["clerk", "marketer", "analyst"])
def test_who_may_not_decide_is_refused(signed_in: As, referred, role: str):
    where = f"/referrals/{referred[1]}/approve"
    visitor = signed_in(role)
    visitor.get("/referrals")
    assert visitor.post(where).status_code == 403
    assert visitor.post(where.replace("approve", "reject"), {"note": "x"}).status_code == 403


def test_a_form_without_its_token_decides_nothing(signed_in: As, referred, admin: Api):
    manager = signed_in("manager")
    where = path(manager.get("/referrals", {"state": "review"}).text, "approve")
    assert manager.post(where, {"csrf_token": ""}).status_code == 400
    assert admin.get("/referrals?state=review").get_json()["data"]


def test_many_referrals_are_paged(signed_in: As, admin: Api, person):
    referrer = person()
    friends = [person() for _ in range(52)]
    db.session.execute(
        text("""
            INSERT INTO referral (referee_id, referrer_id, joined_at, promised)
            SELECT f, :referrer, now(), '[]' FROM unnest(CAST(:friends AS uuid[])) AS f
        """),
        {"referrer": referrer, "friends": friends},
    )
    visitor = signed_in("manager")
    first = visitor.get("/referrals", {"state": "open"}).text
    assert first.count('<th scope="row"') == 50
    older = re.search(r'href="/console(/referrals\?[^"]+)">Older referrals', first)
    assert older
    assert visitor.get(older[1].replace("&amp;", "&")).text.count('<th scope="row"') == 2


def test_a_record_that_was_merged_leads_to_the_one_that_lives_on(
    signed_in: As, referred, admin: Api
):
    other = admin.post("/members", {"name": "Other"}).get_json()["id"]
    gone = {"from": {"id": referred[0]}}
    assert admin.post(f"/members/{other}/merge", gone).status_code in (200, 201)
    page = signed_in("manager").get("/referrals").text
    assert f'href="/console/members/{other}"' in page
    assert f'href="/console/members/{referred[0]}"' not in page


def test_the_first_order_of_one_who_waits_is_named_with_its_date(
    signed_in: As, referred, admin: Api
):
    body = order("F-2", "+8613712340002", clock.now(), 9_900)
    path = f"/orders/{body.pop('channel')}/{body.pop('order_no')}"
    assert admin.put(path, body).status_code == 200
    page = words(signed_in("manager", "zh-Hans").get("/referrals"))
    assert re.search(r"首单在 .+ 之前还可以退货。", page)
