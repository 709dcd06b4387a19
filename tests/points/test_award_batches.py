"""Many awards in one request: each by itself, once per source, the answer stored as one."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from crm.db import db
from crm.points import check


def item(member_id, **changes):
    body = {"member": {"id": str(member_id)}, "activity": "review", "points": 30}
    return body | {"source_key": uuid4().hex} | changes


def test_each_award_of_a_batch_is_an_entry_of_its_own(admin, person, points_of):
    first, second = person(), person()
    items = [item(first), item(second, points=5), item(first, points=7, reason="twice")]
    answer = admin.post("/points/awards/batch", items)
    assert answer.status_code == 200, answer.data
    body = answer.get_json()
    assert (body["given"], body["refused"]) == (3, 0)
    assert [one["status"] for one in body["results"]] == [201, 201, 201]
    assert [one["entry"]["seq"] for one in body["results"]] == [1, 1, 2]
    assert [one["entry"]["balance_after"] for one in body["results"]] == [30, 5, 37]
    assert body["results"][2]["entry"]["reason"] == "twice"
    assert points_of(first)["available"] == 37
    assert not check.run()


def test_the_entries_list_shows_a_batch_as_it_was_answered(admin, person, entries_of):
    member = person()
    results = admin.post("/points/awards/batch", [item(member), item(member)]).get_json()["results"]
    assert entries_of(member) == [one["entry"] for one in reversed(results)]


def test_a_source_that_stands_twice_is_given_once(admin, person, points_of):
    member = person()
    items = [item(member, source_key="r1"), item(member, source_key="r1", points=500)]
    body = admin.post("/points/awards/batch", items).get_json()
    assert [one["status"] for one in body["results"]] == [201, 200]
    assert body["results"][0]["entry"] == body["results"][1]["entry"]
    assert (body["given"], points_of(member)["available"]) == (1, 30)


def test_a_batch_again_answers_the_first_entries_and_gives_nothing(admin, person, points_of):
    items = [item(person()) for _ in range(3)]
    first = admin.post("/points/awards/batch", items).get_json()
    again = admin.post("/points/awards/batch", items).get_json()
    assert [one["status"] for one in again["results"]] == [200, 200, 200]
    assert [one["entry"] for one in again["results"]] == [one["entry"] for one in first["results"]]
    assert again["given"] == 0


def test_the_same_key_answers_the_same_bytes(admin, person):
    items = [item(person()), {"bad": True}]
    first = admin.post("/points/awards/batch", items, idem="b")
    again = admin.post("/points/awards/batch", items, idem="b")
    assert first.data == again.data
    assert again.headers["Idempotent-Replayed"] == "true"


def test_what_is_wrong_with_one_award_is_said_there_and_the_others_are_given(admin, person):
    member = person()
    admin.post("/points/awards", item(person(), source_key="taken"))
    good = item(member)
    items = [
        good,
        {name: value for name, value in item(member).items() if name != "points"},
        item(member, points=True),
        item(member, surprise=1),
        item(uuid4()),
        item(member, source_key="taken"),
        item(member, expires_at="2020-01-01T00:00:00Z"),
        "nonsense",
    ]
    body = admin.post("/points/awards/batch", items).get_json()
    assert (body["given"], body["refused"]) == (1, 7)
    problems = [one["problem"] for one in body["results"][1:]]
    codes = [problem["code"] for problem in problems]
    assert codes == [
        *["validation_failed"] * 3, "member_not_found", "source_key_used", "expiry_in_the_past",
        "validation_failed",
    ]  # fmt: skip
    pointers = [[error["pointer"] for error in problem["errors"]] for problem in problems]
    assert pointers[:3] == [["/points"], ["/points"], ["/surprise"]]
    assert db.session.scalar(text("SELECT count(*) FROM points_entry")) == 2


@pytest.mark.parametrize("body", [[], {}, '"x"', [1] * 1001])
def test_a_body_that_is_no_batch_is_refused_whole(admin, body):
    answer = admin.post("/points/awards/batch", body)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "validation_failed")


def test_a_thousand_awards_fit_into_one_batch(admin, person):
    members = [person() for _ in range(7)]
    items = [item(members[number % 7]) for number in range(1000)]
    assert admin.post("/points/awards/batch", items).get_json()["given"] == 1000
    assert not check.run()


def test_a_batch_pays_debts_with_what_it_gives(admin, person, points_of):
    member = person()
    db.session.execute(
        text("INSERT INTO points_account (member_id, debt, balance) VALUES (:m, 40, -40)"),
        {"m": member},
    )
    admin.post("/points/awards/batch", [item(member), item(member)])
    assert (points_of(member)["available"], points_of(member)["debt"]) == (20, 0)
