"""Members over HTTP."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from api_client import Api

from crm.audit import AuditEntry
from crm.db import db

LIN = {"phone": "138 1234 4471", "email": "Lin@Example.com", "name": "林晓雯"}


def registered(admin: Api, **body: Any) -> str:
    """The id of a new member."""
    answer = admin.post("/members", body or LIN)
    assert answer.status_code == 201, answer.text
    return answer.json["id"]


def codes(answer: Any) -> list[tuple[str, str]]:
    """Places and codes of the mistakes."""
    return [(one["pointer"], one["code"]) for one in answer.json["errors"]]


def test_a_member_is_made_once_and_found_again(admin: Api):
    first = admin.post("/members", LIN)
    again = admin.post("/members", {"phone": "+8613812344471"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json["id"] == again.json["id"]
    assert first.json["phone"] == "+8613812344471"
    assert first.json["email"] == "lin@example.com"
    assert first.json["tier"]["code"] == "new"
    assert first.json["status"] == "active"


def test_a_member_reads_as_it_was_answered(admin: Api):
    made = admin.post("/members", LIN | {"birthday": {"month": 2, "day": 29}}).json
    read = admin.get(f"/members/{made['id']}").json
    assert read == {key: made[key] for key in made if key != "warnings"}
    assert read["birthday"] == {"month": 2, "day": 29, "year": None, "calendar": "solar"}


def test_the_name_of_the_tier_is_in_the_readers_language(admin: Api):
    member = registered(admin)
    for header, name in (("zh-CN", "新会员"), ("zh-TW", "新會員"), ("en", "New")):
        answer = admin.get(f"/members/{member}", headers={"Accept-Language": header})
        assert answer.json["tier"]["name"] == name


def test_two_members_identities_answer_409_naming_the_field(admin: Api):
    registered(admin, phone="13812344471")
    registered(admin, email="lin@example.com")
    answer = admin.post("/members", LIN)
    assert (answer.status_code, answer.json["code"]) == (409, "identity_conflict")
    assert answer.json["field"] == "email"
    assert codes(answer) == [("/email", "identity_conflict")]


def test_an_unknown_time_zone_is_answered_as_a_warning(admin: Api):
    answer = admin.post("/members", {"timezone": "Mars/X"}, headers={"Accept-Language": "zh-Hans"})
    assert answer.status_code == 201
    assert answer.json["warnings"] == [
        {
            "code": "unknown_timezone",
            "pointer": "/timezone",
            "detail": "没有 Mars/X 这个时区，已按店铺的时区处理。",
        }
    ]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"phone": 13812344471}, "/phone", "invalid_type"),
        ({"phone": "12"}, "/phone", "invalid_phone"),
        ({"email": "no"}, "/email", "invalid_email"),
        ({"name": "x" * 101}, "/name", "too_long"),
        ({"name": "a\x00b"}, "/name", "not_storable"),
        ({"name": ""}, "/name", "too_short"),
        ({"gender": "robot"}, "/gender", "unknown_choice"),
        ({"birthday": {"month": 13, "day": 1}}, "/birthday/month", "out_of_range"),
        ({"birthday": {"month": True, "day": 1}}, "/birthday/month", "invalid_type"),
        ({"birthday": {"month": 1}}, "/birthday/day", "required"),
        ({"locale": "zh;"}, "/locale", "bad_format"),
        ({"home_store": "no such"}, "/home_store", "bad_format"),
        ({"home_store": "nowhere"}, "/home_store", "unknown_store"),
        ({"tags": ["x" * 51]}, "/tags/0", "too_long"),
        ({"tags": "x"}, "/tags", "invalid_type"),
        ({"attributes": {"a": [1]}}, "/attributes/a", "invalid_type"),
        ({"attributes": {"a": {"b": 1}}}, "/attributes/a", "invalid_type"),
        ({"attributes": {"x" * 65: 1}}, "/attributes/" + "x" * 65, "too_long"),
        ({"attributes": {str(n): n for n in range(51)}}, "/attributes", "too_many"),
        (
            {"external_ids": [{"channel": "A B", "id": "1"}]},
            "/external_ids/0/channel",
            "bad_format",
        ),
        ({"external_ids": [{"channel": "a"}]}, "/external_ids/0/id", "required"),
        ({"consents": [{"channel": "sms"}]}, "/consents/0/purpose", "required"),
        ({"referred_by": {}}, "/referred_by", "not_one_reference"),
        ({"referred_by": {"phone": "13900000000"}}, "/referred_by", "unknown_referrer"),
        ({"status": "erased"}, "/status", "unknown_field"),
        ({"id": str(uuid4())}, "/id", "unknown_field"),
        ({"tier": "diamond"}, "/tier", "unknown_field"),
    ],
)
def test_bad_values_are_refused_naming_the_field_and_nothing_is_stored(
    admin: Api, body: dict, pointer: str, code: str
):
    answer = admin.post("/members", body)
    assert answer.status_code == 422, answer.text
    assert (pointer, code) in codes(answer)
    assert admin.get("/members").json["data"] == []


def test_a_patch_may_not_touch_what_it_does_not_own(admin: Api):
    member = registered(admin)
    for body in ({"status": "erased"}, {"member_no": "1"}, {"consents": []}, {"segment": "x"}):
        assert admin.patch(f"/members/{member}", body).status_code == 422


def test_unknown_and_malformed_ids_answer_404(admin: Api):
    for path in (f"/members/{uuid4()}", "/members/7", f"/members/{uuid4()}/consents"):
        assert admin.get(path).status_code == 404
    assert admin.patch(f"/members/{uuid4()}", {"name": "A"}).status_code == 404
    assert admin.post(f"/members/{uuid4()}/notes", {"text": "A"}).status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("phone=13812344471", True),
        ("phone=%2B8613812344471", True),
        ("email=LIN@example.com", True),
        ("external_id=shopify:7", True),
        ("tag=vip", True),
        ("phone=13812344471&tag=vip&tier=new", True),
        ("phone=13812344471&tag=other", False),
        ("email=other@example.com", False),
        ("external_id=youzan:7", False),
        ("member_no=1234567897", False),
        ("tier=gold", False),
        ("segment=loyal", False),
    ],
)
def test_lists_meet_every_filter(admin: Api, query: str, found: bool):
    member = registered(
        admin, **LIN, tags=["vip"], external_ids=[{"channel": "shopify", "id": "7"}]
    )
    registered(admin, name="Somebody else")
    ids = [one["id"] for one in admin.get(f"/members?{query}").json["data"]]
    assert ids == ([member] if found else [])


def test_pages_show_every_member_once_the_newest_first(admin: Api):
    made = [registered(admin, name=f"N{number}") for number in range(7)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = admin.get(f"/members?limit=3{cursor}").json
        seen += [one["id"] for one in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == made[::-1]


@pytest.mark.parametrize(
    "query", ["phone=abc", "external_id=x", "nope=1", "limit=0", "cursor=zzz", "member_no=12"]
)
def test_bad_filters_are_refused(admin: Api, query: str):
    assert admin.get(f"/members?{query}").status_code == 422


def test_consents_are_set_and_their_history_read(admin: Api):
    member = registered(admin)
    path = f"/members/{member}/consents"
    assert admin.get(path).json["data"] == []
    granted = admin.put(f"{path}/sms/marketing", {"granted": True, "wording": "2025-06"})
    assert granted.status_code == 200
    assert granted.json["current"] is True
    admin.put(f"{path}/sms/marketing", {"granted": False, "source": "phone"})
    rows = admin.get(path).json["data"]
    assert [(row["granted"], row["current"]) for row in rows] == [(False, True), (True, False)]
    assert rows[0]["actor"] == "admin"
    first = admin.get(f"{path}?limit=1").json
    second = admin.get(f"{path}?limit=1&cursor={first['next_cursor']}").json
    assert [first["data"][0], second["data"][0]] == rows


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("pigeon/marketing", {"granted": True}),
        ("sms/fun", {"granted": True}),
        ("sms/marketing", {"granted": "yes"}),
        ("sms/marketing", {}),
        ("sms/marketing", {"granted": True, "wording": "x" * 101}),
    ],
)
def test_bad_consents_are_refused(admin: Api, path: str, body: dict):
    member = registered(admin)
    assert admin.put(f"/members/{member}/consents/{path}", body).status_code == 422
    assert admin.get(f"/members/{member}/consents").json["data"] == []


def test_tags_are_put_on_and_taken_off_any_number_of_times(admin: Api):
    member = registered(admin)
    for _ in range(2):
        answer = admin.put(f"/members/{member}/tags/坚果过敏")
        assert answer.json == {"tags": ["坚果过敏"]}
    for _ in range(2):
        assert admin.delete(f"/members/{member}/tags/坚果过敏").status_code == 204
    assert admin.get(f"/members/{member}").json["tags"] == []


@pytest.mark.parametrize("tag", ["x" * 51, "%00", "%20", "%0A"])
def test_bad_tags_are_refused(admin: Api, tag: str):
    member = registered(admin)
    assert admin.put(f"/members/{member}/tags/{tag}").status_code == 422


def test_a_member_has_at_most_a_hundred_tags(admin: Api):
    member = registered(admin, tags=[f"t{number}" for number in range(100)])
    answer = admin.put(f"/members/{member}/tags/one-more")
    assert (answer.status_code, answer.json["code"]) == (422, "too_many_tags")
    assert len(admin.get(f"/members/{member}").json["tags"]) == 100


def test_notes_say_who_wrote_them(admin: Api):
    member = registered(admin)
    answer = admin.post(f"/members/{member}/notes", {"text": "喜欢白毫银针\n送礼居多"})
    assert answer.status_code == 201
    assert (answer.json["author"], answer.json["text"]) == ("admin", "喜欢白毫银针\n送礼居多")
    assert admin.post(f"/members/{member}/notes", {"text": "x" * 2001}).status_code == 422
    assert admin.post(f"/members/{member}/notes", {"text": " "}).status_code == 422


def test_revealing_answers_in_full_and_is_recorded(admin: Api):
    member = registered(admin)
    answer = admin.post(f"/members/{member}/reveal")
    assert answer.json == {"phone": "+8613812344471", "email": "lin@example.com"}
    entry = db.session.query(AuditEntry).filter_by(action="member.revealed").one()
    assert (entry.object_id, entry.after) == (member, {"shown": ["email", "phone"]})


def test_every_write_is_in_the_audit_trail(admin: Api):
    member = registered(admin)
    admin.patch(f"/members/{member}", {"gender": "female"})
    admin.put(f"/members/{member}/consents/sms/marketing", {"granted": True})
    admin.put(f"/members/{member}/tags/vip")
    admin.delete(f"/members/{member}/tags/vip")
    admin.post(f"/members/{member}/notes", {"text": "hi"})
    actions = [
        entry.action
        for entry in db.session.query(AuditEntry)
        .filter_by(object_type="member")
        .order_by(AuditEntry.id)
    ]
    assert actions == [
        "member.registered",
        "member.changed",
        "member.consent",
        "member.tag_added",
        "member.tag_removed",
        "member.note_added",
    ]


def test_reading_and_writing_need_their_permissions(api_with: Callable[..., Api], admin: Api):
    member = registered(admin)
    reader, writer = api_with("members:read"), api_with("members:write")
    assert reader.get(f"/members/{member}").status_code == 200
    assert reader.post("/members", LIN).status_code == 403
    assert reader.post(f"/members/{member}/reveal").status_code == 403
    assert reader.put(f"/members/{member}/tags/x").status_code == 403
    assert writer.get("/members").status_code == 403
    assert writer.patch(f"/members/{member}", {"name": "B"}).status_code == 200
