"""What the gateways of text messages share: the account, and one small protocol."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from crm.messages.channels.calling import Answer, Call
from crm.messages.channels.provider import Outcome, Outgoing


@dataclass(frozen=True, slots=True)
class Account:
    """How a gateway knows the shop. `sender` is the signature in China, the number elsewhere;
    `app` what the gateway calls its application or account; `endpoint` another address than the
    gateway's own."""

    key_id: str
    secret: str
    sender: str
    app: str = ""
    region: str = ""
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A text message ready for a gateway: number in E.164, words, and for gateways that take
    approved templates only: its name there and what fills it, by name and in order."""

    reference: str
    phone: str
    words: str
    template: str | None = None
    named: tuple[tuple[str, str], ...] = ()


class Gateway(Protocol):
    """Turns a text into a signed call, and an answer into an outcome."""

    name: str

    def call(self, text: Text, *, at: datetime, nonce: str) -> Call:
        """The request, signed as of `at`."""
        ...

    def outcome(self, answer: Answer) -> Outcome:
        """What the answer means."""
        ...


def text_of(one: Outgoing) -> Text:
    """An outgoing message as a text."""
    return Text(
        reference=str(one.id),
        phone=one.address,
        words=one.part("text") or "",
        template=one.language.provider_template,
        named=tuple(_named(one)),
    )


def _named(one: Outgoing) -> Sequence[tuple[str, str]]:
    """What fills the provider's template: the fields of the text in their order, once each.

    `coupon.code` is called `coupon_code` there.
    """
    form = one.language.parts["text"]
    found: dict[str, str] = {}
    for hole in form.holes:
        name = one.language.hole_names[hole]
        if name:
            found.setdefault(name.replace(".", "_"), one.values[hole])
    return list(found.items())


CHINA = "+86"


def national(phone: str) -> str | None:
    """The eleven digits of a Chinese number; None for any other."""
    return phone[3:] if phone.startswith(CHINA) else None
