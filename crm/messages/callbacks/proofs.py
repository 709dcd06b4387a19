"""Whether a call is the gateway's: by Standard Webhooks, Twilio's signature, or a secret address.

Alibaba and Tencent sign nothing; the address that they are given carries a token instead.
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping

from standardwebhooks import Webhook, WebhookVerificationError

from crm.config import Config
from crm.messages.channels.sms.twilio import callback_signature

UNSIGNED = ("aliyun", "tencent")


def is_proven(
    settings: Config,
    channel: str,
    *,
    url: str,
    raw: bytes,
    headers: Mapping[str, str],
    form: Mapping[str, str],
    token: str,
) -> bool:
    """Whether somebody who holds the channel's secret sent this. `url` as the sender sees it."""
    if headers.get("webhook-signature"):
        return _standard(settings, raw, headers)
    if channel != "sms":
        return False
    if settings.sms_provider == "twilio":
        given = headers.get("x-twilio-signature", "")
        expected = callback_signature(settings.sms_secret, url, form)
        return hmac.compare_digest(given.encode(), expected.encode())
    if settings.sms_provider in UNSIGNED:
        return hmac.compare_digest(token.encode(), address_token(settings, channel).encode())
    return False


def _standard(settings: Config, raw: bytes, headers: Mapping[str, str]) -> bool:
    try:
        Webhook(secret_of(settings)).verify(raw, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError):  # also what can't be read as a signature
        return False
    return True


def secret_of(settings: Config) -> str:
    """What gateways sign with by Standard Webhooks: the setting, else made of the secret key."""
    if settings.callback_secret:
        return settings.callback_secret
    made = hmac.digest(settings.secret_key.encode(), b"regulars callbacks 1", "sha256")
    return f"whsec_{b64encode(made).decode()}"


def address_token(settings: Config, channel: str) -> str:
    """What stands in the address of a gateway that signs nothing."""
    said = f"regulars callbacks 1 {channel}"
    return hmac.digest(settings.secret_key.encode(), said.encode(), "sha256").hex()[:32]


def address(settings: Config, channel: str, kind: str) -> str:
    """The address to enter at the gateway: for `receipts` or for `inbound`."""
    base = f"{settings.base_url.rstrip('/')}/api/v1/channels/{channel}/{kind}"
    if channel == "sms" and settings.sms_provider in UNSIGNED:
        return f"{base}?token={address_token(settings, channel)}"
    return base
