"""The outbox and what became of messages: a member's, one, and those that need somebody."""

from datetime import tzinfo
from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.console import formats, message_words, mistakes, person
from crm.console.blueprint import blp
from crm.console.settings_page import manner_at
from crm.console.words import say
from crm.db import config, db, transaction
from crm.errors import N_
from crm.http import Schema, fields
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.i18n import gettext
from crm.messages import health, reading
from crm.messages.callbacks import proofs
from crm.messages.errors import MessageNotRetryable
from crm.messages.models import InboxMessage, SandboxMessage
from crm.messages.states import CHANNELS

SHOWN, LAST = 50, 5
LATE_SECONDS = 300  # due for longer: no worker seems to be at it


class OutboxQuery(Schema):
    """Which of those that need somebody; what was done just now."""

    channel = fields.Choice(*CHANNELS, load_default=None)
    cursor = fields.Text(500, load_default=None)
    retried = fields.Whole(0, query=True, load_default=None)


class MessagesQuery(Schema):
    """Which page."""

    cursor = fields.Text(500, load_default=None)


@blp.get("/messages")
@needs("messages:read")
def outbox() -> str:
    """How many wait, fail, are in doubt; the providers; and what needs somebody."""
    now = clock.now()
    asked = mistakes.load(OutboxQuery(), request.args.to_dict())
    stands, zone = health.standing(now), manner_at(now).zone
    found = health.dead(channel=asked["channel"], limit=SHOWN, cursor=asked["cursor"])
    late = stands.oldest is not None and (now - stands.oldest).total_seconds() > LATE_SECONDS
    return render_template(
        "outbox.html",
        figures=_figures(stands),
        late=formats.moment(stands.oldest, now, zone) if stands.oldest and late else "",
        providers=[_provider(row, zone) for row in health.providers()],
        rows=message_words.rows(found["data"], now, zone),
        cursor=found["next_cursor"],
        channel=asked["channel"] or "",
        channels=[(code, gettext(name)) for code, name in message_words.CHANNELS.items()],
        callbacks=_callbacks() if principal().may("keys:manage") else None,
        said=_said(asked["retried"]),
    )


@blp.post("/messages/retry")
@needs("messages:write")
def retry_messages() -> Response:
    """Try those again that were named; one that went meanwhile stays as it is."""
    ids, retried = request.form.getlist("message", type=UUID)[:SHOWN], 0
    for one in ids:
        try:
            with transaction():
                reading.retry(one, now=clock.now())
            retried += 1
        except MessageNotRetryable:
            continue
    channel = request.form.get("channel") or None
    return redirect(url_for("console.outbox", channel=channel, retried=retried), 303)


@blp.get("/messages/<uuid:message_id>")
@needs("messages:read")
def message(message_id: UUID) -> str:
    """One message: where it stands, what happened to it, what it said."""
    now = clock.now()
    zone = manner_at(now).zone
    found = reading.get(message_id)
    (row,) = message_words.rows([found], now, zone)
    return render_template(
        "message.html",
        row=row,
        attempts=found["attempts"],
        provider=found["provider"] or "",
        segments=found["segments"],
        may_retry=found["state"] in ("failed", "unknown") and principal().may("messages:write"),
        events=[_event(one, now, zone) for one in found["events"]],
        words=_words(message_id),
    )


@blp.get("/members/<uuid:member_id>/messages")
@needs("messages:read")
def member_messages(member_id: UUID) -> str:
    """What a member was told, the newest first."""
    now = clock.now()
    member = person.load(member_id)
    asked = mistakes.load(MessagesQuery(), request.args.to_dict())
    found = reading.page({"member": member_id}, limit=SHOWN, cursor=asked["cursor"])
    return render_template(
        "member_messages.html",
        member=person.shown(member),
        rows=message_words.rows(found["data"], now, manner_at(now).zone),
        cursor=found["next_cursor"],
    )


def last_of_member(member_id: UUID, zone: tzinfo) -> list[dict[str, Any]] | None:
    """The last few for the member page; None for who may not see them."""
    if not principal().may("messages:read"):
        return None
    found = reading.page({"member": member_id}, limit=LAST, cursor=None)
    return message_words.rows(found["data"], clock.now(), zone)


def _figures(stands: health.Standing) -> list[tuple[str, str]]:
    shown = (
        (N_("Due now"), stands.due),
        (N_("Being sent"), stands.sending),
        (N_("Due later"), stands.later),
        (N_("Failed"), stands.failed),
        (N_("In doubt"), stands.unknown),
    )
    return [(gettext(name), _most(count)) for name, count in shown]


def _most(count: int) -> str:
    return formats.number(count) if count <= health.MOST else f"{formats.number(health.MOST)}+"


def _provider(row: Any, zone: tzinfo) -> dict[str, Any]:
    away = row.away_until
    return {
        "name": row.name,
        "away": formats.clock_time(away, zone) if away else "",
        "failures": row.failures,
        "trouble": gettext(message_words.TROUBLES.get(row.trouble, "")) if row.trouble else "",
    }


def _callbacks() -> dict[str, Any]:
    settings = config()
    addresses = [
        (gettext(message_words.CHANNELS[channel]), kind, proofs.address(settings, channel, kind))
        for channel, kind in (("sms", "receipts"), ("sms", "inbound"), ("email", "receipts"))
    ]
    return {"addresses": addresses, "secret": proofs.secret_of(settings)}


def _said(retried: int | None) -> str:
    if retried is None:
        return ""
    return str(say(N_("Tried again: {count}."), count=formats.number(retried)))


def _event(one: Any, now: Any, zone: tzinfo) -> dict[str, str]:
    text = message_words.EVENTS.get(one.kind)
    return {
        "what": gettext(text) if text else one.kind,
        "code": str(one.data.get("code") or ""),
        "when": formats.moment(one.at, now, zone),
        "at": one.at.isoformat(),
    }


def _words(message_id: UUID) -> dict[str, str | None] | None:
    """What was said, where the shop keeps it: in the sandbox and in the inbox."""
    for kind in (SandboxMessage, InboxMessage):
        found = db.session.get(kind, message_id)
        if found is not None:
            return {"subject": found.subject, "text": found.text}
    return None
