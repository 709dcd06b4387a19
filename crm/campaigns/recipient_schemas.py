"""Recipients of campaigns out, and which are asked for."""

from crm.campaigns.models import MOST_ARMS
from crm.http import Schema, fields
from crm.http.pagination import PageQuery, page_of
from crm.messages.states import State


class RecipientQuery(PageQuery):
    """Which recipients: of a state, for a reason, of an arm (0: held out)."""

    state = fields.Choice(*State, load_default=None)
    reason = fields.Text(40, load_default=None)
    arm = fields.Whole(0, MOST_ARMS, query=True, load_default=None)


class RecipientMemberOut(Schema):
    """Who it is."""

    id = fields.Id()
    member_no = fields.Text()
    name = fields.Text(allow_none=True)


class RecipientOut(Schema):
    """What one member of the audience gets: `arm` 0 is held out, null gets nothing for `reason`.
    `message` is null until it is made."""

    member = fields.Nested(RecipientMemberOut)
    arm = fields.Whole(allow_none=True)
    state = fields.Choice(*State)
    reason = fields.Text(allow_none=True)
    due_at = fields.Instant()
    sent_at = fields.Instant(allow_none=True)
    message = fields.Id(allow_none=True)
    coupon = fields.Text(allow_none=True)


RecipientPage = page_of(RecipientOut)
