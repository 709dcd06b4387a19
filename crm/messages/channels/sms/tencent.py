"""Tencent Cloud SMS: approved templates, filled by position.

Signed with TC3-HMAC-SHA256, "Signature v3" of Tencent Cloud.
"""

import hashlib
import hmac
import json
from datetime import datetime
from urllib.parse import urlsplit

from crm.messages.channels.calling import Answer, Call, later
from crm.messages.channels.provider import Accepted, Ambiguous, Outcome, Refused
from crm.messages.channels.sms.gateway import Account, Text

ALGORITHM = "TC3-HMAC-SHA256"
SERVICE, ACTION, VERSION = "sms", "SendSms", "2021-01-11"
ENDPOINT = "https://sms.tencentcloudapi.com"
TYPE = "application/json; charset=utf-8"
BAD_NUMBER = frozenset(
    ("InvalidParameterValue.IncorrectPhoneNumber", "FailedOperation.PhoneNumberInBlacklist")
)
LATER = ("LimitExceeded", "RequestLimitExceeded", "InternalError", "ResourceUnavailable")


def authorization(
    account: Account, host: str, service: str, action: str, body: bytes, *, at: datetime
) -> str:
    """The header `Authorization` of a POST of JSON to `/`. `at` is UTC."""
    headers = f"content-type:{TYPE}\nhost:{host}\nx-tc-action:{action.lower()}\n"
    names = "content-type;host;x-tc-action"
    request = "\n".join(("POST", "/", "", headers, names, hashlib.sha256(body).hexdigest()))
    day = f"{at:%Y-%m-%d}"
    scope = f"{day}/{service}/tc3_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    to_sign = "\n".join((ALGORITHM, str(int(at.timestamp())), scope, digest))
    key = f"TC3{account.secret}".encode()
    for part in (day, service, "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return (
        f"{ALGORITHM} Credential={account.key_id}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}"
    )


class Tencent:
    """The gateway of Tencent Cloud."""

    name = "tencent"

    def __init__(self, account: Account) -> None:
        self.account = account

    def call(self, text: Text, *, at: datetime, nonce: str) -> Call:
        """A call to SendSms. The reference comes back with the receipt as `SessionContext`."""
        base = self.account.endpoint or ENDPOINT
        host = urlsplit(base).netloc
        body = json.dumps(
            {
                "PhoneNumberSet": [text.phone],
                "SmsSdkAppId": self.account.app,
                "SignName": self.account.sender,
                "TemplateId": text.template or "",
                "TemplateParamSet": [value for _, value in text.named],
                "SessionContext": text.reference,
            },
            ensure_ascii=False,
        ).encode()
        headers = {
            "Authorization": authorization(self.account, host, SERVICE, ACTION, body, at=at),
            "Content-Type": TYPE,
            "Host": host,
            "X-TC-Action": ACTION,
            "X-TC-Version": VERSION,
            "X-TC-Timestamp": str(int(at.timestamp())),
            "X-TC-Region": self.account.region or "ap-guangzhou",
        }
        return Call("POST", f"{base.rstrip('/')}/", headers, body)

    def outcome(self, answer: Answer) -> Outcome:
        """`Ok` for the one number took it. A mistake of the whole call stands in `Error`."""
        response = answer.body.get("Response") if isinstance(answer.body, dict) else None
        response = response if isinstance(response, dict) else {}
        status = (response.get("SendStatusSet") or [response.get("Error") or {}])[0]
        code = str(status.get("Code") or "")
        if code == "Ok":
            fee = status.get("Fee")
            return Accepted(
                ref=str(status.get("SerialNo") or "") or None,
                segments=fee if isinstance(fee, int) and 0 < fee < 100 else None,
            )
        if answer.is_for_later or code.startswith(LATER):
            return later(answer, code or None)
        if not code:
            return Ambiguous(f"http_{answer.status}")
        return Refused(code, bad_address=code in BAD_NUMBER)
