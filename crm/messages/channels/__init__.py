"""Channels: who takes messages to people. One small protocol, chosen by the settings.

Each channel has a function of the settings that makes its provider, or None where the settings name
none; without one the sandbox keeps messages, and a live shop fails them with the reason
`channel_off`. A shop with a gateway of its own registers another function.
"""

from collections.abc import Callable

from crm.config import Config
from crm.db import config
from crm.messages.channels import inbox, sandbox, smtp, webhook
from crm.messages.channels.provider import Provider
from crm.messages.channels.sms import provider as sms

Make = Callable[[Config], Provider | None]

_makers: dict[str, Make] = {
    "email": smtp.provider,
    "sms": sms.make,
    "webhook": webhook.make,
    "inbox": inbox.make,
}
_made: dict[tuple[str, int], Provider | None] = {}


def register(channel: str, make: Make) -> None:
    """Let `make` say who takes the messages of a channel, instead of what is built in; call it
    before the application starts."""
    _makers[channel] = make


def provider_of(channel: str) -> Provider | None:
    """Who takes the messages of a channel in this process: made once, it keeps its connections."""
    settings = config()
    key = (channel, id(settings))
    if key not in _made:
        make = _makers.get(channel)
        found = make(settings) if make else None
        if found is None and settings.sandbox:
            found = sandbox.Sink()
        _made[key] = found
    return _made[key]
