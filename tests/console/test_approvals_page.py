"""The page of approvals: what waits, who decides it, what became of it."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from api_client import Api
from sqlalchemy import text
from visitor import Visitor, words

from crm import clock
from crm.auth import approvals
from crm.db import db

As = Callable[..., Visitor]


@pytest.fixture
def ask(signed_in: As, regular: str) -> Callable[..., Visitor]:
    """A clerk asks for more than he may do alone: `ask(300)`; returns him."""
    clerks: list[Visitor] = []

    def send(points: int, note: str = "late parcel") -> Visitor:
        if not clerks:
            clerks.append(signed_in("clerk"))
        clerks[0].get(f"/members/{regular}")
        form = {"points": str(points), "reason_code": "complaint", "note": note}
        answer = clerks[0].post(f"/members/{regular}/adjust", form)
        assert "asked=" in answer.location
        return clerks[0]

    return send


def available(admin: Api, member: str) -> int:
    return admin.get(f"/members/{member}/points").get_json()["available"]


def path(page: str, verb: str) -> str:
    """Where the first form for `verb` goes."""
    found = re.search(rf'action="/console(/approvals/[0-9a-f-]{{36}}/{verb})"', page)
    assert found, verb
    return found[1]


def waiting(visitor: Visitor) -> str:
    """The number in the navigation."""
    found = re.search(r'r-nav__count">([\d,]+)<', visitor.get("/help").text)
    return found[1] if found else ""


def test_a_manager_sees_what_waits_and_approves_it(signed_in: As, regular: str, ask, admin: Api):
    before = available(admin, regular)
    ask(300, note="<i>late</i>")
    manager = signed_in("manager")
    assert waiting(manager) == "1"
    page = manager.get("/approvals")
    told = words(page)
    assert re.search(r"\+300 points for member \d{10}: Complaint settled <i>late</i>", told)
    assert "<i>late" not in page.text
    assert f'href="/console/members/{regular}"' in page.text
    answer = manager.post(path(page.text, "approve"))
    assert (answer.status_code, answer.location[:24]) == (303, "/console/approvals?done=")
    after = words(manager.get(answer.location.removeprefix("/console")))
    assert "Approved: +300 points" in after
    assert "Nothing waits" in after
    assert waiting(manager) == ""
    assert available(admin, regular) == before + 300


def test_a_denial_needs_a_reason_that_the_requester_reads(
    signed_in: As, regular: str, ask, admin: Api
):
    before = available(admin, regular)
    clerk = ask(300)
    manager = signed_in("manager")
    where = path(manager.get("/approvals").text, "deny")
    for empty in ({}, {"reason": "  "}, {"reason": "a\0b"}):
        answer = manager.post(where, empty)
        assert answer.status_code == 422
        assert "Say why" in words(answer)
    assert manager.post(where, {"reason": "too much, I think"}).status_code == 303
    told = words(clerk.get("/approvals/history"))
    assert "denied" in told
    assert "“too much, I think”" in told
    assert available(admin, regular) == before


def test_a_clerk_sees_his_own_and_takes_them_back(signed_in: As, ask):
    clerk = ask(300)
    assert waiting(clerk) == ""
    page = clerk.get("/approvals")
    assert "/approve" not in page.text
    assert "/deny" not in page.text
    other = signed_in("clerk", "zh-Hans")
    assert "没有待审批的申请" in words(other.get("/approvals"))
    where = path(page.text, "cancel")
    assert other.post(where).status_code == 404
    answer = clerk.post(where)
    assert "Cancelled: +300 points" in words(clerk.get(answer.location.removeprefix("/console")))
    assert clerk.post(where.replace("cancel", "approve")).status_code == 403


def test_nobody_is_offered_to_decide_his_own(signed_in: As, regular: str):
    manager = signed_in("manager")
    manager.get(f"/members/{regular}")
    form = {"points": "5001", "reason_code": "other", "note": "x"}
    manager.post(f"/members/{regular}/adjust", form)
    assert waiting(manager) == ""
    page = manager.get("/approvals").text
    where = path(page, "cancel")
    assert "/approve" not in page
    answer = manager.post(where.replace("cancel", "approve"))
    assert answer.status_code == 403
    assert "your own request" in words(answer)


def test_a_refusal_is_said_on_the_page_and_the_request_still_waits(signed_in: As, ask):
    ask(5_001)
    manager = signed_in("manager")
    where = path(manager.get("/approvals").text, "approve")
    answer = manager.post(where)
    assert answer.status_code == 403
    assert "above your own limit: 5000 points at once and 20000 a day" in words(answer)
    assert path(answer.text, "approve") == where
    admin = signed_in("admin")
    admin.get("/approvals")
    assert admin.post(where).status_code == 303
    late = manager.post(where)
    assert late.status_code == 409
    assert "has decided this request already" in words(late)


def test_what_waited_too_long_moves_to_the_history(signed_in: As, ask, stand_at):
    stand_at(clock.system_now())
    clerk = ask(300)
    manager = signed_in("manager")
    where = path(manager.get("/approvals").text, "approve")
    # sessions would not last as long: the request is made older instead
    db.session.execute(text("ALTER TABLE approval DISABLE TRIGGER approval_stays_as_asked"))
    db.session.execute(
        text("UPDATE approval SET requested_at = requested_at - :d, expires_at = expires_at - :d"),
        {"d": approvals.LASTS + timedelta(seconds=1)},
    )
    db.session.execute(text("ALTER TABLE approval ENABLE TRIGGER approval_stays_as_asked"))
    db.session.commit()
    assert waiting(manager) == ""
    assert "Nothing waits" in words(manager.get("/approvals"))
    assert "expired" in words(clerk.get("/approvals/history"))
    answer = manager.post(where)
    assert answer.status_code == 409
    assert "Ask again" in words(answer)


def test_the_history_goes_back_page_by_page(signed_in: As, ask, monkeypatch):
    monkeypatch.setattr("crm.console.approvals_page.SHOWN", 2)
    for points in (301, 302, 303):
        ask(points)
    manager = signed_in("manager")
    first = manager.get("/approvals/history")
    assert "+303" in first.text
    assert "+301" not in first.text
    older = re.search(r'href="/console(/approvals/history\?cursor=[^"]+)"', first.text)
    assert older
    second = manager.get(older[1])
    assert "+301" in second.text
    assert "Older requests" not in second.text
    assert "Only the newest are shown" in words(manager.get("/approvals"))


@pytest.mark.parametrize("role", ["analyst", "marketer"])
def test_roles_without_the_permission_are_shown_no_way(signed_in: As, ask, role: str):
    ask(300)
    visitor = signed_in(role)
    assert "/console/approvals" not in visitor.get("/help").text
    assert visitor.get("/approvals").status_code == 403
    assert visitor.get("/approvals/history").status_code == 403


def test_an_unknown_request_is_a_page_that_says_so(signed_in: As):
    manager = signed_in("manager")
    manager.get("/approvals")
    answer = manager.post("/approvals/01900000-0000-7000-8000-00000000ffff/approve")
    assert answer.status_code == 404
    assert "There is no such request." in words(answer)
    for made_up in ("x", "01900000-0000-7000-8000-00000000ffff"):
        assert manager.get(f"/approvals?done={made_up}").status_code == 200
