"""Replies: those that ask for no more marketing are obeyed within the call that tells them."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from crm.db import config, db
from crm.ids import uuid7
from crm.members import consents, contacts
from crm.members.identity import MemberRef, resolve
from crm.messages import suppressions
from crm.messages.callbacks.told import Reply
from crm.messages.states import CONSENT

PHRASES = ("退订", "退訂", "取消订阅", "取消訂閱")
WORDS = frozenset(("r", "t", "td", "退", *PHRASES)) | frozenset(
    ("stop", "stopall", "unsubscribe", "cancel", "end", "quit")
)
LONGEST_PHRASE = 12
ASKED = re.compile(r"^(请|請)?(回复|回覆|回)")
AROUND = re.compile(r"^[\W_]+|[\W_]+$")

NOTE = text("""
    INSERT INTO message_reply
        (id, channel, provider, provider_event, member_id, hint, text, opted_out, at)
    VALUES (:id, :channel, :provider, :event, :member, :hint, :text, :opted_out, :at)
    ON CONFLICT (provider, provider_event) DO NOTHING
""")


def means_no(said: str) -> bool:
    """Whether a reply asks for no more: one of the words, also as `回复R`, or a short sentence
    that begins with one of the phrases."""
    plain = AROUND.sub("", unicodedata.normalize("NFKC", said)).casefold()
    plain = AROUND.sub("", ASKED.sub("", plain))
    return plain in WORDS or (len(plain) <= LONGEST_PHRASE and plain.startswith(PHRASES))


def take(channel: str, told: Sequence[Reply], *, now: datetime) -> int:
    """Keep replies, and opt out who asks for it; returns how many were new.

    A number that is no member's gets no marketing either, whoever it belongs to one day.
    """
    return sum(_act(channel, one, now) for one in told)


def _act(channel: str, one: Reply, now: datetime) -> int:
    address = _address(channel, one.address)
    if address is None:
        return 0
    member_id = resolve(MemberRef("email" if channel == "email" else "phone", address))
    opted_out = means_no(one.text)
    values = {
        "id": uuid7(), "channel": channel, "provider": one.provider, "event": one.event[:300],
        "member": member_id, "hint": suppressions.masked(channel, address), "text": one.text,
        "opted_out": opted_out, "at": one.at,
    }  # fmt: skip
    if not db.session.execute(NOTE, values).rowcount:  # type: ignore[attr-defined]
        return 0
    if opted_out and member_id is not None:
        _opt_out(member_id, channel, f"{one.provider}:{one.event}"[:200], now)
    elif opted_out:
        suppressions.add(channel, [address], scope="marketing", reason="opted_out", now=now)
    return 1


def _address(channel: str, given: str) -> str | None:
    if channel == "email":
        return contacts.email_or_none(given)
    return contacts.phone_or_none(given, config().phone_region)


def _opt_out(member_id: UUID, channel: str, proof: str, now: datetime) -> None:
    current = {(one.channel, one.purpose): one for one in consents.current(member_id)}
    for name in CONSENT[channel]:
        decided = current.get((name, "marketing"))
        if decided is None or decided.granted:
            given = {"granted": False, "source": f"{channel}_reply", "proof": proof}
            consents.set_one(member_id, name, "marketing", given, now=now)
