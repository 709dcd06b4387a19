"""The words of this room: channels, purposes, states of a message, and why one was not sent."""

from enum import StrEnum
from types import MappingProxyType

CHANNELS = ("email", "sms", "webhook", "inbox")
PURPOSES = ("marketing", "service")
TEST = "test"  # the source of messages that staff send to addresses of their own

# Whose consent a channel goes by (`crm.members.consents.CHANNELS`).
CONSENT = MappingProxyType(
    {
        "email": ("email",),
        "sms": ("sms",),
        "webhook": ("wechat", "push"),
        "inbox": ("inbox",),
    }
)
ADDRESS = MappingProxyType({"email": "email", "sms": "phone"})  # kinds of identity; else: his id


class State(StrEnum):
    """Where a message stands.

    waiting → sending → sent → delivered; ends: sent or delivered, failed, suppressed, cancelled,
    holdout, unknown.
    """

    WAITING = "waiting"  # for its time, or for a worker
    SENDING = "sending"  # a worker may be talking to the provider right now
    SENT = "sent"  # the provider took it
    DELIVERED = "delivered"  # the provider says that it arrived
    FAILED = "failed"  # given up; can be retried by hand
    SUPPRESSED = "suppressed"  # was not to be sent; `reason` says why
    CANCELLED = "cancelled"  # its cause was withdrawn before it went
    HOLDOUT = "holdout"  # of the group that gets nothing, to compare with
    UNKNOWN = "unknown"  # may have gone: nobody can say, and it is not sent again by itself


class Reason(StrEnum):
    """Why a message was not sent, or waits."""

    # suppressed
    OPTED_OUT = "opted_out"  # no consent for this channel and purpose, or it was withdrawn
    NO_ADDRESS = "no_address"  # the member has none for this channel
    ADDRESS_SUPPRESSED = "address_suppressed"  # it bounced for good, or complained
    CAPPED = "capped"  # the member has had his messages of the day or the week
    QUIET_EXPIRED = "quiet_expired"  # the quiet hours end after it is too late
    EXPIRED = "expired"  # too late: its `not_after` has passed
    DUPLICATE_PERSON = "duplicate_person"  # the record was merged into another, or is another's
    MEMBER_ERASED = "member_erased"
    OPEN_CASE = "open_case"  # the member waits for an answer to a complaint
    ORDER_REFUNDED = "order_refunded"
    POOL_EMPTY = "pool_empty"  # no coupon was left
    BUDGET = "budget"  # the campaign's money is spent
    HOLDOUT = "holdout"
    CANCELLED = "cancelled"
    NO_LONGER_DUE = "no_longer_due"  # what it was about has happened or ended
    # failed
    CHANNEL_OFF = "channel_off"  # no provider is set up for this channel
    TEMPLATE_FAILED = "template_failed"  # it can't be filled in for this member
    REFUSED = "refused"  # the provider will never take it
    GIVEN_UP = "given_up"  # tried as often as the policy says
    BOUNCED = "bounced"  # the provider said later that it did not arrive
    # unknown
    INTERRUPTED = "interrupted"  # the worker died while it talked to the provider
    NO_ANSWER = "no_answer"  # the provider took it and did not say what became of it
    # waiting
    QUIET_HOURS = "quiet_hours"
    TRY_LATER = "try_later"  # the provider asked to come again
    PAUSED = "paused"  # its source is paused


ENDS = frozenset(State) - {State.WAITING, State.SENDING}
RETRYABLE = (State.FAILED, State.UNKNOWN)
