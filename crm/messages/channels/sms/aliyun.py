"""Alibaba Cloud SMS: approved templates within China, free words to the rest of the world.

Signed with ACS3-HMAC-SHA256, "Request syntax and signature method V3" of Alibaba Cloud.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote, urlsplit

from crm.messages.channels.calling import Answer, Call, later
from crm.messages.channels.provider import Accepted, Ambiguous, Outcome, Refused
from crm.messages.channels.sms.gateway import Account, Text, national

ALGORITHM = "ACS3-HMAC-SHA256"
VERSION_CHINA, VERSION_WORLD = "2017-05-25", "2018-05-01"
WORLD = "https://dysmsapi.ap-southeast-1.aliyuncs.com"
CHINA = "https://dysmsapi.aliyuncs.com"
BAD_NUMBER = frozenset(("isv.MOBILE_NUMBER_ILLEGAL", "MOBILE_NUMBER_ILLEGAL"))
LATER = ("isv.BUSINESS_LIMIT_CONTROL", "isp.", "Throttling", "ServiceUnavailable", "InternalError")


def signed(
    account: Account,
    host: str,
    action: str,
    version: str,
    query: Mapping[str, str],
    *,
    at: datetime,
    nonce: str,
) -> dict[str, str]:
    """The headers of a POST without a body, signed. `at` is UTC."""
    nothing = hashlib.sha256(b"").hexdigest()
    headers = {
        "host": host,
        "x-acs-action": action,
        "x-acs-content-sha256": nothing,
        "x-acs-date": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "x-acs-signature-nonce": nonce,
        "x-acs-version": version,
    }
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = "\n".join(("POST", "/", canonical(query), lines, names, nothing))
    digest = hashlib.sha256(request.encode()).hexdigest()
    signature = hmac.digest(account.secret.encode(), f"{ALGORITHM}\n{digest}".encode(), "sha256")
    headers["Authorization"] = (
        f"{ALGORITHM} Credential={account.key_id},SignedHeaders={names},Signature={signature.hex()}"
    )
    return headers


def canonical(query: Mapping[str, str]) -> str:
    """The query in the one writing that is signed and sent."""
    return "&".join(f"{_encoded(name)}={_encoded(query[name])}" for name in sorted(query))


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")


class Aliyun:
    """The gateway of Alibaba Cloud."""

    name = "aliyun"

    def __init__(self, account: Account) -> None:
        self.account = account

    def call(self, text: Text, *, at: datetime, nonce: str) -> Call:
        """A call to SendSms, or to SendMessageToGlobe for numbers outside China."""
        number = national(text.phone)
        action, version = (
            ("SendSms", VERSION_CHINA) if number else ("SendMessageToGlobe", VERSION_WORLD)
        )
        query = self._domestic(text, number) if number else self._world(text)
        base = self.account.endpoint or (CHINA if number else WORLD)
        headers = signed(
            self.account, urlsplit(base).netloc, action, version, query, at=at, nonce=nonce
        )
        return Call("POST", f"{base.rstrip('/')}/?{canonical(query)}", headers)

    def _domestic(self, text: Text, number: str) -> dict[str, str]:
        return {
            "PhoneNumbers": number,
            "SignName": self.account.sender,
            "TemplateCode": text.template or "",
            "TemplateParam": json.dumps(dict(text.named), ensure_ascii=False),
            "OutId": text.reference,
        }

    def _world(self, text: Text) -> dict[str, str]:
        sender = {"From": self.account.sender} if self.account.sender.isascii() else {}
        return {"To": text.phone.lstrip("+"), "Message": text.words, **sender}

    def outcome(self, answer: Answer) -> Outcome:
        """`OK` (or ResponseCode `OK`) took it; limits and faults of theirs come again."""
        body = answer.body if isinstance(answer.body, dict) else {}
        code = str(body.get("Code") or body.get("ResponseCode") or "")
        if code == "OK":
            return Accepted(ref=str(body.get("BizId") or body.get("MessageId") or "") or None)
        if answer.is_for_later or code.startswith(LATER):
            return later(answer, code or None)
        if not code:
            return Ambiguous(f"http_{answer.status}")
        return Refused(code, bad_address=code in BAD_NUMBER)
