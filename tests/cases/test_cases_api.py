"""Cases over HTTP: opened, worked on, closed; and no marketing while one is open."""

from datetime import timedelta

import pytest
from order_bodies import order_body, stamp
from sqlalchemy import text

from crm.audit import AuditEntry
from crm.db import db
from crm.ids import uuid7


def blocks(member) -> list[tuple[str, str]]:
    rows = db.session.execute(
        text("SELECT reason, ref FROM message_block WHERE member_id = :m ORDER BY ref"),
        {"m": str(member)},
    )
    return [tuple(row) for row in rows]


def test_a_case_has_an_owner_a_due_date_and_stops_marketing_at_once(
    admin, person, complain, hired, now
):
    manager, member = hired("manager"), person()
    admin.put("/orders/web/A1", order_body(member))
    case = complain(member, order={"channel": "web", "order_no": "A1"}, text="It leaks.\nBoth do.")
    assert case["owner"] == {"id": str(manager), "name": "The manager"}
    assert case["due_at"] == stamp(now + timedelta(days=2))
    assert (case["state"], case["overdue"], case["source"]) == ("open", False, "api")
    assert case["order"] == {"channel": "web", "order_no": "A1"}
    assert [one["kind"] for one in case["history"]] == ["opened"]
    assert blocks(member) == [("open_case", case["id"])]
    assert db.session.query(AuditEntry).filter_by(action="case.opened").count() == 1


def test_marketing_goes_again_when_the_last_case_is_closed(admin, person, complain):
    member = person()
    first, second = complain(member), complain(member)
    close = {"state": "closed", "reason": "resolved"}
    done = admin.patch(f"/cases/{first['id']}", close).get_json()
    assert (done["state"], done["reason"], done["closed_by"]) == ("closed", "resolved", "admin")
    assert blocks(member) == [("open_case", second["id"])]
    admin.patch(f"/cases/{second['id']}", close)
    assert blocks(member) == []
    again = admin.patch(f"/cases/{second['id']}", {"state": "in_progress"}).get_json()
    assert (again["reason"], again["closed_at"]) == (None, None)
    assert blocks(member) == [("open_case", second["id"])]
    assert [one["kind"] for one in again["history"]] == ["opened", "closed", "reopened"]


def test_a_request_sent_twice_opens_one_case(admin, person):
    body = {"member": {"id": str(person())}, "kind": "service", "subject": "Rude"}
    first, second = (admin.post("/cases", body, idem="same") for _ in range(2))
    assert first.data == second.data
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(admin.get("/cases").get_json()["data"]) == 1


def test_history_says_what_changed_and_who_wrote_what(admin, person, complain, hired, now):
    case, clerk = complain(person()), hired("clerk")
    body = {"owner": str(clerk), "due_at": stamp(now + timedelta(days=5)), "comment": "Asked\nhim."}
    changed = admin.patch(f"/cases/{case['id']}", body).get_json()
    last = changed["history"][-1]
    assert (last["kind"], last["text"], last["actor"]) == ("changed", "Asked\nhim.", "admin")
    assert last["changes"]["owner"] == [None, str(clerk)]
    assert last["changes"]["due_at"][1] == (now + timedelta(days=5)).isoformat()
    again = admin.patch(f"/cases/{case['id']}", body).get_json()
    assert again == changed  # sent twice, written once
    said = admin.patch(f"/cases/{case['id']}", {"comment": "He answered."}).get_json()
    assert [one["kind"] for one in said["history"]] == ["opened", "changed", "comment"]


def test_history_can_not_be_changed_but_words_can_be_taken_away(admin, person, complain):
    case = complain(person())
    admin.patch(f"/cases/{case['id']}", {"comment": "Secret"})
    for statement in (
        "UPDATE member_case_event SET text = 'x'",
        "UPDATE member_case_event SET text = NULL, actor = 'x'",
        "DELETE FROM member_case_event",
    ):
        with pytest.raises(Exception, match="append-only"), db.session.begin_nested():
            db.session.execute(text(statement))
    db.session.execute(text("UPDATE member_case_event SET text = NULL"))


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"kind": "nonsense"}, "/kind", "unknown_choice"),
        ({"subject": " "}, "/subject", "too_short"),
        ({"subject": "a\x00b"}, "", "not_storable"),
        ({"text": "x" * 4001}, "/text", "too_long"),
        ({"due_at": "2020-01-01T00:00:00Z"}, "/due_at", "case_due_in_the_past"),
        ({"owner": str(uuid7())}, "/owner", "case_owner_unknown"),
        ({"order": {"channel": "web", "order_no": "?"}}, "/order", "case_order_unknown"),
        ({"state": "closed"}, "/state", "unknown_field"),
    ],
)
def test_what_can_not_be_opened_is_refused_by_name(admin, person, changes, pointer, code):
    member = person()
    body = {"member": {"id": str(member)}, "kind": "other", "subject": "x"} | changes
    answer = admin.post("/cases", body)
    assert answer.status_code in (400, 422)
    found = answer.get_json()
    assert (pointer, code) in [(e["pointer"], e["code"]) for e in found["errors"]] or not pointer
    assert blocks(member) == []
    assert admin.get("/cases").get_json()["data"] == []


def test_another_members_order_is_not_ones_own(admin, person):
    admin.put("/orders/web/A1", order_body(person()))
    body = {"member": {"id": str(person())}, "kind": "other", "subject": "x",
            "order": {"channel": "web", "order_no": "A1"}}  # fmt: skip
    assert admin.post("/cases", body).get_json()["code"] == "case_order_unknown"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"state": "closed"}, "case_reason_missing"),
        ({"reason": "resolved"}, "case_reason_unasked"),
        ({"state": "waiting", "reason": "resolved"}, "case_reason_unasked"),
        ({"due_at": "2020-01-01T00:00:00Z"}, "case_due_in_the_past"),
        ({"owner": str(uuid7())}, "case_owner_unknown"),
    ],
)
def test_what_can_not_be_changed_changes_nothing(admin, person, complain, body, code):
    case = complain(person())
    answer = admin.patch(f"/cases/{case['id']}", body)
    assert (answer.status_code, answer.get_json()["code"]) == (422, code)
    assert admin.get(f"/cases/{case['id']}").get_json() == case


def test_an_unknown_case_is_not_found(admin):
    for answer in (admin.get(f"/cases/{uuid7()}"), admin.patch(f"/cases/{uuid7()}", {})):
        assert (answer.status_code, answer.get_json()["code"]) == (404, "case_not_found")


def test_lists_are_filtered_paged_and_sorted(admin, person, complain, hired, stand_at, now):
    member, other, clerk = person(), person(), hired("clerk")
    late = complain(member, due_at=stamp(now + timedelta(hours=1)))
    mine = complain(other, owner=str(clerk), kind="delivery")
    closed = complain(member)
    admin.patch(f"/cases/{closed['id']}", {"state": "closed", "reason": "duplicate"})
    stand_at(now + timedelta(hours=1))

    def ids(**query) -> list[str]:
        answer = admin.get("/cases", query_string=query)
        assert answer.status_code == 200, answer.data
        return [one["id"] for one in answer.get_json()["data"]]

    assert ids() == [closed["id"], mine["id"], late["id"]]
    assert ids(open="true", sort="due") == [late["id"], mine["id"]]
    assert ids(overdue="true") == [late["id"]]
    assert ids(overdue="false") == [closed["id"], mine["id"]]
    assert ids(owner=str(clerk)) == ids(kind="delivery") == ids(member=str(other)) == [mine["id"]]
    assert ids(state="closed") == ids(open="false") == [closed["id"]]
    for sort in ("newest", "due"):
        seen, cursor = [], None
        while True:
            query = {"limit": 1, "sort": sort} | ({"cursor": cursor} if cursor else {})
            page = admin.get("/cases", query_string=query).get_json()
            seen += [one["id"] for one in page["data"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert sorted(seen) == sorted([closed["id"], mine["id"], late["id"]])
    assert admin.get("/cases", query_string={"cursor": "x"}).status_code == 422
    assert admin.get("/cases", query_string={"state": "lost"}).status_code == 422


def test_a_key_without_the_right_does_nothing(api_with, person, complain):
    case, reader, clerk = complain(person()), api_with("cases:read"), api_with("cases:write")
    body = {"member": {"id": str(person())}, "kind": "other", "subject": "x"}
    assert reader.post("/cases", body).status_code == 403
    assert clerk.get("/cases").status_code == 403
    assert clerk.post("/cases", body).status_code == 201
    assert clerk.patch(f"/cases/{case['id']}", {"comment": "Seen."}).status_code == 200
    answer = clerk.patch(f"/cases/{case['id']}", {"state": "waiting"})
    assert (answer.status_code, answer.get_json()["needs"]) == (403, "cases:manage")


def test_the_policy_says_by_when_and_whose(admin, person, complain, hired, now):
    assert admin.get("/case-policy").get_json() == {"version": 0, "due_days": 2, "owner": None}
    clerk = hired("clerk")
    told = admin.put("/case-policy", {"due_days": 5, "owner": str(clerk)}).get_json()
    assert told == {"version": 1, "due_days": 5, "owner": str(clerk)}
    assert admin.put("/case-policy", {"due_days": 5}).get_json()["version"] == 1
    case = complain(person())
    assert (case["owner"]["id"], case["due_at"]) == (str(clerk), stamp(now + timedelta(days=5)))
    db.session.execute(text("UPDATE staff SET active = false"))
    assert complain(person())["owner"] is None
    for body in ({"due_days": 0}, {"owner": str(uuid7())}, {"x": 1}):
        assert admin.put("/case-policy", body).status_code == 422


def test_the_shops_manager_with_the_fewest_cases_is_found(admin, person, complain, hired):
    admin.post("/stores", {"code": "jingan", "name": {"en": "Jing’an"}, "kind": "shop"})
    everywhere, busy, free = hired("manager"), hired("manager", store="jingan"), None
    admin.put("/orders/pos/A1", order_body(member := person(), store="jingan"))
    about = {"order": {"channel": "pos", "order_no": "A1"}}
    assert complain(member, **about)["owner"]["id"] == str(busy)
    free = hired("manager", store="jingan")
    assert complain(member, **about)["owner"]["id"] == str(free)
    assert complain(member)["owner"]["id"] == str(everywhere)
