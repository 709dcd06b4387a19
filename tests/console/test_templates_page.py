"""Templates at the console: written, refused by place, previewed on a member, tried out."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from api_client import Api
from visitor import Visitor, words

from crm.console.template_preview import POLICY

As = Callable[..., Visitor]
TEXTS = {
    "/languages/en/subject": "Hello {{ member.name }}",
    "/languages/en/html": "<p>Your <b>{{ coupon.code }}</b></p>",
    "/languages/zh-Hans/subject": "{{ member.name }}，你好",
    "/languages/zh-Hans/html": "<p>您的券 {{ coupon.code }}</p>",
}
MAIL = {"channel": "email", "purpose": "marketing"}


def made(visitor: Visitor, **fields: str):
    """Write a template in the form."""
    visitor.get("/templates/new?channel=email&purpose=marketing")
    return visitor.post("/templates/new", MAIL | {"/code": "spring"} | TEXTS | fields)


def the_only(admin: Api) -> dict[str, Any]:
    (found,) = admin.get("/templates?archived=true").get_json()["data"]
    return found


@pytest.fixture
def li(admin: Api) -> dict[str, Any]:
    """A member who reads Chinese, with a name that tries things."""
    body = {"name": "<i>李</i>{{ 7*7 }}", "phone": "+8613812345678", "locale": "zh-Hans"}
    return admin.post("/members", body).get_json()


def test_a_template_is_made_and_stands_in_the_list(signed_in: As, admin: Api):
    marketer = signed_in("marketer")
    assert "A template keeps its channel" in words(marketer.get("/templates/new"))
    answer = made(marketer)
    assert answer.status_code == 303, words(answer)
    one = the_only(admin)
    assert (one["code"], one["version"], sorted(one["languages"])) == (
        "spring",
        1,
        ["en", "zh-Hans"],
    )
    page = words(marketer.get(f"/templates/{one['id']}?done=made"))
    assert "The template is saved as version 1." in page
    assert "spring marketing E-mail English, 简体中文 1" in words(marketer.get("/templates"))


def test_mistakes_stand_beside_their_texts_and_nothing_is_saved(signed_in: As, admin: Api):
    answer = made(signed_in("marketer"), **{"/languages/en/html": "<p>\n{{ config }}</p>"})
    assert answer.status_code == 422
    assert "Line 2: there is no field config." in words(answer)
    assert 'id="wrong-languages-en-html"' in answer.text
    assert "{{ config }}" in html.unescape(answer.text)
    assert admin.get("/templates").get_json()["data"] == []


def test_a_change_is_a_new_version_and_an_older_one_can_be_taken_up_again(
    signed_in: As, admin: Api
):
    marketer = signed_in("marketer")
    made(marketer)
    path = f"/templates/{the_only(admin)['id']}"
    marketer.get(path)
    other = TEXTS | {"/languages/en/subject": "Changed"}
    assert marketer.post(path, other | {"version": "1"}).status_code == 303
    assert the_only(admin)["version"] == 2
    assert "Hello {{ member.name }}" in html.unescape(marketer.get(f"{path}?version=1").text)
    stale = marketer.post(path, TEXTS | {"version": "1"})
    assert (stale.status_code, the_only(admin)["version"]) == (409, 2)
    assert "was changed meanwhile: its version is 2" in words(stale)


def test_an_archived_template_leaves_the_list(signed_in: As, admin: Api):
    marketer = signed_in("marketer")
    made(marketer)
    path = f"/templates/{the_only(admin)['id']}"
    marketer.post(path, {"do": "archive"})
    assert "No templates here" in words(marketer.get("/templates"))
    assert "spring" in words(marketer.get("/templates?archived=true"))
    marketer.post(path, {"do": "restore"})
    assert "spring" in words(marketer.get("/templates"))


def test_the_preview_shows_each_language_on_a_member_and_keeps_him_harmless(
    signed_in: As, admin: Api, li: dict[str, Any]
):
    marketer = signed_in("marketer")
    made(marketer)
    for member in ("", "138 1234 5678", li["member_no"]):
        answer = marketer.get(f"/templates/{the_only(admin)['id']}/preview", {"member": member})
        page = words(answer)
        assert page.index("简体中文 this member’s") < page.index("English")
        assert "<i>李</i>{{ 7*7 }}，你好" in page
        assert "<i>李</i>" not in answer.text
        assert "Comes with the message: coupon.code" in page
    mails = [html.unescape(one) for one in re.findall(r'srcdoc="([^"]*)"', answer.text)]
    assert [one[:24] for one in mails] == [
        "<p>您的券 [coupon.code]</p>"[:24],
        "<p>Your <b>[coupon.code]",
    ]
    assert answer.text.count('sandbox=""') == 2


def test_the_preview_follows_what_is_typed_and_saves_nothing(
    signed_in: As, admin: Api, li: dict[str, Any]
):
    marketer = signed_in("marketer")
    made(marketer)
    draft = MAIL | TEXTS | {"/languages/en/subject": "Draft for {{ member.name }}"}
    assert "Draft for" in words(marketer.post("/templates/preview", draft))
    wrong = MAIL | TEXTS | {"/languages/en/subject": "{{ nope }}"}
    answer = marketer.post("/templates/preview", wrong)
    assert (answer.status_code, the_only(admin)["version"]) == (200, 1)
    assert "English Line 1: there is no field nope." in words(answer)
    unknown = marketer.post("/templates/preview", draft | {"member": "nobody@example.com"})
    assert "No member has this number" in words(unknown)


def test_the_preview_alone_may_be_framed_and_runs_no_script(signed_in: As, li: dict[str, Any]):
    marketer = signed_in("marketer")
    made(marketer)
    answer = marketer.post("/templates/preview", MAIL | TEXTS)
    policy = answer.headers["Content-Security-Policy"]
    assert policy == POLICY
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in marketer.get("/templates").headers["Content-Security-Policy"]


def test_a_text_message_is_shown_with_its_parts(signed_in: As, li: dict[str, Any]):
    draft = {"channel": "sms", "purpose": "marketing", "/languages/zh-Hans/text": "您" * 65}
    page = words(signed_in("marketer").post("/templates/preview", draft))
    assert "2 parts" in page
    assert "拒收请回复R" in page


def test_a_test_goes_to_the_address_that_was_typed(signed_in: As, admin: Api, li: dict[str, Any]):
    marketer = signed_in("marketer")
    made(marketer)
    path = f"/templates/{the_only(admin)['id']}"
    marketer.get(path)
    fields = {"to": "me@shop.example", "member": li["member_no"], "locale": "en"}
    assert marketer.post(f"{path}/test", fields).status_code == 303
    (message,) = admin.get("/messages").get_json()["data"]
    assert (message["source"]["type"], message["address"]) == ("test", "m•••@shop.example")
    refused = marketer.post(f"{path}/test", fields | {"to": ""})
    assert refused.status_code == 422
    assert "Say to which address the test goes." in words(refused)
    nobody = marketer.post(f"{path}/test", fields | {"member": "+8613700000000"})
    assert "No member has this number" in words(nobody)


def test_who_may_only_read_sees_no_buttons(signed_in: As, admin: Api):
    made(signed_in("marketer"))
    clerk = signed_in("clerk")
    path = f"/templates/{the_only(admin)['id']}"
    page = clerk.get(path)
    assert (page.status_code, "Save as a new version" in page.text) == (200, False)
    assert clerk.post(path, TEXTS).status_code == 403
    assert clerk.post(f"{path}/test", {}).status_code == 403
    assert clerk.get("/templates/new").status_code == 403


@pytest.mark.parametrize(("locale", "said"), [("zh-Hans", "模板"), ("zh-Hant", "範本")])
def test_it_is_told_in_the_readers_language(signed_in: As, locale: str, said: str):
    visitor = signed_in("admin", locale)
    assert said in words(visitor.get("/templates"))
    assert visitor.get("/templates/new?channel=sms&purpose=service").status_code == 200


def test_who_uses_a_template_is_named_where_it_can_t_be_archived(signed_in: As, admin: Api):
    assert admin.patch("/journeys/birthday", {"enabled": True}).status_code == 200
    found = admin.get("/journeys/birthday").get_json()["settings"]["template"]
    marketer = signed_in("marketer")
    marketer.get(f"/templates/{found}")
    answer = marketer.post(f"/templates/{found}", {"do": "archive"})
    assert answer.status_code == 409
    assert "The template is in use: Birthday." in words(answer)
    assert "Archive it" in words(answer)
