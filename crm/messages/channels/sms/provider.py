"""The channel of text messages: one gateway, many calls at once, parts counted and priced."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import ClassVar
from uuid import UUID, uuid4

from crm import clock, outgoing
from crm.config import Config
from crm.messages.channels.calling import Caller
from crm.messages.channels.provider import Accepted, Journal, Outcome, Outgoing, Refused
from crm.messages.channels.sms.aliyun import Aliyun
from crm.messages.channels.sms.gateway import Account, Gateway, national, text_of
from crm.messages.channels.sms.tencent import Tencent
from crm.messages.channels.sms.twilio import Twilio
from crm.messages.templates.segments import of_text

RECEIPTS = "/api/v1/channels/sms/receipts"


class Sms:
    """Sends texts through a gateway. Gateways keep no references: nothing is repeated blindly."""

    batch = 50
    honours_references: ClassVar[bool] = False
    keeps_journal: ClassVar[bool] = True

    def __init__(
        self, gateway: Gateway, caller: Caller, price: Decimal, *, approved_only: bool
    ) -> None:
        self.gateway, self.caller, self.price = gateway, caller, price
        self.name = gateway.name
        self.approved_only = approved_only

    def send(
        self, batch: Sequence[Outgoing], *, seconds: float, journal: Journal | None = None
    ) -> Sequence[Outcome]:
        """Each message by a call of its own."""
        return self.caller.send(batch, self._one, seconds=seconds, journal=journal)

    def look_up(self, ids: Sequence[UUID]) -> Mapping[UUID, Outcome]:
        """Nothing: gateways find a message by their own number of it only, which was lost."""
        return {}

    def _one(self, one: Outgoing) -> Outcome:
        text = text_of(one)
        if not text.template and (self.approved_only or self._wants_approval(text.phone)):
            return Refused("no_provider_template")
        call = self.gateway.call(text, at=clock.system_now(), nonce=uuid4().hex)
        outcome = self.caller.call(call, self.gateway.outcome)
        if not isinstance(outcome, Accepted):
            return outcome
        segments = outcome.segments or of_text(text.words).count
        return replace(outcome, segments=segments, price=self.price * segments)

    def _wants_approval(self, phone: str) -> bool:
        return self.gateway.name == "aliyun" and national(phone) is not None


def make(settings: Config) -> Sms | None:
    """The provider that the settings name, or None."""
    if not settings.sms_provider:
        return None
    account = Account(
        key_id=settings.sms_key_id,
        secret=settings.sms_secret,
        sender=settings.sms_sender,
        app=settings.sms_app,
        region=settings.sms_region,
        endpoint=settings.sms_endpoint,
    )
    gateways: Mapping[str, Callable[[], Gateway]] = {
        "aliyun": lambda: Aliyun(account),
        "tencent": lambda: Tencent(account),
        "twilio": lambda: Twilio(account, settings.base_url.rstrip("/") + RECEIPTS),
    }
    allowance = outgoing.Allowance.read(settings.outgoing_allow)
    return Sms(
        gateways[settings.sms_provider](),
        Caller(outgoing.client(allowance)),
        Decimal(settings.sms_price),
        approved_only=settings.sms_provider == "tencent",
    )
