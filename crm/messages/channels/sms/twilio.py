"""Twilio: free words; requests by Basic authentication, callbacks by X-Twilio-Signature."""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote, urlencode

from crm.messages.channels.calling import Answer, Call, later
from crm.messages.channels.provider import Accepted, Ambiguous, Outcome, Refused
from crm.messages.channels.sms.gateway import Account, Text

ENDPOINT = "https://api.twilio.com"
# Not a mobile number, or one that can't be reached (21211, 21614), or that replied STOP (21610).
BAD_NUMBER = frozenset((21211, 21614, 21217, 21610))


def callback_signature(token: str, url: str, form: Mapping[str, str]) -> str:
    """What Twilio signs its callbacks with: HMAC-SHA1 over the whole address and the sorted form.

    "Validating Signatures from Twilio", Twilio's documentation of security.
    """
    said = url + "".join(name + form[name] for name in sorted(form))
    return b64encode(hmac.digest(token.encode(), said.encode(), "sha1")).decode()


class Twilio:
    """The gateway of Twilio. `key_id` is the account's SID, `secret` its auth token."""

    name = "twilio"

    def __init__(self, account: Account, callback_url: str = "") -> None:
        self.account, self.callback_url = account, callback_url

    def call(self, text: Text, *, at: datetime, nonce: str) -> Call:
        """A new message. A sender beginning with MG is a messaging service."""
        account = self.account
        service = account.sender.startswith("MG")
        form = {
            "To": text.phone,
            "Body": text.words,
            "MessagingServiceSid" if service else "From": account.sender,
        }
        if self.callback_url.startswith("https://"):
            form["StatusCallback"] = f"{self.callback_url}?message={text.reference}"
        login = b64encode(f"{account.key_id}:{account.secret}".encode()).decode()
        path = f"/2010-04-01/Accounts/{quote(account.key_id, safe='')}/Messages.json"
        return Call(
            "POST",
            (account.endpoint or ENDPOINT).rstrip("/") + path,
            {
                "Authorization": f"Basic {login}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
            urlencode(form).encode(),
        )

    def outcome(self, answer: Answer) -> Outcome:
        """201 took it, with its SID and how many segments it is."""
        body = answer.body if isinstance(answer.body, dict) else {}
        if answer.status == 201 and body.get("sid"):
            count = str(body.get("num_segments") or "")
            segments = int(count) if count.isascii() and count.isdigit() and int(count) else None
            return Accepted(ref=str(body["sid"]), segments=segments)
        code = body.get("code")
        if answer.is_for_later:
            return later(answer, None if code is None else str(code))
        if answer.status < 400:
            return Ambiguous(f"http_{answer.status}")
        return Refused(str(code or f"http_{answer.status}"), bad_address=code in BAD_NUMBER)
