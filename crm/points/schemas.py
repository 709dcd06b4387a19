"""Balances, entries, awards and redemptions in and out."""

from crm.http import Schema, fields
from crm.http.pagination import page_of
from crm.members.schemas import MemberRefIn
from crm.points.rule import ACTIVITIES


class OrderRefIn(Schema):
    """An order as shops know it."""

    channel = fields.code(40, required=True)
    order_no = fields.Text(64, required=True)


class PlainAwardIn(Schema):
    """So many points for an activity, once per (activity, source_key)."""

    member = fields.Nested(MemberRefIn, required=True)
    activity = fields.Choice(*ACTIVITIES, required=True)
    source_key = fields.Text(200, required=True)
    points = fields.points(1, required=True)
    reason = fields.Text(500, load_default=None, allow_none=True)
    expires_at = fields.Instant(load_default=None, allow_none=True)


class AwardIn(PlainAwardIn):
    """Points for an activity, once per (activity, source_key). Without `points`, by the rules.

    `source_key` may be left out where the rules say the points and the activity has a natural one:
    sign_up and profile_completed (once for ever), check_in (local day), birthday (local year).
    `order` is what a review or share is about, for rules that ask for a paid order.
    """

    source_key = fields.Text(200)
    points = fields.points(1)
    order = fields.Nested(OrderRefIn)


class BatchAwardOut(Schema):
    """What came of one award: its place in the batch, and its entry or a problem."""

    index = fields.Whole()
    status = fields.Whole()
    entry = fields.Nested(lambda: EntryOut())
    problem = fields.Mapping()


class BatchAwardsOut(Schema):
    """All awards in the order sent; `given` counts the new entries."""

    results = fields.Items(fields.Nested(BatchAwardOut), 1000)
    given = fields.Whole()
    refused = fields.Whole()


class RedemptionIn(Schema):
    """Points to spend; `reference` is the shop's own name for it (cart, receipt)."""

    member = fields.Nested(MemberRefIn, required=True)
    points = fields.points(1, required=True)
    reference = fields.Text(200, required=True)


class AsOfQuery(Schema):
    """The instant of a balance; now without it."""

    as_of = fields.Instant(load_default=None)


class SourceOut(Schema):
    """What an entry comes from. Entries of a hold have its `reference`, those of a transfer the
    `member_id` of the other side."""

    type = fields.Text()
    id = fields.Text()
    reference = fields.Text()
    member_id = fields.Id()


class EntryLotOut(Schema):
    """What an entry opened, took from or gave to a lot."""

    lot_id = fields.Id()
    points = fields.points(-fields.POINTS_LIMIT)
    expires_at = fields.Instant(allow_none=True)


class EntryOut(Schema):
    """One entry of a member's ledger; `seq` counts from 1 without gaps."""

    id = fields.Id()
    member_id = fields.Id()
    seq = fields.Whole(1)
    kind = fields.Text()
    points = fields.points(-fields.POINTS_LIMIT)
    balance_after = fields.Whole(-(10**15), 10**15)
    occurred_at = fields.Instant()
    recorded_at = fields.Instant()
    source = fields.Nested(SourceOut)
    actor = fields.Text(allow_none=True)
    reason = fields.Text(allow_none=True)
    lots = fields.Items(fields.Nested(EntryLotOut))


class AwardShareOut(Schema):
    """What one rule gave: `granted` of `points`, and the cap that trimmed it."""

    rule_id = fields.Id()
    version = fields.Whole(1)
    name = fields.Text()
    points = fields.points()
    granted = fields.points()
    capped_by = fields.Text(allow_none=True)


class AwardOut(EntryOut):
    """An award. By the rules, caps may trim what was `desired` to what was `granted`, even to 0."""

    desired = fields.points()
    granted = fields.points()
    capped_by = fields.Text(allow_none=True)
    breakdown = fields.Items(fields.Nested(AwardShareOut))


class ExpiringOut(Schema):
    """Points that lapse at one instant (exclusive)."""

    expires_at = fields.Instant()
    points = fields.points()


class ReleaseOut(Schema):
    """Pending points that become spendable; `available_on` is the member's local day."""

    available_on = fields.Day()
    available_at = fields.Instant()
    points = fields.points()


class BalanceOut(Schema):
    """A member's points at an instant."""

    available = fields.points()
    pending = fields.points()
    held = fields.points()
    debt = fields.points()
    lifetime_earned = fields.Whole(0, 10**15)
    expiring = fields.Items(fields.Nested(ExpiringOut), 200)
    pending_release = fields.Items(fields.Nested(ReleaseOut), 200)
    as_of = fields.Instant()


class BreachOut(Schema):
    """One broken invariant, of a member, at an entry where it has one."""

    invariant = fields.Text()
    member_id = fields.Id()
    seq = fields.Whole(0, 2**31, allow_none=True)
    detail = fields.Text()


class CheckOut(Schema):
    """The result of the self-check. `head` is a digest over the chains of all accounts."""

    ok = fields.Flag()
    checked_at = fields.Instant()
    invariants = fields.Items(fields.Text())
    totals = fields.Mapping(values=fields.Whole(0, 10**15))
    head = fields.Text(allow_none=True)
    breaches = fields.Items(fields.Nested(BreachOut), 10_000)


EntryPage = page_of(EntryOut)
