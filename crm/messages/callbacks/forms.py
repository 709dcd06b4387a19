"""The forms in which gateways tell: ours (Standard Webhooks), Twilio's, Alibaba's, Tencent's.

What can't be read is refused as any other bad body, by field.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import marshmallow as ma

from crm.errors import N_, NN_, FieldError, Invalid
from crm.http import Schema, fields
from crm.http.schema import invalid
from crm.messages.callbacks.told import Kind, Receipt, Reply

MOST = 1000
TOO_MANY = NN_(
    "This must have at most {high} item.", "This must have at most {high} items.", "high"
)
CHINA_TIME = timezone(timedelta(hours=8))  # in which Alibaba and Tencent write times


class EventIn(Schema):
    """A receipt in our own form. Either `message` (our id) or `ref` names the message."""

    id = fields.Text(200, required=True)
    type = fields.Choice(*Kind, required=True)
    message = fields.Id()
    ref = fields.Text(200)
    at = fields.Instant(required=True)
    code = fields.Text(100)

    @ma.validates_schema
    def names_a_message(self, data: dict[str, Any], **_: object) -> None:
        """Refuse what is about nothing."""
        if not {"message", "ref"} & data.keys():
            raise fields.wrong("required", N_("Say which message by `message` or `ref`."))


class EventsIn(Schema):
    """Receipts in our own form."""

    events = fields.Items(fields.Nested(EventIn), MOST, low=1, required=True)


class ReplyIn(Schema):
    """A reply in our own form."""

    id = fields.Text(200, required=True)
    from_ = fields.Text(254, required=True, data_key="from")
    text = fields.Text(2000, low=0, multiline=True, required=True)
    at = fields.Instant(required=True)


class RepliesIn(Schema):
    """Replies in our own form."""

    messages = fields.Items(fields.Nested(ReplyIn), MOST, low=1, required=True)


def own_receipts(provider: str, body: Any) -> list[Receipt]:
    """Receipts in our own form. Raises `Invalid`."""
    return [
        Receipt(provider, one["id"], Kind(one["type"]), one["at"], one.get("message"),
                one.get("ref"), one.get("code"))
        for one in _load(EventsIn(), body)["events"]
    ]  # fmt: skip


def own_replies(provider: str, body: Any) -> list[Reply]:
    """Replies in our own form. Raises `Invalid`."""
    return [
        Reply(provider, one["id"], one["from_"], one["text"], one["at"])
        for one in _load(RepliesIn(), body)["messages"]
    ]


def _load(schema: Schema, body: Any) -> dict[str, Any]:
    try:
        return schema.load(body)  # type: ignore[return-value]
    except ma.ValidationError as error:
        raise invalid(error) from None


TWILIO_KINDS = {"delivered": Kind.DELIVERED, "read": Kind.OPENED, "undelivered": Kind.FAILED,
                "failed": Kind.FAILED}  # fmt: skip
TWILIO_GONE = ("30005", "30006", "21211", "21614")  # unknown number; a landline


def twilio_receipts(form: Mapping[str, str], message: str, now: datetime) -> list[Receipt]:
    """The one status of a callback; those on the way say nothing."""
    status, sid = form.get("MessageStatus", ""), form.get("MessageSid", "")[:64]
    kind, code = TWILIO_KINDS.get(status), form.get("ErrorCode", "")[:20] or None
    if kind is None or not sid:
        return []
    if kind == Kind.FAILED and code in TWILIO_GONE:
        kind = Kind.BOUNCED
    return [Receipt("twilio", f"{sid}:{status}", kind, now, _uuid(message), sid, code)]


def twilio_replies(form: Mapping[str, str], now: datetime) -> list[Reply]:
    """The one message that came in."""
    sid, sender = form.get("MessageSid", "")[:64], form.get("From", "")[:40]
    if not sid or not sender:
        return []
    return [Reply("twilio", sid, sender, _storable(form.get("Body", "")), now)]


ALIYUN_GONE = ("MOBILE_NOT_ON_SERVICE", "MK:0001", "UNDELIV:EMPTY", "MOBILE_ACCOUNT_ABNORMAL")


def aliyun_receipts(body: Any, now: datetime) -> list[Receipt]:
    """A list of SmsReport items; `out_id` is our id, `biz_id` theirs."""
    found = []
    for one in _items(body):
        ref, phone = _text(one, "biz_id"), _text(one, "phone_number")
        if not ref:
            continue
        code = _text(one, "err_code")
        kind = Kind.DELIVERED if one.get("success") in (True, "true") else Kind.FAILED
        if kind == Kind.FAILED and code.upper() in ALIYUN_GONE:
            kind = Kind.BOUNCED
        at = _china_time(_text(one, "report_time"), now)
        message = _uuid(_text(one, "out_id"))
        found.append(Receipt("aliyun", f"{ref}:{phone[-4:]}", kind, at, message, ref, code or None))
    return found


def aliyun_replies(body: Any, now: datetime) -> list[Reply]:
    """A list of SmsUp items."""
    return [
        Reply(
            "aliyun",
            _text(one, "sequence_id"),
            _in_china(_text(one, "phone_number")),
            _text(one, "content", 2000),
            _china_time(_text(one, "send_time"), now),
        )
        for one in _items(body)
        if _text(one, "sequence_id") and _text(one, "phone_number")
    ]


def tencent_receipts(body: Any, now: datetime) -> list[Receipt]:
    """A list of states, each with the serial number `sid`."""
    found = []
    for one in _items(body):
        ref = _text(one, "sid")
        if not ref:
            continue
        is_there = _text(one, "report_status").upper() == "SUCCESS"
        code = _text(one, "errmsg")
        kind = Kind.DELIVERED if is_there else Kind.FAILED
        if code.upper() in ALIYUN_GONE:
            kind = Kind.BOUNCED
        at = _china_time(_text(one, "user_receive_time"), now)
        found.append(Receipt("tencent", ref, kind, at, None, ref, code or None))
    return found


def tencent_replies(body: Any, now: datetime) -> list[Reply]:
    """One reply, or a list; they carry no number of their own, so that all of it is the key."""
    found = []
    for one in _items([body] if isinstance(body, dict) else body):
        mobile = _text(one, "mobile")
        if not mobile:
            continue
        phone = f"+{_text(one, 'nationcode') or '86'}{mobile}"
        said, moment = _text(one, "text", 2000), str(one.get("time", ""))[:20]
        at = now if not moment.isdecimal() else _epoch(int(moment), now)
        found.append(Reply("tencent", f"{phone}:{moment}:{said[:100]}", phone, said, at))
    return found


def _items(body: Any) -> Sequence[Mapping[str, Any]]:
    items = body if isinstance(body, list) else []
    if len(items) > MOST:
        raise Invalid([FieldError("", "too_many", TOO_MANY, {"high": MOST})])
    return [one for one in items if isinstance(one, dict)]


def _text(one: Mapping[str, Any], name: str, most: int = 200) -> str:
    value = one.get(name)
    return str(value)[:most] if isinstance(value, (str, int)) else ""


def _storable(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "ignore").decode()[:2000]


def _uuid(text: str) -> UUID | None:
    try:
        return fields.read_id(text)
    except ValueError:
        return None


def _in_china(phone: str) -> str:
    return phone if phone.startswith("+") else f"+86{phone.removeprefix('86')[-11:]}"


def _china_time(text: str, now: datetime) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA_TIME)
    except ValueError:
        return now


def _epoch(seconds: int, now: datetime) -> datetime:
    return datetime.fromtimestamp(seconds, tz=CHINA_TIME) if seconds < 2**33 else now
