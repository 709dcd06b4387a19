"""The in-app inbox: kept once, read by the shop's app, marked as read."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from api_client import Api
from readers import NOW, make_reader, make_template
from sqlalchemy import text

from crm.db import db, transaction
from crm.messages import delivery, occasions, planning
from crm.messages.channels import inbox
from crm.messages.models import InboxMessage, SandboxMessage
from crm.messages.planning import Source
from crm.messages.states import State

SAID = {"en": {"subject": "Hi {{ member.name }}", "text": "You have {{ coupon.code }}"}}


def told(member: UUID, occasion: str, template_id: UUID | None = None) -> UUID:
    """A message in a member's inbox."""
    form = template_id or make_in_app()
    with transaction():
        message = planning.plan(
            member, occasion=occasion, source=Source("journey", "welcome"), now=NOW,
            template_id=form, variables={"coupon": {"code": "A1"}},
        )  # fmt: skip
    assert message is not None
    delivery.drain(5)
    return message.id


def make_in_app() -> UUID:
    return make_template("inbox", "service", SAID)


def listed(api: Api, member: UUID, query: str = "") -> dict[str, Any]:
    return api.get(f"/members/{member}/inbox{query}").get_json()


def test_a_message_is_read_in_the_app_as_it_was_filled_in(admin: Api):
    member = make_reader(name="Li")
    message = told(member, "1")
    found = listed(admin, member)
    assert found["unread"] == 1
    (item,) = found["data"]
    assert item["id"] == str(message)
    assert (item["subject"], item["text"]) == ("Hi Li", "You have A1")
    assert (item["purpose"], item["locale"], item["read_at"]) == ("service", "en", None)
    assert db.session.get(SandboxMessage, message).text == "You have A1"


def test_reading_is_marked_once_and_can_be_taken_back(admin: Api):
    member = make_reader(name="Li")
    path = f"/members/{member}/inbox/{told(member, '1')}"
    first = admin.put(path, {"read": True}).get_json()
    again = admin.put(path, {"read": True}).get_json()
    assert first["read_at"] is not None
    assert again == first
    assert listed(admin, member)["unread"] == 0
    assert listed(admin, member, "?unread=true")["data"] == []
    events = admin.get(f"/messages/{first['id']}").get_json()["events"]
    assert [one["kind"] for one in events] == ["opened"]
    assert admin.put(path, {"read": False}).get_json()["read_at"] is None
    assert listed(admin, member)["unread"] == 1


def test_messages_come_in_pages_the_newest_first(admin: Api):
    member, form = make_reader(name="Li"), make_in_app()
    ids = [str(told(member, str(n), form)) for n in range(3)]
    first = listed(admin, member, "?limit=2")
    rest = listed(admin, member, f"?limit=2&cursor={first['next_cursor']}")
    assert [one["id"] for one in first["data"] + rest["data"]] == ids[::-1]
    assert (first["unread"], rest["unread"]) == (3, 3)


def test_nobody_reads_or_marks_what_is_anothers(admin: Api, api_with):
    member, other = make_reader(name="Li"), make_reader(name="Wang")
    message = told(member, "1")
    assert listed(admin, other)["data"] == []
    answer = admin.put(f"/members/{other}/inbox/{message}", {"read": True})
    assert (answer.status_code, answer.get_json()["code"]) == (404, "message_not_found")
    assert admin.get(f"/members/{uuid4()}/inbox").status_code == 404
    stranger = api_with("members:read")
    assert stranger.get(f"/members/{member}/inbox").status_code == 403


def test_a_message_that_is_sent_again_is_kept_once():
    member = make_reader(name="Li")
    message = told(member, "1")
    with transaction():
        db.session.execute(
            text("UPDATE message SET state = 'waiting', due_at = :now WHERE id = :id"),
            {"now": NOW, "id": message},
        )
    delivery.drain(5)
    assert db.session.query(InboxMessage).count() == 1
    assert occasions.of_occasion("1").state == State.SENT


def test_a_shop_outside_the_sandbox_has_an_inbox_too(settings):
    assert inbox.make(replace(settings, sandbox=False)).sink is None
