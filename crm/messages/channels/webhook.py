"""The signed webhook channel: a gateway of the shop's own takes messages on to WeChat, WeCom, apps.

Each message is one POST, signed as Standard Webhooks lays down; `webhook-id` is the message's id,
by which the gateway knows a repetition. Its answers: 2xx took it, 410 nobody is there any more,
429 and 5xx come again, anything else never.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import text
from standardwebhooks import Webhook as Signer

from crm import clock, outgoing
from crm.config import Config
from crm.db import db, transaction
from crm.messages.channels.calling import Answer, Call, Caller, later
from crm.messages.channels.provider import Accepted, Outcome, Outgoing, Refused

IDENTITIES = text("""
    SELECT member_id, kind, value FROM member_identity
    WHERE member_id = ANY(:ids) AND (kind IN ('member_no', 'wechat_openid', 'wechat_unionid')
                                     OR kind LIKE 'external:%')
    ORDER BY kind, value
""")


class Push:
    """Posts messages to the shop's gateway."""

    name = "push"
    batch = 50
    honours_references: ClassVar[bool] = True

    def __init__(self, url: str, secret: str, caller: Caller) -> None:
        self.url, self.signer, self.caller = url, Signer(secret), caller

    def send(self, batch: Sequence[Outgoing], *, seconds: float) -> Sequence[Outcome]:
        """Each message by a post of its own."""
        known = _identities([one.member_id for one in batch])

        def one(message: Outgoing) -> Outcome:
            body = json.dumps(_body(message, known.get(message.member_id, {})), ensure_ascii=False)
            return self.caller.call(self._call(str(message.id), body), _outcome)

        return self.caller.send(batch, one, seconds=seconds)

    def look_up(self, ids: Sequence[UUID]) -> Mapping[UUID, Outcome]:
        """Nothing: posting again does no harm."""
        return {}

    def _call(self, message_id: str, body: str) -> Call:
        at = clock.system_now()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self.signer.sign(message_id, at, body),
        }
        return Call("POST", self.url, headers, body.encode())


def _body(one: Outgoing, identities: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "message.send",
        "data": {
            "id": str(one.id),
            "purpose": one.purpose,
            "to": {"member_id": str(one.member_id), **identities},
            "locale": one.language.locale,
            "subject": one.part("subject"),
            "text": one.part("text"),
            "values": {name: value for name, value in one.given.items() if name != "member"},
            "unsubscribe": one.unsubscribe,
            "attempt": one.attempt,
        },
    }


def _identities(ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """How other systems know these members."""
    found: dict[UUID, dict[str, Any]] = {}
    with transaction():
        rows = db.session.execute(IDENTITIES, {"ids": list(set(ids))}).all()
    for member_id, kind, value in rows:
        member = found.setdefault(member_id, {"external_ids": []})
        if kind.startswith("external:"):
            channel = kind.removeprefix("external:")
            member["external_ids"].append({"channel": channel, "id": value})
        else:
            member.setdefault(kind, value)
    return found


def _outcome(answer: Answer) -> Outcome:
    if 200 <= answer.status < 300:
        ref = answer.body.get("ref") if isinstance(answer.body, dict) else None
        return Accepted(ref=ref[:200] if isinstance(ref, str) else None)
    if answer.is_for_later or 300 <= answer.status < 400:
        return later(answer)
    return Refused(f"http_{answer.status}", bad_address=answer.status == 410)


def make(settings: Config) -> Push | None:
    """The provider that the settings name, or None."""
    if not settings.push_url:
        return None
    allowance = outgoing.Allowance.read(settings.outgoing_allow)
    return Push(settings.push_url, settings.push_secret, Caller(outgoing.client(allowance)))
