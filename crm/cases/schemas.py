"""Cases, in and out."""

from crm.cases.models import EVENTS, KINDS, REASONS, SOURCES, STATES
from crm.http import Schema, fields
from crm.http.pagination import PageQuery, page_of
from crm.members.schemas import MemberRefIn
from crm.points.schemas import OrderRefIn

LONGEST = 4000
MOST_DAYS = 366


class CaseIn(Schema):
    """A complaint: whose, about which order if one, what about.

    Without `owner` and `due_at` the policy of cases says who looks after it and by when.
    """

    member = fields.Nested(MemberRefIn, required=True)
    order = fields.Nested(OrderRefIn, allow_none=True, load_default=None)
    kind = fields.Choice(*KINDS, required=True)
    subject = fields.Text(200, required=True)
    text = fields.Text(LONGEST, multiline=True, allow_none=True, load_default=None)
    owner = fields.Id(allow_none=True, load_default=None)
    due_at = fields.Instant(allow_none=True, load_default=None)


class CasePatch(Schema):
    """What can be changed of a case; what is not named stays. To close it takes a `reason`.

    `comment` goes into its history. A case that is opened again has no reason, and a new due date
    if the old one is over.
    """

    state = fields.Choice(*STATES)
    reason = fields.Choice(*REASONS)
    owner = fields.Id(allow_none=True)
    due_at = fields.Instant()
    kind = fields.Choice(*KINDS)
    subject = fields.Text(200)
    comment = fields.Text(LONGEST, multiline=True)


class CaseQuery(PageQuery):
    """Only those of a state, an owner, a member, a kind, a source; only `open` or closed ones;
    only those that are `overdue`, or that are not. `sort`: the newest first, or those due first."""

    state = fields.Choice(*STATES, load_default=None)
    owner = fields.Id(load_default=None)
    member = fields.Id(load_default=None)
    kind = fields.Choice(*KINDS, load_default=None)
    source = fields.Choice(*SOURCES, load_default=None)
    open = fields.Flag(load_default=None)
    overdue = fields.Flag(load_default=None)
    sort = fields.Choice("newest", "due", load_default="newest")


class CaseOwnerOut(Schema):
    """Who looks after a case."""

    id = fields.Id()
    name = fields.Text(allow_none=True)


class CaseEventOut(Schema):
    """What happened to a case. `changes`: {"field": [before, after]}."""

    id = fields.Id()
    at = fields.Instant()
    kind = fields.Choice(*EVENTS)
    changes = fields.Mapping()
    text = fields.Text(LONGEST, allow_none=True)
    actor = fields.Text()


class CaseOut(Schema):
    """A case. `rating`: the one of one to five that opened it; `reason`: why it was closed."""

    id = fields.Id()
    member_id = fields.Id()
    order = fields.Nested(OrderRefIn, allow_none=True)
    source = fields.Choice(*SOURCES)
    kind = fields.Choice(*KINDS)
    subject = fields.Text()
    text = fields.Text(LONGEST, allow_none=True)
    rating = fields.Whole(1, 5, allow_none=True)
    state = fields.Choice(*STATES)
    reason = fields.Choice(*REASONS, allow_none=True)
    owner = fields.Nested(CaseOwnerOut, allow_none=True)
    due_at = fields.Instant()
    overdue = fields.Flag()
    opened_at = fields.Instant()
    opened_by = fields.Text()
    updated_at = fields.Instant()
    closed_at = fields.Instant(allow_none=True)
    closed_by = fields.Text(allow_none=True)


CasePage = page_of(CaseOut)


class CaseWithHistoryOut(CaseOut):
    """A case with all that happened to it, the oldest first."""

    history = fields.Items(fields.Nested(CaseEventOut), 10_000)


class CasePolicyIn(Schema):
    """What new cases follow: `due_days` from opening to due; `owner`: who looks after those that
    name nobody (null: a manager of the shop, the one with the fewest open cases)."""

    due_days = fields.Whole(1, MOST_DAYS)
    owner = fields.Id(allow_none=True)


class CasePolicyOut(CasePolicyIn):
    """The policy in force; `version` 0 is the default."""

    version = fields.Whole()
