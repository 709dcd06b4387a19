"""What gateways tell: proven, read in each gateway's form, acted upon once."""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from readers import NOW, make_reader, make_template
from sqlalchemy import text
from standardwebhooks import Webhook
from werkzeug.test import TestResponse

from crm import clock
from crm.db import config, db, transaction
from crm.members import consents
from crm.messages import delivery, planning, policy, recording, suppressions
from crm.messages.callbacks import proofs, replies
from crm.messages.channels.provider import Accepted
from crm.messages.channels.sms.twilio import callback_signature
from crm.messages.models import MessageEvent, MessageReply
from crm.messages.planning import Source

PHONE = "+8613800138000"
AT = "2026-11-25T04:00:00Z"


@pytest.fixture
def gateway_of(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the shop use a gateway of text messages."""

    def use(name: str) -> None:
        settings = replace(
            app.extensions["crm.config"], sms_provider=name, sms_key_id="AC1",
            sms_secret="12345", sms_sender="Shop", base_url="https://shop.example",
        )  # fmt: skip
        monkeypatch.setitem(app.extensions, "crm.config", settings)

    return use


@pytest.fixture
def tell(client: FlaskClient) -> Callable[..., TestResponse]:
    """Sends something signed by Standard Webhooks: `tell("email/receipts", body)`."""

    def send(path: str, body: Any, *, secret: str | None = None) -> TestResponse:
        raw, at = json.dumps(body), clock.system_now()
        signer = Webhook(secret or proofs.secret_of(config()))
        headers = {
            "webhook-id": "m1",
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signer.sign("m1", at, raw),
        }
        return client.post(
            f"/api/v1/channels/{path}", data=raw, headers=headers, content_type="application/json"
        )

    return send


def sent(channel: str = "email", **reader: Any) -> tuple[UUID, UUID]:
    """A member and the message that was sent to him."""
    consent = {f"{channel}.marketing": True}
    member = make_reader(name="Li", consents=consent, **reader)
    said = {"en": {"text": "x"} | ({"subject": "s"} if channel == "email" else {})}
    form = make_template(channel, "marketing", said)
    with transaction():
        message = planning.plan(
            member, occasion=str(uuid4()), template_id=form, source=Source("campaign", "1"), now=NOW
        )
    assert message is not None
    delivery.drain(5)
    return member, message.id


def state(message_id: UUID) -> str:
    row = db.session.execute(
        text("SELECT state, reason FROM message WHERE id = :id"), {"id": message_id}
    ).one()
    return row.state if row.reason is None else f"{row.state}: {row.reason}"


def address(message_id: UUID) -> str:
    query = text("SELECT address FROM message WHERE id = :id")
    return db.session.execute(query, {"id": message_id}).scalar_one()


def receipt(message_id: UUID, kind: str, event: str = "e1", at: str = AT) -> dict[str, Any]:
    return {"events": [{"id": event, "type": kind, "message": str(message_id), "at": at}]}


def events(message_id: UUID) -> list[str]:
    query = db.session.query(MessageEvent).filter_by(message_id=message_id)
    return [one.kind for one in query.order_by(MessageEvent.id)]


def test_a_receipt_says_that_a_message_arrived_once_however_often_it_is_told(tell):
    _, message = sent()
    first = tell("email/receipts", receipt(message, "delivered"))
    again = tell("email/receipts", receipt(message, "delivered"))
    assert (first.status_code, first.get_json()["new"], again.get_json()["new"]) == (200, 1, 0)
    assert (state(message), events(message)) == ("delivered", ["delivered"])


def test_a_bounce_stops_everything_to_the_address_and_a_failure_nothing(tell):
    _, bounced = sent()
    _, failed = sent()
    tell("email/receipts", receipt(bounced, "bounced"))
    tell("email/receipts", receipt(failed, "failed", "e2"))
    assert (state(bounced), state(failed)) == ("failed: bounced", "failed: bounced")
    assert suppressions.scope_of("email", address(bounced)) == "all"
    assert suppressions.scope_of("email", address(failed)) is None


def test_a_complaint_stops_marketing_to_the_address(tell):
    _, message = sent()
    tell("email/receipts", receipt(message, "delivered"))
    tell("email/receipts", receipt(message, "complained", "e2"))
    assert (state(message), events(message)) == ("delivered", ["delivered", "complained"])
    assert suppressions.scope_of("email", address(message)) == "marketing"


def test_a_receipt_by_the_providers_own_number_finds_the_message(tell):
    _, message = sent()
    db.session.execute(
        text("UPDATE message SET provider = 'email gateway', provider_ref = 'r1' WHERE id = :id"),
        {"id": message},
    )
    body = {"events": [{"id": "e1", "type": "opened", "ref": "r1", "at": AT}]}
    assert tell("email/receipts", body).get_json()["new"] == 1
    assert events(message) == ["opened"]


def test_receipts_of_strangers_are_passed_over_and_young_ones_asked_for_again(tell):
    old = tell("email/receipts", receipt(uuid4(), "delivered", at="2026-01-01T00:00:00Z"))
    assert (old.status_code, old.get_json()["new"]) == (200, 0)
    now = clock.now().isoformat().replace("+00:00", "Z")
    young = tell("email/receipts", receipt(uuid4(), "delivered", at=now))
    assert (young.status_code, young.get_json()["code"]) == (409, "receipt_too_early")
    assert young.headers["Retry-After"] == "30"


def test_a_receipt_that_overtakes_the_record_of_sending_is_not_lost(tell):
    """Delivered while the worker still notes that it was sent."""
    _, message = sent()
    db.session.execute(
        text("""
            UPDATE message SET state = 'sending', sent_at = NULL, finished_at = NULL,
                   lease_until = clock_timestamp() + interval '1 minute' WHERE id = :id
        """),
        {"id": message},
    )
    tell("email/receipts", receipt(message, "delivered"))
    fence = db.session.execute(
        text("SELECT fence FROM message WHERE id = :id"), {"id": message}
    ).scalar_one()
    tried = recording.Tried(message, fence, "marketing", 1, None)
    with transaction():
        recording.record("email", [(tried, Accepted("r9", segments=2))],
                         honours_references=False, policy=policy.current(), now=NOW)  # fmt: skip
    row = db.session.execute(
        text("SELECT state, provider_ref, segments, sent_at FROM message WHERE id = :id"),
        {"id": message},
    ).one()
    assert (row.state, row.provider_ref, row.segments, row.sent_at) == ("delivered", "r9", 2, NOW)


def test_what_is_not_signed_or_signed_by_another_is_refused(client: FlaskClient, tell):
    body = receipt(uuid4(), "delivered")
    bare = client.post("/api/v1/channels/email/receipts", json=body)
    other = tell("email/receipts", body, secret=f"whsec_{b64encode(b'x' * 32).decode()}")
    assert (bare.status_code, other.status_code) == (401, 401)
    assert bare.get_json()["code"] == "callback_not_signed"
    for signature in ("v1", "v1,", "v1,???", "v2,x", "v1,a v1,b,c", "é"):
        headers = {"webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": signature}
        answer = client.post("/api/v1/channels/email/receipts", json=body, headers=headers)
        assert answer.status_code == 401
    assert client.post("/api/v1/channels/pigeon/receipts", json=body).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ([], "", "invalid_type"),
        ({"events": []}, "/events", "too_few"),
        ({"events": [{"id": "1", "type": "eaten", "message": str(uuid4()), "at": AT}]},
         "/events/0/type", "unknown_choice"),
        ({"events": [{"id": "1", "type": "opened", "at": AT}]}, "/events/0", "required"),
        ({"events": [{"id": "1", "type": "opened", "ref": "r", "at": "now"}]},
         "/events/0/at", "invalid_instant"),
    ],
)  # fmt: skip
def test_a_body_that_can_not_be_read_is_refused_by_field(tell, body: Any, pointer: str, code: str):
    answer = tell("email/receipts", body)
    assert answer.status_code == 422
    assert [(one["pointer"], one["code"]) for one in answer.get_json()["errors"]] == [
        (pointer, code)
    ]


def reply(said: str, event: str = "in1", sender: str = PHONE) -> dict[str, Any]:
    return {"messages": [{"id": event, "from": sender, "text": said, "at": AT}]}


def test_who_replies_r_gets_no_more_marketing_from_that_very_call_on(tell):
    member, _ = sent("sms", phone=PHONE)
    assert consents.may(member, "sms", "marketing")
    assert tell("sms/inbound", reply("R")).get_json()["new"] == 1
    assert not consents.may(member, "sms", "marketing")
    decided = {one.channel: one for one in consents.current(member)}["sms"]
    assert (decided.source, decided.proof) == ("sms_reply", "sms gateway:in1")
    assert (decided.actor, decided.granted) == ("system", False)
    (row,) = db.session.query(MessageReply)
    assert (row.member_id, row.hint, row.opted_out) == (member, "138 •••• 8000", True)


def test_a_reply_told_again_does_not_undo_a_later_consent(tell):
    member, _ = sent("sms", phone=PHONE)
    tell("sms/inbound", reply("R"))
    with transaction():
        consents.set_one(member, "sms", "marketing", {"granted": True}, now=NOW)
    assert tell("sms/inbound", reply("R")).get_json()["new"] == 0
    assert consents.may(member, "sms", "marketing")


def test_who_says_something_else_stays(tell):
    member, _ = sent("sms", phone=PHONE)
    tell("sms/inbound", reply("谢谢"))
    assert consents.may(member, "sms", "marketing")
    assert db.session.query(MessageReply).one().text == "谢谢"


def test_a_number_that_is_no_members_gets_no_marketing_either(tell):
    tell("sms/inbound", reply("STOP", sender="+85251234567"))
    assert suppressions.scope_of("sms", "+85251234567") == "marketing"


@pytest.mark.parametrize(
    "said",
    ["R", "r", " R。", "Ｒ", "TD", "td", "T", "退订", "退訂", "【退订】", "回复R", "回R",
     "请回复TD", "STOP", "Stop.", "unsubscribe", "退订谢谢", "取消订阅"],
)  # fmt: skip
def test_these_words_mean_no_more(said: str):
    assert replies.means_no(said)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "谢谢",
        "R2D2",
        "Tell me more",
        "stop by tomorrow?",
        "好的",
        "RRRR",
        "怎么退订这个商品的保修呢请问",
    ],
)
def test_these_do_not(said: str):
    assert not replies.means_no(said)


def twilio(client: FlaskClient, path: str, form: dict[str, str], token: str = "12345"):
    url = f"https://shop.example/api/v1/channels/{path}"
    headers = {"X-Twilio-Signature": callback_signature(token, url, form)}
    return client.post(
        f"/api/v1/channels/{path}", data=urlencode(form), headers=headers,
        content_type="application/x-www-form-urlencoded",
    )  # fmt: skip


def test_twilio_tells_in_its_own_form(client: FlaskClient, gateway_of):
    member, message = sent("sms", phone=PHONE)
    gateway_of("twilio")
    form = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    answer = twilio(client, f"sms/receipts?message={message}", form)
    assert (answer.status_code, answer.data) == (204, b"")
    assert state(message) == "delivered"
    asked = {"MessageSid": "SM2", "From": PHONE, "Body": "Stop"}
    assert twilio(client, "sms/inbound", asked).status_code == 204
    assert not consents.may(member, "sms", "marketing")
    assert twilio(client, "sms/inbound", asked, token="other").status_code == 401


def test_twilio_says_that_a_number_is_gone(client: FlaskClient, gateway_of):
    _, message = sent("sms", phone=PHONE)
    gateway_of("twilio")
    on_its_way = {"MessageSid": "SM1", "MessageStatus": "sent"}
    gone = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30005"}
    twilio(client, f"sms/receipts?message={message}", on_its_way)
    assert state(message) == "sent"
    twilio(client, f"sms/receipts?message={message}", gone)
    assert state(message) == "failed: bounced"
    assert suppressions.scope_of("sms", PHONE) == "all"


def post(client: FlaskClient, kind: str, body: Any, token: str | None = None) -> TestResponse:
    token = proofs.address_token(config(), "sms") if token is None else token
    return client.post(f"/api/v1/channels/sms/{kind}?token={token}", json=body)


def test_alibaba_tells_in_its_own_form_to_a_secret_address(client: FlaskClient, gateway_of):
    member, message = sent("sms", phone=PHONE)
    gateway_of("aliyun")
    told = [
        {"phone_number": "13800138000", "send_time": "2026-11-25 12:00:00",
         "report_time": "2026-11-25 12:00:03", "success": True, "err_code": "DELIVERED",
         "err_msg": "用户接收成功", "sms_size": "1", "biz_id": "12345", "out_id": str(message)},
        "nonsense",
    ]  # fmt: skip
    answer = post(client, "receipts", told)
    assert (answer.status_code, answer.get_json()["code"]) == (200, 0)
    assert state(message) == "delivered"
    event = db.session.query(MessageEvent).one()
    assert (event.at.isoformat(), event.data) == (
        "2026-11-25T04:00:03+00:00",
        {"code": "DELIVERED"},
    )
    up = [{"phone_number": "13800138000", "content": "TD", "send_time": "2026-11-25 12:01:00",
           "sequence_id": "77", "dest_code": "1065"}]  # fmt: skip
    assert post(client, "inbound", up).get_json()["new"] == 1
    assert not consents.may(member, "sms", "marketing")
    assert post(client, "inbound", up, token="guess").status_code == 401
    assert post(client, "inbound", up, token="é").status_code == 401


def test_tencent_tells_in_its_own_form(client: FlaskClient, gateway_of):
    member, message = sent("sms", phone=PHONE)
    db.session.execute(
        text("UPDATE message SET provider = 'tencent', provider_ref = '2019:9' WHERE id = :id"),
        {"id": message},
    )
    gateway_of("tencent")
    told = [{"user_receive_time": "2026-11-25 12:00:03", "nationcode": "86",
             "mobile": "13800138000", "report_status": "FAIL", "errmsg": "MK:0001",
             "description": "空号", "sid": "2019:9"}]  # fmt: skip
    answer = post(client, "receipts", told)
    assert (answer.get_json()["result"], state(message)) == (0, "failed: bounced")
    up = {"extend": "1", "mobile": "13800138000", "nationcode": "86", "sign": "Shop",
          "text": "退订", "time": 1764043200}  # fmt: skip
    assert post(client, "inbound", up).get_json()["new"] == 1
    assert post(client, "inbound", up).get_json()["new"] == 0
    assert not consents.may(member, "sms", "marketing")


@pytest.mark.parametrize("body", [{}, [], "x", 1, [[]], [{"biz_id": {}}], {"mobile": []}])
def test_nonsense_of_a_gateway_is_passed_over(client: FlaskClient, gateway_of, body: Any):
    for name in ("aliyun", "tencent"):
        gateway_of(name)
        for kind in ("receipts", "inbound"):
            assert post(client, kind, body).status_code == 200


def test_addresses_to_enter_at_gateways_hold_what_proves_them(settings):
    shop = replace(settings, base_url="https://shop.example/")
    plain = "https://shop.example/api/v1/channels/sms/receipts"
    assert proofs.address(shop, "sms", "receipts") == plain
    secret = replace(shop, sms_provider="aliyun", sms_key_id="k", sms_secret="s", sms_sender="S")
    assert proofs.address(secret, "sms", "receipts").startswith(f"{plain}?token=")
    assert proofs.secret_of(shop).startswith("whsec_")
    own = f"whsec_{b64encode(b'y' * 32).decode()}"
    assert proofs.secret_of(replace(shop, callback_secret=own)) == own


def test_who_leaves_between_claim_and_reply_is_not_written_to(tell):
    """An opt-out counts from the call on: the next message is not sent."""
    member, _ = sent("sms", phone=PHONE)
    tell("sms/inbound", reply("T"))
    form = make_template("sms", "marketing", {"en": {"text": "x"}})
    with transaction():
        message = planning.plan(
            member, occasion="next", source=Source("campaign", "2"), template_id=form, now=NOW
        )
    delivery.drain(5)
    assert message is not None
    assert state(message.id) == "suppressed: opted_out"


def test_more_than_a_call_may_hold_is_refused_whole(client: FlaskClient, gateway_of):
    gateway_of("aliyun")
    answer = post(client, "receipts", [{}] * 1001)
    assert (answer.status_code, answer.get_json()["errors"][0]["code"]) == (422, "too_many")
