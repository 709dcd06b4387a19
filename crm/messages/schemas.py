"""Messages in and out."""

from datetime import time
from typing import Any

import marshmallow as ma

from crm.errors import N_
from crm.http import Schema, fields
from crm.http.pagination import PageQuery, page_of
from crm.members.stores import UNKNOWN_ZONE, is_zone
from crm.messages.policy import SMS_HOURS
from crm.messages.states import CHANNELS, PURPOSES, State

BACKWARDS = N_("The hours must end after they begin, on the same day.")
ALL_NIGHT = N_("The hours must leave room between 08:00 and 22:00, when text messages may go.")


class MessageQuery(PageQuery):
    """What a list of messages may be narrowed to."""

    member = fields.Id(load_default=None)
    state = fields.Choice(*State, load_default=None)
    channel = fields.Choice(*CHANNELS, load_default=None)
    source_type = fields.code(load_default=None)
    source_id = fields.code(load_default=None)


class MessageSourceOut(Schema):
    """What caused a message."""

    type = fields.Text()
    id = fields.Text()


class TemplateRefOut(Schema):
    """The version of the template that a message says."""

    id = fields.Id()
    version = fields.Whole(1)


class MessageEventOut(Schema):
    """What happened to a message: not_taken, fell_back, delivered, bounced, opened, clicked …"""

    kind = fields.Text()
    at = fields.Instant()
    provider = fields.Text(allow_none=True)
    data = fields.Mapping()


class MessageOut(Schema):
    """One message to one member. `reason` says why it was not sent, or what it waits for;
    `due_at` is null while its source is paused. The address is shown in part."""

    id = fields.Id()
    member_id = fields.Id()
    occasion = fields.Text(allow_none=True)
    channel = fields.Choice(*CHANNELS)
    purpose = fields.Choice(*PURPOSES)
    priority = fields.Whole(-1000)
    state = fields.Choice(*State)
    reason = fields.Text(allow_none=True)
    source = fields.Nested(MessageSourceOut)
    template = fields.Nested(TemplateRefOut, allow_none=True)
    due_at = fields.Instant(allow_none=True)
    not_after = fields.Instant(allow_none=True)
    attempts = fields.Whole()
    locale = fields.Text(allow_none=True)
    address = fields.Text(allow_none=True)
    provider = fields.Text(allow_none=True)
    provider_ref = fields.Text(allow_none=True)
    segments = fields.Whole(allow_none=True)
    price = fields.Text(allow_none=True)
    created_at = fields.Instant()
    sent_at = fields.Instant(allow_none=True)
    finished_at = fields.Instant(allow_none=True)


class MessageWithEventsOut(MessageOut):
    """One message with what became of it."""

    events = fields.Items(fields.Nested(MessageEventOut))


MessagePage = page_of(MessageOut)


class RetryIn(Schema):
    """Nothing to say."""

    body_optional = True


class SandboxQuery(PageQuery):
    """Whose messages."""

    member = fields.Id(load_default=None)


class SandboxMessageOut(Schema):
    """What would have been sent; mail to staff has no member."""

    id = fields.Id()
    member_id = fields.Id(allow_none=True)
    channel = fields.Choice(*CHANNELS)
    address = fields.Text(allow_none=True)
    locale = fields.Text()
    subject = fields.Text(allow_none=True)
    text = fields.Text(allow_none=True)
    html = fields.Text(allow_none=True)
    headers = fields.Mapping()
    at = fields.Instant()


SandboxPage = page_of(SandboxMessageOut)


CLOCK = r"([01]\d|2[0-3]):[0-5]\d"


class HoursIn(Schema):
    """Local hours, `from` inclusive, `to` exclusive."""

    from_ = fields.Text(5, pattern=CLOCK, required=True, data_key="from", attribute="from")
    to = fields.Text(5, pattern=CLOCK, required=True)

    @ma.validates_schema
    def hours_of_one_day(self, data: dict[str, Any], **_: object) -> None:
        """Opening comes before closing, and text messages have room too."""
        opening, closing = (time.fromisoformat(data[name]) for name in ("from", "to"))
        if opening >= closing:
            raise ma.ValidationError({"to": fields.wrong("bad_hours", BACKWARDS).messages})
        if opening >= SMS_HOURS[1] or closing <= SMS_HOURS[0]:
            raise ma.ValidationError({"to": fields.wrong("bad_hours", ALL_NIGHT).messages})


class QuietIn(Schema):
    """When marketing may reach people, by their own clocks."""

    marketing = fields.Nested(HoursIn, required=True)


class CapsIn(Schema):
    """Most marketing messages of a member per local day, and in seven days; null: no limit."""

    per_day = fields.Whole(0, 1000, allow_none=True)
    per_week = fields.Whole(0, 1000, allow_none=True)


class RetriesIn(Schema):
    """How often a message is tried, and how long to wait after the first time and at most."""

    most = fields.Whole(1, 50)
    first_seconds = fields.Whole(1, 3600)
    longest_seconds = fields.Whole(1, 86_400)


class MessagePolicyIn(Schema):
    """What is named changes. `rates`: messages per second and provider; others have no limit.
    `timezone` is of members who have none, nor a home store with one."""

    timezone = fields.Text(64)
    quiet_hours = fields.Nested(QuietIn)
    caps = fields.Nested(CapsIn)
    retries = fields.Nested(RetriesIn)
    rates = fields.Mapping(fields.code(), fields.Whole(1, 1_000_000))

    @ma.validates("timezone")
    def _zone(self, value: str, data_key: str = "") -> None:
        if not is_zone(value):
            raise fields.wrong("unknown_timezone", UNKNOWN_ZONE)


class MessagePolicyOut(Schema):
    """The policy in force; version 0 is what the programme starts with."""

    version = fields.Whole()
    timezone = fields.Text()
    quiet_hours = fields.Mapping()
    caps = fields.Mapping()
    retries = fields.Mapping()
    rates = fields.Mapping()
