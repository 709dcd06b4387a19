"""The shapes of lookup, profile and timeline."""

import marshmallow as ma

from crm.cases.schemas import CaseOut
from crm.coupons.schemas import CouponOut
from crm.http import Schema, fields
from crm.http.pagination import page_of
from crm.members.fact_schemas import ConsentOut, NoteOut
from crm.members.schemas import MemberOut, store_code
from crm.orders.answer_schemas import OrderOut
from crm.overview.tier_schemas import MemberTierOut
from crm.segments.schemas import RfmOut


class LookupIn(Schema):
    """What was typed or scanned, and the store that asks."""

    q = fields.Text(200, required=True)
    store = store_code(allow_none=True, load_default=None)


class HitTierOut(Schema):
    """A tier; `rank` 0 is the lowest."""

    code = fields.Text()
    name = fields.Text()
    rank = fields.Whole(0, 20)


class HitOut(Schema):
    """A member who fits. Phone and e-mail address are shown in part."""

    id = fields.Id()
    member_no = fields.Text()
    name = fields.Text(allow_none=True)
    reading = fields.Text(allow_none=True)
    phone = fields.Text(allow_none=True)
    email = fields.Text(allow_none=True)
    tier = fields.Nested(HitTierOut, allow_none=True)
    segment = fields.Text(allow_none=True)
    home_store = fields.Text(allow_none=True)
    store_name = fields.Text(allow_none=True)
    last_seen_at = fields.Instant(allow_none=True)


class LookupOut(Schema):
    """At most eight hits, ranked; how the text was understood (null: too short to look for)."""

    data = fields.Items(fields.Nested(HitOut), 8)
    shape = fields.Text(allow_none=True)
    more = fields.Flag()


class PointsSummaryOut(Schema):
    """Points now; `expiring_30_days` of those available."""

    available = fields.points()
    pending = fields.points()
    held = fields.points()
    debt = fields.points()
    lifetime_earned = fields.Whole(0, 2**53)
    expiring_30_days = fields.points()


class AmountOut(Schema):
    """Money in minor units."""

    amount = fields.Whole(0, 2**53)
    currency = fields.Text()


class PurchasesOut(Schema):
    """What counts as bought: orders, days with a purchase, net of refunds."""

    orders = fields.Whole()
    days = fields.Whole()
    monetary = fields.Nested(AmountOut)
    first_paid_at = fields.Instant(allow_none=True)
    last_paid_at = fields.Instant(allow_none=True)
    mean_gap_days = ma.fields.Float(allow_none=True)


class SatisfiedOut(Schema):
    """What a member answered when he was asked about an order: 1 to 5, maybe words."""

    rating = fields.Whole(1, 5)
    text = fields.Text(2000, allow_none=True)
    answered_at = fields.Instant()


class ProfileOrderOut(OrderOut):
    """An order with how satisfied the member was with it; null: he was not asked, or did not
    say."""

    satisfaction = fields.Nested(SatisfiedOut, allow_none=True)


class ProfileOut(Schema):
    """A member from all sides. What the key may not see is null."""

    as_of = fields.Instant()
    member = fields.Nested(MemberOut)
    tier = fields.Nested(MemberTierOut)
    points = fields.Nested(PointsSummaryOut, allow_none=True)
    segment = fields.Nested(RfmOut, allow_none=True)
    purchases = fields.Nested(PurchasesOut, allow_none=True)
    orders = fields.Items(fields.Nested(ProfileOrderOut), allow_none=True)
    coupons = fields.Items(fields.Nested(CouponOut), allow_none=True)
    cases = fields.Items(fields.Nested(CaseOut), allow_none=True)
    consents = fields.Items(fields.Nested(ConsentOut))
    notes = fields.Items(fields.Nested(NoteOut))


class TimelineItemOut(Schema):
    """Something that happened; `data` depends on `kind`."""

    id = fields.Id()
    at = fields.Instant()
    kind = fields.Text()
    data = fields.Mapping()


TimelinePage = page_of(TimelineItemOut)
