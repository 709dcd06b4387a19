"""What gateways tell, over HTTP: signed, so that nobody needs a key."""

from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify, request

from crm import clock
from crm.db import config, transaction
from crm.errors import NotFound
from crm.http import Blueprint, needs
from crm.http.blueprint import read_json
from crm.messages.callbacks import forms, proofs, receipts, replies
from crm.messages.errors import CallbackNotSigned
from crm.messages.states import CHANNELS

blp = Blueprint("callbacks", __name__, description="What gateways of messages tell.")
# What each gateway wants to read as thanks, in one: it looks at its own words only.
THANKS: Mapping[str, Any] = {"code": 0, "msg": "OK", "result": 0, "errmsg": "OK"}


@blp.post("/channels/<channel>/receipts")
@needs(None)
@blp.response(200)
def take_receipts(channel: str) -> Response:
    """Public: gateways sign what they tell. What became of messages: delivered, failed, bounced …

    In our own form `{"events": [{"id", "type", "message"|"ref", "at", "code"?}]}`, signed by
    Standard Webhooks; or as Twilio, Alibaba Cloud and Tencent Cloud tell it.
    """
    form = _checked(channel)
    now, provider = clock.now(), _provider()
    if provider == "twilio":
        told = forms.twilio_receipts(form, request.args.get("message", ""), now)
    elif provider == "aliyun":
        told = forms.aliyun_receipts(read_json(), now)
    elif provider == "tencent":
        told = forms.tencent_receipts(read_json(), now)
    else:
        told = forms.own_receipts(f"{channel} gateway", read_json())
    with transaction():
        new = receipts.take(channel, told, now=now)
    return _thanks(provider, len(told), new)


@blp.post("/channels/<channel>/inbound")
@needs(None)
@blp.response(200)
def take_replies(channel: str) -> Response:
    """Public: gateways sign what they tell. What members reply; R, T, TD, 退订 and STOP opt out.

    In our own form `{"messages": [{"id", "from", "text", "at"}]}`, signed by Standard Webhooks; or
    as Twilio, Alibaba Cloud and Tencent Cloud tell it.
    """
    form = _checked(channel)
    now, provider = clock.now(), _provider()
    if provider == "twilio":
        told = forms.twilio_replies(form, now)
    elif provider == "aliyun":
        told = forms.aliyun_replies(read_json(), now)
    elif provider == "tencent":
        told = forms.tencent_replies(read_json(), now)
    else:
        told = forms.own_replies(f"{channel} gateway", read_json())
    with transaction():
        new = replies.take(channel, told, now=now)
    return _thanks(provider, len(told), new)


def _checked(channel: str) -> Mapping[str, str]:
    """The form of the call, once it is proven. Raises `CallbackNotSigned`, `NotFound`."""
    if channel not in CHANNELS:
        raise NotFound()
    settings, raw = config(), request.get_data(cache=True)
    form = request.form.to_dict()
    query = request.query_string.decode("latin-1")
    url = settings.base_url.rstrip("/") + request.path + (f"?{query}" if query else "")
    headers = {name.lower(): value for name, value in request.headers.items()}
    proven = proofs.is_proven(
        settings,
        channel,
        url=url,
        raw=raw,
        headers=headers,
        form=form,
        token=request.args.get("token", ""),
    )
    if not proven:
        raise CallbackNotSigned()
    return form


def _provider() -> str | None:
    """Whose form the call has; None for our own."""
    return None if request.headers.get("webhook-signature") else config().sms_provider


def _thanks(provider: str | None, told: int, new: int) -> Response:
    if provider == "twilio":  # it takes any body for words to send
        return Response(status=204)
    return jsonify({**THANKS, "received": told, "new": new})
