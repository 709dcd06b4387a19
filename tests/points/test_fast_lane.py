"""The fast lane answers what the view answers, to the byte, or leaves it to the view."""

import json
import re
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.errors import Refused
from crm.http import strict_json
from crm.http.lane import Lane
from crm.points.reading import plain_award
from crm.points.schemas import AwardIn

PATH = "/points/awards"


@pytest.fixture
def seen(app, monkeypatch) -> list[bool]:
    """Whether each award was answered by the lane."""
    answered: list[bool] = []
    lane = app.wsgi_app
    assert isinstance(lane, Lane)
    name, way = lane._ways["/api/v1" + PATH]

    def watched(environ, raw):
        found = way(environ, raw)
        answered.append(found is not None)
        return found

    monkeypatch.setitem(lane._ways, "/api/v1" + PATH, (name, watched))
    return answered


@pytest.fixture
def rich(admin, person):
    """A member with a thousand points, and the lane open for this key."""
    member = person()
    for _ in range(2):
        assert admin.post(PATH, body(member, points=500)).status_code == 201
    return member


def body(member_id, **changes):
    found = {"member": {"id": str(member_id)}, "activity": "review", "points": 30}
    return found | {"source_key": uuid4().hex} | changes


def alike(first, second) -> bool:
    """Equal but for what every answer has anew."""

    def plain(answer):
        headers = {name: value for name, value in answer.headers if name != "X-Request-Id"}
        text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z", "·",
                      answer.get_data(as_text=True))  # fmt: skip
        return answer.status, {**headers, "Content-Length": ""}, json.loads(text)

    return plain(first) == plain(second)


def test_a_plain_award_takes_the_lane_once_its_key_is_known(admin, person, seen):
    for _ in range(3):
        assert admin.post(PATH, body(person())).status_code == 201
    assert seen[1:] == [True, True]


def test_lane_and_view_give_the_same_answer(admin, person, seen):
    admin.post(PATH, body(person()))
    quick = admin.post(PATH, body(person(), source_key="x" * 32, reason="谢谢 \\ \" 'x'"))
    slow = admin.post(
        PATH, body(person(), source_key="y" * 32, reason="谢谢 \\ \" 'x'", expires_at=None)
    )
    assert seen[1:] == [True, False]
    quick.data = quick.data.replace(b"x" * 32, b"y" * 32)
    assert alike(quick, slow)


def test_replays_are_the_same_through_lane_and_view(admin, person, seen):
    admin.post(PATH, body(person()))
    asked = json.dumps(body(person()))
    first = admin.post(PATH, asked, idem="once")
    quick = admin.post(PATH, asked, idem="once")
    slow = admin.post(PATH, asked, idem="once", headers={"Content-Type": "application/json; x=1"})
    assert first.data == quick.data == slow.data
    assert quick.headers["Idempotent-Replayed"] == slow.headers["Idempotent-Replayed"] == "true"


def test_refusals_are_the_views_and_told_as_new_the_first_time(admin, person, seen):
    admin.post(PATH, body(person(), source_key="taken"))
    asked = body(person(), source_key="taken")
    first = admin.post(PATH, asked, idem="r")
    again = admin.post(PATH, asked, idem="r")
    assert (first.status_code, first.get_json()["code"]) == (409, "source_key_used")
    assert "Idempotent-Replayed" not in first.headers
    assert again.data == first.data
    assert again.headers["Idempotent-Replayed"] == "true"
    unknown = admin.post(PATH, body(uuid4()))
    assert (unknown.status_code, unknown.get_json()["code"]) == (404, "member_not_found")
    reused = admin.post(PATH, body(person()), idem="r")
    assert (reused.status_code, reused.get_json()["code"]) == (422, "idempotency_key_reused")


def spending(member_id, **changes):
    return {"member": {"id": str(member_id)}, "points": 100, "reference": "cart-1"} | changes


def test_redemptions_through_lane_and_view_give_the_same_answer(admin, rich):
    quick = admin.post("/points/redemptions", spending(rich, reference='谢谢 \\ " x'))
    slow = admin.post(
        "/points/redemptions",
        spending(rich, reference='谢谢 \\ " x'),
        headers={"Content-Type": "application/json; x=1"},
    )
    assert (quick.status_code, slow.status_code) == (201, 201)
    first, second = quick.get_json(), slow.get_json()
    assert list(first) == list(second)
    assert (first["balance_after"], second["balance_after"]) == (900, 800)
    changing = ("id", "seq", "balance_after", "occurred_at", "recorded_at")
    for name in changing:
        del first[name], second[name]
    assert first == second
    assert "Idempotent-Replayed" not in quick.headers


def test_a_redemption_is_listed_as_it_was_answered(admin, rich, entries_of):
    answer = admin.post("/points/redemptions", spending(rich, points=700))
    assert entries_of(rich)[0] == answer.get_json()
    assert [lot["points"] for lot in answer.get_json()["lots"]] == [-500, -200]


def test_a_refused_redemption_is_told_as_new_once_and_then_replayed(admin, rich):
    asked = spending(rich, points=5000)
    first = admin.post("/points/redemptions", asked, idem="much")
    again = admin.post("/points/redemptions", asked, idem="much")
    assert (first.status_code, first.get_json()["code"]) == (422, "insufficient_points")
    assert "Idempotent-Replayed" not in first.headers
    assert (again.data, again.headers["Idempotent-Replayed"]) == (first.data, "true")


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": "Bearer nonsense"}, {"Idempotency-Key": "ü"}, {"Idempotency-Key": ""}],
)
def test_what_the_lane_does_not_know_goes_to_the_view(admin, person, seen, headers):
    admin.post(PATH, body(person()))
    answer = admin.post(PATH, body(person()), headers=headers)
    assert answer.status_code in (401, 422)
    assert seen[1:] == [False]


def test_a_key_that_was_revoked_meanwhile_is_turned_away(admin, api_with, person, seen):
    api = api_with("points:write", name="till")
    assert api.post(PATH, body(person())).status_code == 201
    keys = admin.get("/api-keys").get_json()["data"]
    (key,) = [one["id"] for one in keys if one["name"] == "till"]
    assert admin.delete(f"/api-keys/{key}").status_code < 300
    refused = api.post(PATH, body(person()))
    assert (refused.status_code, refused.get_json()["code"]) == (401, "api_key_invalid")


TEXTS = st.text(max_size=12) | st.sampled_from(["a", " a", "a\n", "\u00a0", "é" * 201, "x" * 200])
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 10**10), st.floats(allow_nan=False), TEXTS,
    st.sampled_from([str(uuid4()), uuid4().hex, {"id": str(uuid4())}, {}, [], "review",
                     {"external_id": {"channel": "web", "id": "7"}}, {"member_no": "0123456789"},
                     {"id": str(uuid4()), "member_no": "0123456789"}]),
)  # fmt: skip
NAMES = st.sampled_from([*AwardIn().fields, "other"])


@pytest.mark.usefixtures("no_database")
@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(st.dictionaries(NAMES, VALUES))
def test_what_the_fast_reading_takes_the_schema_takes_and_means_the_same(changes):
    asked = {"member": {"id": str(uuid4())}, "activity": "review", "source_key": "k", "points": 3}
    try:
        asked = strict_json.loads(json.dumps(asked | changes).encode())
    except Refused:
        return  # the lane leaves it to the view, which refuses it in the same place
    found = plain_award(asked)
    if found is None:
        return
    who, read = found
    data = AwardIn().load(asked)
    assert (data["activity"], data["source_key"], data["points"], data["reason"]) == (
        read.activity, read.source_key, read.points, read.reason,
    )  # fmt: skip
    ((kind, value),) = data["member"].items()
    assert who.value == (value["id"] if kind == "external_id" else str(value))
    assert data["expires_at"] is None
