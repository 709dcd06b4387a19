"""Messages in words: channels, states, and why one was not sent."""

from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm.console import formats, person
from crm.db import db
from crm.errors import N_
from crm.i18n import gettext
from crm.messages.models import MessageTemplate
from crm.messages.states import TEST, Reason, State

CHANNELS = {
    "email": N_("E-mail"),
    "sms": N_("SMS"),
    "webhook": N_("WeChat and app push"),
    "inbox": N_("In-app inbox"),
}
STATES = {
    State.WAITING: N_("waiting"),
    State.SENDING: N_("being sent"),
    State.SENT: N_("sent"),
    State.DELIVERED: N_("arrived"),
    State.FAILED: N_("failed"),
    State.SUPPRESSED: N_("not sent"),
    State.CANCELLED: N_("cancelled"),
    State.HOLDOUT: N_("kept to compare"),
    State.UNKNOWN: N_("in doubt"),
}
MARKS = {
    State.SENT: "r-tag--good",
    State.DELIVERED: "r-tag--good",
    State.FAILED: "r-tag--danger",
    State.UNKNOWN: "r-tag--warn",
}
TROUBLES = {
    "unreachable": N_("nobody answers there"),
    "tls_failed": N_("no TLS came about, and in clear nothing is sent"),
    "certificate_untrusted": N_("nobody whom we trust vouches for its certificate"),
    "certificate_expired": N_("its certificate has expired"),
    "certificate_of_other": N_("its certificate is for another name"),
    "sign_in_refused": N_("it does not let us sign in"),
    "not_served": N_("it answers, but takes nothing from us"),
}
REASONS = {
    Reason.OPTED_OUT: N_("wants no such messages"),
    Reason.NO_ADDRESS: N_("has no address for this channel"),
    Reason.ADDRESS_SUPPRESSED: N_("the address bounced or complained"),
    Reason.CAPPED: N_("had enough messages for now"),
    Reason.QUIET_EXPIRED: N_("the quiet hours ended too late"),
    Reason.EXPIRED: N_("too late"),
    Reason.DUPLICATE_PERSON: N_("the record was merged into another"),
    Reason.MEMBER_ERASED: N_("the member was erased"),
    Reason.OPEN_CASE: N_("a complaint is open"),
    Reason.ORDER_REFUNDED: N_("the order was refunded"),
    Reason.POOL_EMPTY: N_("no coupon was left"),
    Reason.BUDGET: N_("the budget is spent"),
    Reason.HOLDOUT: N_("of the group that gets nothing, to compare with"),
    Reason.CANCELLED: N_("withdrawn before it went"),
    Reason.NO_LONGER_DUE: N_("no longer to the point"),
    Reason.CHANNEL_OFF: N_("no provider is set up for this channel"),
    Reason.TEMPLATE_FAILED: N_("the template lacks a value for this member"),
    Reason.REFUSED: N_("the provider refuses it"),
    Reason.GIVEN_UP: N_("given up after many tries"),
    Reason.BOUNCED: N_("it did not arrive"),
    Reason.INTERRUPTED: N_("the worker died while sending"),
    Reason.NO_ANSWER: N_("the provider did not answer"),
    Reason.QUIET_HOURS: N_("waits for the end of the quiet hours"),
    Reason.TRY_LATER: N_("is tried again later"),
    Reason.PAUSED: N_("its source is paused"),
}
EVENTS = {
    "not_taken": N_("the provider did not take it"),
    "fell_back": N_("told by another channel instead"),
    "delivered": N_("arrived"),
    "failed": N_("did not arrive"),
    "bounced": N_("bounced for good"),
    "complained": N_("complained"),
    "opened": N_("opened"),
    "clicked": N_("a link was clicked"),
    "opted_out": N_("opted out by its link"),
}


def rows(found: Iterable[Mapping[str, Any]], now: datetime, zone: tzinfo) -> list[dict[str, Any]]:
    """Messages as tables show them: member, template, state and why, when."""
    messages = list(found)
    codes = _codes(one["template"]["id"] for one in messages if one["template"])
    names = person.called(one["member_id"] for one in messages)
    return [_row(one, codes, names, now, zone) for one in messages]


def _row(
    one: Mapping[str, Any],
    codes: Mapping[UUID, str],
    names: Mapping[UUID, str],
    now: datetime,
    zone: tzinfo,
) -> dict[str, Any]:
    at = one["sent_at"] or one["finished_at"] or one["due_at"] or one["created_at"]
    template = one["template"]
    return {
        "id": one["id"],
        "member_id": one["member_id"],
        "member": names.get(one["member_id"], ""),
        "channel": gettext(CHANNELS[one["channel"]]),
        "template_id": template and template["id"],
        "template": codes.get(template["id"], "") if template else "",
        "version": template and template["version"],
        "is_test": one["source"]["type"] == TEST,
        "purpose": gettext(person.PURPOSES[one["purpose"]]),
        "state": gettext(STATES[State(one["state"])]),
        "mark": MARKS.get(State(one["state"]), ""),
        "why": why(one["reason"]),
        "address": one["address"] or "",
        "when": formats.moment(at, now, zone),
        "at": at.isoformat(),
    }


def why(reason: str | None) -> str:
    """Why a message was not sent, or waits; rooms above may have reasons of their own."""
    known = {str(one): text for one, text in REASONS.items()}
    return gettext(known[reason]) if reason in known else reason or ""


def _codes(ids: Iterable[UUID]) -> dict[UUID, str]:
    wanted = set(ids)
    query = select(MessageTemplate.id, MessageTemplate.code).where(MessageTemplate.id.in_(wanted))
    return {row.id: row.code for row in db.session.execute(query)} if wanted else {}
