"""The signed webhook channel: what is posted, how it is signed, what answers mean."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from gateways import Stub, outgoing, stub
from readers import make_reader
from sqlalchemy import text
from standardwebhooks import Webhook, WebhookVerificationError

from crm.config import Config
from crm.db import db, transaction
from crm.messages.channels import webhook
from crm.messages.channels.provider import Accepted, Ambiguous, Outcome, Refused, TryLater

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def gateway() -> Iterator[Stub]:
    """A stub gateway."""
    with stub() as found:
        yield found


@pytest.fixture
def push(settings: Config, gateway: Stub) -> webhook.Push:
    """The channel over the stub."""
    found = webhook.make(
        replace(settings, push_url=f"{gateway.url}/push", push_secret=SECRET,
                outgoing_allow="127.0.0.0/8")
    )  # fmt: skip
    assert found is not None
    return found


def sent(push: webhook.Push, member_id: UUID | None = None) -> Outcome:
    message = outgoing("webhook", subject="Hi", text="Your {{ coupon.code }}",
                       values={"coupon": {"code": "A1"}, "member": {"name": "Li"}})  # fmt: skip
    if member_id:
        message = replace(message, member_id=member_id)
    (outcome,) = push.send([message], seconds=5)
    return outcome


def test_a_message_is_posted_signed_with_its_id_as_reference(push: webhook.Push, gateway: Stub):
    member = make_reader()
    with transaction():
        for kind, value in (("wechat_openid", "o1"), ("external:app", "u9")):
            db.session.execute(
                text("INSERT INTO member_identity (kind, value, member_id) VALUES (:k, :v, :m)"),
                {"k": kind, "v": value, "m": member},
            )
    gateway.says(200, {"ref": "g-1"})
    assert sent(push, member) == Accepted("g-1")
    (seen,) = gateway.seen
    assert Webhook(SECRET).verify(seen.body, seen.headers) == seen.json
    data = seen.json["data"]
    assert seen.headers["webhook-id"] == data["id"]
    assert (seen.path, seen.json["type"]) == ("/push", "message.send")
    assert (data["subject"], data["text"]) == ("Hi", "Your A1")
    assert data["values"] == {"coupon": {"code": "A1"}}
    assert data["to"]["member_id"] == str(member)
    assert data["to"]["wechat_openid"] == "o1"
    assert data["to"]["external_ids"] == [{"channel": "app", "id": "u9"}]


def test_a_body_that_was_changed_on_the_way_does_not_verify(push: webhook.Push, gateway: Stub):
    sent(push)
    (seen,) = gateway.seen
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(seen.body.replace(b"A1", b"A2"), seen.headers)


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (204, {}, Accepted()),
        (400, {}, Refused("http_400")),
        (410, {}, Refused("http_410", bad_address=True)),
        (429, {"Retry_After": "9"}, TryLater("http_429", after_seconds=9.0)),
        (503, {"Retry_After": "Wed, 21 Oct 2026"}, TryLater("http_503")),
        (302, {"Location": "http://169.254.169.254/"}, TryLater("http_302")),
    ],
)
def test_answers_of_the_gateway(
    push: webhook.Push, gateway: Stub, status: int, headers: dict, outcome: Outcome
):
    gateway.says(status, **headers)
    assert sent(push) == outcome
    assert len(gateway.seen) == 1  # no redirect is followed


def test_an_endless_or_nonsensical_answer_does_no_harm(push: webhook.Push, gateway: Stub):
    gateway.answer = lambda seen: (200, {}, b"[" * 3_000_000)
    assert sent(push) == Accepted()
    gateway.answer = lambda seen: None
    assert isinstance(sent(push), Ambiguous)


def test_the_gateway_may_not_be_inside_unless_the_shop_says_so(settings: Config, gateway: Stub):
    inside = webhook.make(
        replace(settings, push_url=gateway.url, push_secret=SECRET, outgoing_allow="")
    )
    assert inside is not None
    assert sent(inside) == TryLater("blocked_address", counts=False)
    assert gateway.seen == []
