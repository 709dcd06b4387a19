"""The outbox and members' messages at the console."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from api_client import Api
from sqlalchemy import text
from visitor import Visitor, words

from crm import clock
from crm.db import db, transaction
from crm.messages import delivery, planning, throttle
from crm.messages.planning import Source

As = Callable[..., Visitor]


@pytest.fixture
def told(admin: Api) -> Callable[..., tuple[str, str]]:
    """Tells a new member something: (member, message); `state` is where it ends."""
    languages = {"en": {"subject": "Hi", "text": "You have {{ points.amount }} points"}}
    body = {"code": "welcome", "channel": "inbox", "purpose": "service", "languages": languages}
    template = admin.post("/templates", body).get_json()

    def tell(state: str = "sent", **member: Any) -> tuple[str, str]:
        given = {"name": "Li Na", "email": f"{state}@example.com"} | member
        member_id = admin.post("/members", given).get_json()["id"]
        with transaction():
            message = planning.plan(
                member_id, occasion=f"{state}:{member_id}", template_id=template["id"],
                source=Source("journey", "welcome"), now=clock.now(),
                variables={"points": {"amount": 30}},
            )  # fmt: skip
        assert message is not None
        if state == "sent":
            delivery.drain(5)
        elif state in ("failed", "unknown"):
            reason = "given_up" if state == "failed" else "no_answer"
            with transaction():
                db.session.execute(
                    text("UPDATE message SET state = :s, reason = :r WHERE id = :id"),
                    {"s": state, "r": reason, "id": message.id},
                )
        return member_id, str(message.id)

    return tell


def test_the_outbox_says_how_many_wait_and_what_needs_somebody(signed_in: As, told):
    told("waiting")
    told("failed")
    told("unknown")
    page = words(signed_in("manager").get("/messages"))
    assert "Due now 1 Being sent 0 Due later 0 Failed 1 In doubt 1" in page
    assert "failed given up after many tries" in page
    assert "in doubt the provider did not answer" in page
    assert "Nothing failed" not in page


def test_marked_messages_are_tried_again_and_others_stay(signed_in: As, told, admin: Api):
    _, failed = told("failed")
    _, sent = told("sent")
    manager = signed_in("manager")
    manager.get("/messages")
    answer = manager.post("/messages/retry", {"message": failed})
    assert answer.status_code == 303
    assert "retried=1" in answer.headers["Location"]
    manager.post("/messages/retry", {"message": sent})
    states = {one: admin.get(f"/messages/{one}").get_json()["state"] for one in (failed, sent)}
    assert states == {failed: "waiting", sent: "sent"}
    assert "Tried again: 1." in words(manager.get("/messages?retried=1"))


def test_what_is_late_is_said(signed_in: As, told):
    _, message = told("waiting")
    with transaction():
        db.session.execute(
            text("UPDATE message SET due_at = :at WHERE id = :id"),
            {"at": clock.now() - timedelta(hours=1), "id": message},
        )
    assert "Look whether a worker runs." in words(signed_in("manager").get("/messages"))


def test_a_message_tells_what_it_said_and_what_happened(signed_in: As, told, admin: Api):
    member, message = told("sent")
    admin.put(f"/members/{member}/inbox/{message}", {"read": True})
    page = words(signed_in("clerk").get(f"/messages/{message}"))
    assert "You have 30 points" in page
    assert "In-app inbox" in page
    assert "Opened" in page
    assert "Try again" not in page


def test_a_failed_message_can_be_tried_again_where_it_is_shown(signed_in: As, told):
    _, message = told("failed")
    assert "Try again" in words(signed_in("manager").get(f"/messages/{message}"))


def test_a_members_messages_stand_on_his_page_and_on_their_own(signed_in: As, told):
    member, _ = told("sent")
    clerk = signed_in("clerk")
    for path in (f"/members/{member}", f"/members/{member}/messages"):
        assert "welcome In-app inbox service sent" in words(clerk.get(path))


def test_only_who_manages_keys_sees_what_signs_callbacks(signed_in: As):
    manager, admin = signed_in("manager").get("/messages"), signed_in("admin").get("/messages")
    assert "/api/v1/channels/sms/receipts" not in manager.text
    assert "/api/v1/channels/sms/receipts" in admin.text
    assert "whsec_" in admin.text


def test_without_messages_it_says_so(signed_in: As, regular: str):
    manager = signed_in("manager")
    assert "Nothing failed, nothing is in doubt." in words(manager.get("/messages"))
    assert "No messages yet" in words(manager.get(f"/members/{regular}/messages"))


def test_another_question_is_refused(signed_in: As):
    assert signed_in("manager").get("/messages?channel=pigeon").status_code == 422


@pytest.mark.parametrize(("locale", "said"), [("zh-Hans", "已失败"), ("zh-Hant", "已失敗")])
def test_it_is_told_in_the_readers_language(signed_in: As, told, locale: str, said: str):
    told("failed")
    assert said in words(signed_in("admin", locale).get("/messages"))


def test_the_outbox_says_why_a_provider_cannot_be_reached(signed_in: As, told):
    throttle.take("smtp", 1, None)
    throttle.away("smtp", "certificate_untrusted")
    visitor = signed_in("manager")
    page = words(visitor.get("/messages"))
    assert "can’t be reached, is tried again at" in page
    assert "nobody whom we trust vouches for its certificate" in page
    throttle.back("smtp")
    assert "vouches" not in words(visitor.get("/messages"))
