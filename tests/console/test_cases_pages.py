"""The pages of cases: opened at the till, listed by urgency, worked on by who may."""

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from api_client import Api
from clocks import set_to
from filling import filled_in
from order_bodies import order_body, stamp
from shop import EVIL
from sqlalchemy import select
from visitor import Visitor, words

from crm import clock
from crm.db import db, transaction
from crm.ids import uuid7
from crm.orders.models import Order

As = Callable[..., Visitor]


@pytest.fixture
def case(admin: Api, regular: str) -> dict:
    """A case of the regular member, with nobody to look after it."""
    body = {"member": {"id": regular}, "kind": "product", "subject": EVIL, "text": "It & that."}
    answer = admin.post("/cases", body)
    assert answer.status_code == 201, answer.data
    return answer.get_json()


def test_a_clerk_opens_a_case_once_however_often_the_form_is_sent(signed_in: As, admin, regular):
    clerk = signed_in("clerk")
    page = clerk.get(f"/members/{regular}/cases/new")
    form = filled_in(page.text, "/cases/new")
    form["subject"], form["text"], form["kind"] = "Broken cup", "Two\r\nof them", "delivery"
    first = clerk.post(f"/members/{regular}/cases/new", form)
    second = clerk.post(f"/members/{regular}/cases/new", form)
    assert (first.status_code, first.location) == (303, second.location)
    shown = words(clerk.get(first.location.removeprefix("/console")))
    assert "The case is open. Until it is closed the member gets no marketing." in shown
    assert "Two of them" in shown
    (found,) = admin.get("/cases").get_json()["data"]
    assert (found["source"], found["opened_by"], found["kind"]) == ("staff", "Chen Rui", "delivery")
    assert found["text"] == "Two\nof them"
    member = clerk.get(f"/members/{regular}")
    assert "Open case" in words(member)
    assert "Broken cup" in words(member)
    assert "Open case" in words(clerk.get(f"/members/{regular}/glance"))


def test_a_form_without_a_subject_says_what_is_missing_and_keeps_the_rest(signed_in: As, regular):
    clerk = signed_in("clerk")
    form = filled_in(clerk.get(f"/members/{regular}/cases/new").text, "/cases/new")
    form["text"] = "<i>Long</i> story"
    answer = clerk.post(f"/members/{regular}/cases/new", form)
    assert answer.status_code == 422
    assert "Say in a few words what it is about." in words(answer)
    assert "&lt;i&gt;Long&lt;/i&gt; story</textarea>" in answer.text
    form["form"] = "stale"
    assert clerk.post(f"/members/{regular}/cases/new", form).status_code == 422


def test_a_case_about_an_old_order_keeps_it(signed_in: As, admin: Api, regular: str):
    for age in range(12):
        placed = stamp(clock.now() - timedelta(days=age))
        body = order_body(UUID(regular), placed_at=placed, updated_at=placed)
        assert admin.put(f"/orders/web/OLD-{age}", body).status_code in (200, 201)
    with transaction():
        query = select(Order.id).where(Order.order_no == "OLD-11")
        order_id = str(db.session.scalar(query))
    clerk, path = signed_in("clerk"), f"/members/{regular}/cases/new"
    form = filled_in(clerk.get(path, {"order": order_id}).text, "/cases/new")
    assert form["order"] == order_id
    form["subject"] = "Broken cup"
    assert clerk.post(path, form).status_code == 303
    (found,) = admin.get("/cases").get_json()["data"]
    assert found["order"] == {"channel": "web", "order_no": "OLD-11"}


def test_lists_say_what_is_whose_and_what_is_overdue(signed_in: As, admin: Api, case, regular):
    manager = signed_in("manager")
    page = manager.get("/cases")
    assert "<script>alert" not in page.text
    assert "nobody" in words(page)
    assert "All open 1" in words(page)
    due = {"due_at": stamp(clock.now() + timedelta(minutes=10))}
    assert admin.patch(f"/cases/{case['id']}", due).status_code == 200
    set_to(clock.now() + timedelta(minutes=11))
    late = words(manager.get("/cases", {"show": "overdue"}))
    assert "Overdue 1" in late
    assert re.search(r"Cases 1 waiting", late)  # the count in the navigation
    assert "No cases here" in words(manager.get("/cases", {"show": "mine"}))
    assert "No cases here" in words(manager.get("/cases", {"show": "closed"}))
    assert manager.get("/cases", {"show": "lost"}).status_code == 422
    clerk = signed_in("clerk", "zh-Hans")
    assert re.search(r"客诉 1", words(clerk.get("/till"))) is None  # not his


def test_a_manager_works_on_a_case_and_closes_it_with_a_reason(signed_in: As, admin: Api, case):
    manager, path = signed_in("manager"), f"/cases/{case['id']}"
    form = filled_in(manager.get(path).text, path)
    form["comment"], form["state"] = "Called her.\r\nShe waits.", "waiting"
    assert manager.post(path, form).status_code == 303
    shown = words(manager.get(path, {"saved": "1"}))
    assert "Saved." in shown
    assert "State: waiting for the member" in shown
    assert "Called her. She waits." in shown
    form = filled_in(manager.get(path).text, path)
    form["state"], form["comment"] = "closed", "Kept words"
    refused = manager.post(path, form)
    assert refused.status_code == 422
    assert "Say why the case is closed." in words(refused)
    assert 'aria-describedby="reason-wrong"' in refused.text
    assert "Kept words</textarea>" in refused.text
    form["reason"] = "replaced"
    assert manager.post(path, form).status_code == 303
    found = admin.get(path).get_json()
    assert (found["state"], found["reason"], found["closed_by"]) == (
        "closed",
        "replaced",
        "Chen Rui",
    )
    assert len(found["history"]) == 3
    assert "This case stops no marketing any more." in words(manager.get(path))


def test_a_mistake_stands_beside_its_field_in_the_readers_language(
    signed_in: As, admin: Api, case, regular
):
    path = f"/cases/{case['id']}"
    manager = signed_in("manager", "zh-Hans")
    form = filled_in(manager.get(path).text, path)
    before = admin.get(path).get_json()
    mistakes = {"due_at": "2020-01-01T00:00", "owner": str(uuid7()), "comment": "x" * 4001}
    for name, typed in mistakes.items():
        answer = manager.post(path, form.to_dict() | {name: typed})
        assert answer.status_code in (409, 422), name
        said = re.search(rf'id="{name.removesuffix("_at")}-wrong">.*?</svg>([^<]+)<', answer.text)
        assert said, name
        assert re.search(r"[\u4e00-\u9fff]", said[1]), said[1]
    assert admin.get(path).get_json() == before
    new = f"/members/{regular}/cases/new"
    form = filled_in(manager.get(new).text, "/cases/new")
    for typed in ({"subject": " "}, {"subject": "x" * 201}, {"subject": "a", "kind": "war"}):
        answer = manager.post(new, form.to_dict() | typed)
        assert answer.status_code == 422
        assert '-wrong"' in answer.text
    answer = manager.post(new, form.to_dict() | {"subject": "a", "order": str(uuid7())})
    assert answer.status_code in (404, 422)
    assert 'id="order-wrong"' in answer.text
    assert len(admin.get("/cases").get_json()["data"]) == 1


def test_a_clerk_takes_a_case_nobody_has_and_only_comments_on_others(signed_in: As, admin, case):
    clerk, path = signed_in("clerk"), f"/cases/{case['id']}"
    page = clerk.get(path)
    assert 'name="state"' not in page.text
    assert clerk.post(path, {"state": "closed", "reason": "resolved"}).status_code == 403
    assert clerk.post(path, {"comment": "Seen."}).status_code == 303
    assert clerk.post(f"{path}/take").status_code == 303
    assert 'name="state"' in clerk.get(path).text
    assert admin.get(path).get_json()["owner"]["name"] == "Chen Rui"
    assert "Broken" not in words(clerk.get("/cases"))
    other = signed_in("clerk", "zh-Hant")
    assert other.post(f"{path}/take").status_code == 403


def test_who_only_reads_has_no_form(signed_in: As, case, regular):
    analyst, path = signed_in("analyst"), f"/cases/{case['id']}"
    assert "<textarea" not in analyst.get(path).text
    assert analyst.post(path, {"comment": "x"}).status_code == 403
    assert analyst.get(f"/members/{regular}/cases/new").status_code == 403


def test_a_manager_changes_what_new_cases_follow(signed_in: As, admin: Api, case):
    manager = signed_in("manager")
    form = filled_in(manager.get("/cases").text, "/case-policy")
    form["due_days"] = "7"
    assert manager.post("/case-policy", form).status_code == 303
    assert admin.get("/case-policy").get_json()["due_days"] == 7
    for wrong in ("many", "", "0", "9" * 5000):
        refused = manager.post("/case-policy", form.to_dict() | {"due_days": wrong})
        assert refused.status_code == 422
        assert 'id="due-days-wrong"' in refused.text
    assert admin.get("/case-policy").get_json()["due_days"] == 7
    clerk = signed_in("clerk")
    assert "case-policy" not in clerk.get("/cases").text
    assert clerk.post("/case-policy", {"due_days": "1"}).status_code == 403


def test_the_timeline_tells_of_cases(signed_in: As, admin: Api, case, regular):
    admin.patch(f"/cases/{case['id']}", {"state": "closed", "reason": "refunded"})
    shown = words(signed_in("clerk").get(f"/members/{regular}"))
    assert "Case opened" in shown
    assert "Money back" in shown
