"""Templates over HTTP: written in versions, refused by place, previewed, tried out."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from api_client import Api
from readers import NOW, make_reader

from crm.db import db, transaction
from crm.messages import delivery, planning, reading
from crm.messages.models import SandboxMessage
from crm.messages.planning import Source
from crm.messages.templates import previewing

HELLO = {
    "en": {"subject": "Hello {{ member.name }}", "html": "<p>Your {{ coupon.code }}</p>"},
    "zh-Hans": {"subject": "{{ member.name }}，你好", "html": "<p>{{ coupon.code }}</p>"},
}


def made(api: Api, **body: Any) -> dict[str, Any]:
    """A template, e-mail and marketing unless said otherwise."""
    given = {"code": "spring", "channel": "email", "purpose": "marketing", "languages": HELLO}
    answer = api.post("/templates", given | body)
    assert answer.status_code == 201, answer.get_json()
    return answer.get_json()


def mistakes(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.get_json()
    return [(error["pointer"], error["code"]) for error in answer.get_json()["errors"]]


def test_a_template_is_read_as_it_was_written(admin: Api):
    found = made(admin)
    assert (found["version"], found["languages"], found["archived_at"]) == (1, HELLO, None)
    assert admin.get(f"/templates/{found['id']}").get_json() == found
    assert admin.get("/templates?channel=email").get_json()["data"] == [found]
    assert admin.get("/templates?channel=sms").get_json()["data"] == []


def test_a_change_is_a_new_version_and_telling_the_same_again_is_none(admin: Api):
    path = f"/templates/{made(admin)['id']}"
    other = {"en": {"subject": "Hi", "text": "x"}}
    changed = admin.put(path, {"languages": other}).get_json()
    again = admin.put(path, {"languages": other, "channel": "email", "code": "spring"}).get_json()
    assert (changed["version"], again["version"]) == (2, 2)
    assert admin.get(f"{path}?version=1").get_json()["languages"] == HELLO
    assert admin.get(path).get_json()["languages"] == other
    assert admin.get(f"{path}?version=3").status_code == 404


def test_what_was_planned_keeps_the_version_it_was_planned_with(admin: Api):
    found = made(admin)
    member = make_reader(name="Li")
    with transaction():
        planning.plan(
            member, occasion="c:1", template_id=UUID(found["id"]), source=Source("campaign", "1"),
            now=NOW, variables={"coupon": {"code": "A1"}},
        )  # fmt: skip
    admin.put(f"/templates/{found['id']}", {"languages": {"en": {"subject": "New", "text": "x"}}})
    delivery.drain(5)
    assert db.session.query(SandboxMessage).one().subject == "Hello Li"


def test_two_who_edit_one_template_do_not_overwrite_each_other(admin: Api):
    path = f"/templates/{made(admin)['id']}"
    first = {"languages": {"en": {"subject": "1", "text": "x"}}, "version": 1}
    assert admin.put(path, first).status_code == 200
    second = admin.put(path, {"languages": {"en": {"subject": "2", "text": "x"}}, "version": 1})
    assert (second.status_code, second.get_json()["code"]) == (409, "template_changed")
    assert second.get_json()["version"] == 2


def test_every_mistake_is_named_by_language_part_and_line(admin: Api):
    languages = {
        "en": {"subject": "{{ config }}", "html": "<p>\n{% for a in b %}{% endfor %}</p>"},
        "zh-Hant": {"text": "x"},
    }
    body = {"code": "a", "channel": "email", "purpose": "service", "languages": languages}
    answer = admin.post("/templates", body)
    assert mistakes(answer) == [
        ("/languages/en/subject", "unknown_template_field"),
        ("/languages/en/html", "tag_not_allowed"),
        ("/languages/zh-Hant/subject", "required"),
    ]
    assert answer.get_json()["errors"][1]["detail"].startswith("Line 2: for is not known here.")
    chinese = admin.post("/templates", body, headers={"Accept-Language": "zh-CN"}).get_json()
    assert chinese["errors"][0]["detail"] == "第 1 行：没有字段 config。"


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"languages": {}}, "/languages", "required"),
        ({"languages": {"fr": {"subject": "x"}}}, "/languages/fr", "unknown_field"),
        ({"channel": "pigeon"}, "/channel", "unknown_choice"),
        ({"code": "no spaces"}, "/code", "bad_format"),
        ({"languages": {"en": {"subject": "x", "html": "x" * 200_001}}},
         "/languages/en/html", "too_long"),
    ],
)  # fmt: skip
def test_bad_templates_are_refused(admin: Api, body: dict, pointer: str, code: str):
    given = {"code": "a", "channel": "email", "purpose": "service", "languages": HELLO}
    assert (pointer, code) in mistakes(admin.post("/templates", given | body))


def test_a_code_is_taken_once_and_channel_and_purpose_stay(admin: Api):
    found = made(admin)
    body = {"code": "spring", "channel": "sms", "purpose": "service",
            "languages": {"en": {"text": "x"}}}  # fmt: skip
    assert admin.post("/templates", body).get_json()["code"] == "template_code_taken"
    for name, other in (("channel", "sms"), ("purpose", "service"), ("code", "summer")):
        answer = admin.put(f"/templates/{found['id']}", {name: other})
        assert mistakes(answer) == [(f"/{name}", "fixed")]
    assert admin.put(f"/templates/{uuid4()}", {"languages": HELLO}).status_code == 404


def test_an_archived_template_leaves_the_list_and_can_come_back(admin: Api):
    path = f"/templates/{made(admin)['id']}"
    assert admin.put(path, {"archived": True}).get_json()["archived_at"] is not None
    assert admin.get("/templates").get_json()["data"] == []
    assert len(admin.get("/templates?archived=true").get_json()["data"]) == 1
    assert admin.put(path, {"archived": False}).get_json()["archived_at"] is None


def test_templates_are_listed_in_pages(admin: Api):
    for code in "cab":
        made(admin, code=code)
    first = admin.get("/templates?limit=2").get_json()
    rest = admin.get(f"/templates?limit=2&cursor={first['next_cursor']}").get_json()
    assert [one["code"] for one in first["data"] + rest["data"]] == ["a", "b", "c"]


def previewed(api: Api, found: dict[str, Any], member: UUID, **body: Any) -> list[dict[str, Any]]:
    answer = api.post(f"/templates/{found['id']}/preview", {"member": {"id": str(member)}} | body)
    assert answer.status_code == 200, answer.get_json()
    return answer.get_json()["languages"]


def test_a_preview_shows_every_language_the_members_own_first(admin: Api):
    found = made(admin)
    member = make_reader(name="<b>Li</b>", locale="zh-Hans")
    variables = {"coupon": {"code": "A&B"}}
    chinese, english = previewed(admin, found, member, variables=variables)
    assert (chinese["locale"], chinese["chosen"], english["chosen"]) == ("zh-Hans", True, False)
    assert chinese["subject"] == "<b>Li</b>，你好"
    assert chinese["html"].startswith("<p>A&amp;B</p>")
    assert english["text"].startswith("Your A&B\n")
    assert db.session.query(SandboxMessage).count() == 0


def test_a_preview_names_what_is_missing_and_shows_where(admin: Api):
    (english, _) = previewed(admin, made(admin), make_reader(locale="en"))
    assert english["missing"] == ["coupon.code", "member.name"]
    assert (english["subject"], english["html"][:20]) == (
        "Hello [member.name]",
        "<p>Your [coupon.code",
    )


def test_a_preview_tries_what_is_not_saved_yet(admin: Api):
    found, member = made(admin), make_reader(name="Li", locale="en")
    draft = {"en": {"subject": "Dear {{ member.name }}", "text": "x"}}
    (shown,) = previewed(admin, found, member, languages=draft)
    assert shown["subject"] == "Dear Li"
    wrong = {"en": {"subject": "{{ nope }}", "text": "x"}}
    answer = admin.post(
        f"/templates/{found['id']}/preview",
        {"member": {"id": str(member)}, "languages": wrong},
    )
    assert mistakes(answer) == [("/languages/en/subject", "unknown_template_field")]


def test_a_preview_of_a_text_message_counts_its_parts(admin: Api):
    found = made(admin, channel="sms", languages={"zh-Hans": {"text": "您" * 64}})
    (shown,) = previewed(admin, found, make_reader())
    assert (shown["text"], shown["segments"]) == ("您" * 64 + " 拒收请回复R", 2)


def test_a_preview_knows_store_tier_segment_and_attributes(admin: Api):
    source = (
        "{{ member.home_store }} {{ member.tier }} {{ member.tier_code }} "
        '{{ member.attributes.size | default: "?" }} {{ shop.name }}'
    )
    found = made(
        admin, channel="inbox", languages={"en": {"text": source}, "zh-Hans": {"text": source}}
    )
    names = {"en": "Bund", "zh-Hans": "外滩"}
    assert admin.post("/stores", {"code": "s1", "name": names, "kind": "shop"}).status_code == 201
    member = make_reader(locale="zh-Hans")
    facts = {"home_store": "s1", "attributes": {"size": "XL"}}
    assert admin.patch(f"/members/{member}", facts).status_code == 200
    tier = admin.get(f"/members/{member}").get_json()["tier"]
    chinese, english = previewed(admin, found, member)
    assert chinese["text"].startswith("外滩 ")
    assert english["text"] == f"Bund {tier['name']} {tier['code']} XL Regulars"


def test_previews_of_nobody_are_refused(admin: Api):
    answer = admin.post(f"/templates/{made(admin)['id']}/preview",
                        {"member": {"id": str(uuid4())}})  # fmt: skip
    assert (answer.status_code, answer.get_json()["code"]) == (404, "member_not_found")


def test_a_test_goes_to_an_address_of_ones_own_without_consent_caps_or_hours(admin: Api):
    found = made(admin)
    member = make_reader(name="Li", locale="zh-Hans", consents={"email.marketing": False})
    body = {"member": {"id": str(member)}, "to": "Me@Example.test", "locale": "en"} | {
        "variables": {"coupon": {"code": "A1"}}
    }
    for _ in range(3):  # more than the caps
        answer = admin.post(f"/templates/{found['id']}/test-send", body)
        assert (answer.status_code, answer.get_json()["state"]) == (202, "waiting")
    delivery.drain(5)
    sent = db.session.query(SandboxMessage).all()
    assert [(one.address, one.locale, one.subject) for one in sent] == [
        ("me@example.test", "en", "Hello Li")
    ] * 3
    message = reading.get(UUID(answer.get_json()["id"]))
    assert (message["state"], message["source"]["type"]) == ("sent", "test")


def test_a_test_sent_twice_with_one_key_goes_once(admin: Api):
    path = f"/templates/{made(admin)['id']}/test-send"
    body = {"member": {"id": str(make_reader(name="Li"))}, "to": "me@example.test"}
    first = admin.post(path, body, idem="k")
    again = admin.post(path, body, idem="k")
    assert first.get_json()["id"] == again.get_json()["id"]


def test_a_test_may_be_of_an_earlier_version_and_of_none_that_is_not_there(admin: Api):
    path = f"/templates/{made(admin)['id']}"
    admin.put(path, {"languages": {"en": {"subject": "Changed", "text": "Changed"}}})
    body = {"member": {"id": str(make_reader(name="Li"))}, "to": "me@example.test"}
    said = {"variables": {"coupon": {"code": "A1"}}}
    sent = admin.post(f"{path}/test-send", body | said | {"version": 1})
    assert sent.status_code == 202, sent.data
    assert sent.get_json()["template"]["version"] == 1
    gone = admin.post(f"{path}/test-send", body | {"version": 3})
    assert (gone.status_code, gone.get_json()["code"]) == (404, "template_not_found")
    delivery.drain(5)
    assert [one.subject for one in db.session.query(SandboxMessage)] == ["Hello Li"]


@pytest.mark.parametrize(
    ("channel", "to", "code"),
    [
        ("email", None, "required"),
        ("email", "nobody", "invalid_email"),
        ("sms", "nobody", "invalid_phone"),
        ("inbox", "x@example.test", "not_of_channel"),
    ],
)
def test_a_test_needs_the_address_of_its_channel(admin: Api, channel: str, to: str, code: str):
    said = {"en": {"text": "x"} | ({"subject": "s"} if channel == "email" else {})}
    found = made(admin, channel=channel, languages=said)
    body = {"member": {"id": str(make_reader())}} | ({"to": to} if to else {})
    assert mistakes(admin.post(f"/templates/{found['id']}/test-send", body)) == [("/to", code)]


@pytest.mark.parametrize(
    "value", [True, 1.5, None, [], {"amount": 1}, {"amount": "1", "currency": "CNY"}, "\x00"]
)
def test_a_variable_is_a_text_a_number_or_money(admin: Api, value: Any):
    body = {"member": {"id": str(uuid4())}, "variables": {"coupon": {"code": value}}}
    answer = admin.post(f"/templates/{made(admin)['id']}/preview", body)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"].startswith("/variables/coupon/code")


def test_each_act_needs_its_permission(admin: Api, api_with: Callable[..., Api]):
    path = f"/templates/{made(admin)['id']}"
    reader, stranger = api_with("templates:read"), api_with("members:read")
    assert reader.get(path).status_code == 200
    assert reader.put(path, {"languages": HELLO}).status_code == 403
    assert reader.post(f"{path}/test-send", {"member": {"id": str(uuid4())}}).status_code == 403
    assert stranger.get("/templates").status_code == 403


def test_missing_values_are_found_before_launch_for_each_member(admin: Api):
    found = UUID(made(admin)["id"])
    named, nameless, gone = make_reader(name="Li"), make_reader(), uuid4()
    variables = {named: {"coupon": {"code": "1"}}, nameless: {"coupon": {"code": "2"}}}
    lacking = previewing.missing_for(found, [named, nameless, gone], variables=variables, now=NOW)
    assert lacking == {"member.name": [nameless]}
    assert previewing.missing_for(found, [named], now=NOW) == {"coupon.code": [named]}
