"""Audiences in and out."""

import marshmallow as ma

from crm.errors import N_
from crm.http import Schema, fields
from crm.http.pagination import PageQuery, page_of
from crm.messages.states import CHANNELS
from crm.segments.audiences.kinds import OPS
from crm.segments.audiences.lists import MODES, MOST_LINES

MOST_SAMPLED, MOST_COMPARED = 20, 5
LONGEST_CSV = 4_000_000  # within what a request may be, escapes included


def filter_field(**kwargs) -> fields.Mapping:
    """A filter: a group or a condition. What it may hold is said by `GET /audiences/fields`."""
    return fields.Mapping(**kwargs)


class AudienceIn(Schema):
    """A new audience: with a `filter`, or of `kind` list, whose members are uploaded."""

    name = fields.Text(100, required=True)
    description = fields.Text(500, allow_none=True)
    kind = fields.Choice("filter", "list", load_default="filter")
    filter = filter_field()

    @ma.validates_schema
    def filter_or_list(self, data: dict, **_: object) -> None:
        """A filter has one; a list has none."""
        if data["kind"] == "filter" and "filter" not in data:
            error = fields.wrong("required", fields.REQUIRED)
            raise ma.ValidationError({"filter": error.messages})
        if data["kind"] == "list" and "filter" in data:
            error = fields.wrong("filter_on_list", N_("A list has no filter."))
            raise ma.ValidationError({"filter": error.messages})


class AudiencePut(Schema):
    """What changes. `version`, if given, is the one that was changed; `archived` hides an audience
    from lists, or shows it; who refers to it still finds it."""

    name = fields.Text(100)
    description = fields.Text(500, allow_none=True)
    filter = filter_field()
    version = fields.Whole(1)
    archived = fields.Flag()


class AudienceQuery(PageQuery):
    """What a list of audiences may be narrowed to; archived ones are left out."""

    kind = fields.Choice("filter", "list", load_default=None)
    archived = fields.Flag(load_default=False)


class AudienceOut(Schema):
    """An audience. `members` is what was counted at `counted_at`, when it was saved or viewed."""

    id = fields.Id(required=True)
    name = fields.Text(required=True)
    description = fields.Text(required=True, allow_none=True)
    kind = fields.Choice("filter", "list", required=True)
    filter = fields.Mapping(required=True, allow_none=True)
    version = fields.Whole(1, required=True)
    members = fields.Whole(required=True, allow_none=True)
    counted_at = fields.Instant(required=True, allow_none=True)
    created_at = fields.Instant(required=True)
    changed_at = fields.Instant(required=True)
    created_by = fields.Text(required=True)
    archived_at = fields.Instant(required=True, allow_none=True)


AudiencePage = page_of(AudienceOut)


class PreviewAudienceIn(Schema):
    """What to count. `sample`: how many members to show; `reach`: whether to say whom each channel
    reaches; `overlap`: audiences to compare with."""

    filter = filter_field(required=True)
    sample = fields.Whole(0, MOST_SAMPLED, load_default=5)
    reach = fields.Flag(load_default=True)
    overlap = fields.Items(fields.Id(), MOST_COMPARED, load_default=list)


class SampledOut(Schema):
    """A member of the sample; name, phone and e-mail in part."""

    id = fields.Id(required=True)
    member_no = fields.Text(required=True)
    name = fields.Text(required=True, allow_none=True)
    segment = fields.Text(required=True, allow_none=True)
    phone = fields.Text(required=True, allow_none=True)
    email = fields.Text(required=True, allow_none=True)


class ReachOut(Schema):
    """Whom marketing by a channel reaches. `reach` and the four reasons add up to `members`."""

    channel = fields.Choice(*CHANNELS, required=True)
    members = fields.Whole(required=True)
    reach = fields.Whole(required=True)
    no_consent = fields.Whole(required=True)
    no_address = fields.Whole(required=True)
    suppressed = fields.Whole(required=True)
    blocked = fields.Whole(required=True)


class OverlapOut(Schema):
    """Another audience: how many it has, and how many are in both."""

    audience = fields.Id(required=True)
    members = fields.Whole(required=True)
    shared = fields.Whole(required=True)


class PreviewAudienceOut(Schema):
    """What a filter comes to at `as_of`."""

    as_of = fields.Instant(required=True)
    count = fields.Whole(required=True)
    sample = fields.Items(fields.Nested(SampledOut), required=True)
    reach = fields.Items(fields.Nested(ReachOut), required=True)
    overlap = fields.Items(fields.Nested(OverlapOut), required=True)


class ChoiceOut(Schema):
    """A value that a field can take."""

    value = fields.Text(required=True)
    label = fields.Text(required=True)


class FilterFieldOut(Schema):
    """A field of the language. `type` says what a value looks like; a name that ends in `.*` takes
    any last part. `window`: whether `within_days` may or must be given."""

    field = fields.Text(required=True)
    label = fields.Text(required=True)
    description = fields.Text(required=True)
    type = fields.Text(required=True)
    ops = fields.Items(fields.Choice(*OPS), required=True)
    window = fields.Choice("none", "optional", "required", required=True)
    choices = fields.Items(fields.Nested(ChoiceOut), 500, required=True)
    closed = fields.Flag(required=True)


class FilterFieldsOut(Schema):
    """Every field, in the order of the documentation."""

    data = fields.Items(fields.Nested(FilterFieldOut), 500, required=True)
    next_cursor = fields.Text(required=True, allow_none=True)


class AudienceMemberOut(Schema):
    """A member of an audience."""

    id = fields.Id(required=True)
    member_no = fields.Text(required=True)


AudienceMemberPage = page_of(AudienceMemberOut)


class UploadIn(Schema):
    """Who is meant: ids, member numbers, phone numbers, e-mail addresses, in any mixture; as a list
    of `members`, or as the text of a `csv` file."""

    members = fields.Items(fields.Text(254, low=0), MOST_LINES)
    csv = fields.Text(LONGEST_CSV, multiline=True)
    mode = fields.Choice(*MODES, load_default="add")

    @ma.validates_schema
    def one_form(self, data: dict, **_: object) -> None:
        """Exactly one of the two."""
        if ("members" in data) == ("csv" in data):
            error = fields.wrong("members_or_csv", N_("Send either members or csv."))
            raise ma.ValidationError({"members": error.messages})


class UnknownLineOut(Schema):
    """A line that is nobody's: `unknown_member`, or `not_understood` at all; the value in part."""

    line = fields.Whole(1, required=True)
    value = fields.Text(required=True)
    code = fields.Choice("unknown_member", "not_understood", required=True)


class UploadOut(Schema):
    """What came of an upload: lines, the members found, how many are new or gone, how many there
    are now. `unknown_lines` has the first thousand lines that are nobody's."""

    lines = fields.Whole(required=True)
    found = fields.Whole(required=True)
    added = fields.Whole(required=True)
    removed = fields.Whole(required=True)
    members = fields.Whole(required=True)
    unknown_count = fields.Whole(required=True)
    unknown_lines = fields.Items(fields.Nested(UnknownLineOut), 1_000, required=True)
