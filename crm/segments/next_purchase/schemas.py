"""The shapes of next purchases in the API. Chances, shares and AUCs are 0 to 1."""

import marshmallow as ma

from crm.http import Schema, fields
from crm.segments.shares import ratio


class ReasonOut(Schema):
    """Why nothing is said, in the reader's language."""

    code = fields.code(required=True)
    text = fields.Text(required=True)


class ChanceOut(Schema):
    """The chance to buy within some days; null where the model abstains, with the reason."""

    days = fields.Whole(1, 3660, required=True)
    chance = ratio(required=True, allow_none=True)
    reason = fields.Nested(ReasonOut, required=True, allow_none=True)


class StoreWindowOut(Schema):
    """After how many days half of those who buy again do so at this store."""

    from_days = fields.Whole(1, 10**6, required=True)
    to_days = fields.Whole(1, 10**6, required=True)


class WindowOut(StoreWindowOut):
    """When a member usually buys again, counted from his last purchase day; days are local.

    `own_gaps`: how many gaps of his own stand behind it; with few, the store's weigh more.
    """

    middle_days = fields.Whole(1, 10**6, required=True)
    opens = fields.Day(required=True)
    closes = fields.Day(required=True)
    last_day = fields.Day(required=True)
    own_gaps = fields.Whole(required=True)
    state = fields.Choice("before", "open", "past", required=True)


class CategoryOut(Schema):
    """A category in which a member bought: his window there as in `usual_window`, and his chances.

    Where `abstains` says that too little is known of a rhythm, the window is null and `own_gaps` 0;
    the chances may be known all the same. Goods given back and gifts don't count.
    """

    category = fields.Text(required=True)
    last_day = fields.Day(required=True)
    purchase_days = fields.Whole(1, required=True)
    own_gaps = fields.Whole(required=True)
    from_days = fields.Whole(1, 10**6, required=True, allow_none=True)
    middle_days = fields.Whole(1, 10**6, required=True, allow_none=True)
    to_days = fields.Whole(1, 10**6, required=True, allow_none=True)
    opens = fields.Day(required=True, allow_none=True)
    closes = fields.Day(required=True, allow_none=True)
    state = fields.Choice("before", "open", "past", required=True, allow_none=True)
    abstains = fields.Nested(ReasonOut, required=True, allow_none=True)
    chances = fields.Items(fields.Nested(ChanceOut), required=True)


class NextPurchaseOut(Schema):
    """When a member usually buys again and how likely he is to, or why that is not known.

    `place`: the share of customers who are less likely to buy within 30 days.
    """

    model_id = fields.Id(required=True, allow_none=True)
    as_of = fields.Instant(required=True, allow_none=True)
    chances = fields.Items(fields.Nested(ChanceOut), required=True)
    place = ratio(required=True, allow_none=True)
    usual_window = fields.Nested(WindowOut, required=True, allow_none=True)
    abstains = fields.Nested(ReasonOut, required=True, allow_none=True)
    store_window = fields.Nested(StoreWindowOut, required=True, allow_none=True)
    categories = fields.Items(fields.Nested(CategoryOut), 1000, required=True)


class CalibrationOut(Schema):
    """Members of similar chances: what was expected of them, and the share that bought."""

    members = fields.Whole(required=True)
    lowest = ratio(required=True)
    highest = ratio(required=True)
    expected = ratio(required=True)
    bought = ratio(required=True)


class FiguresOut(Schema):
    """How well a method foretold who bought. `expected`: how many buyers it promised in all."""

    auc = ratio(required=True, allow_none=True)
    brier = ratio(required=True, allow_none=True)
    lift = ma.fields.Float(required=True, allow_none=True)
    expected = ma.fields.Float(required=True, allow_none=True)
    calibration = fields.Items(fields.Nested(CalibrationOut), required=True)


class SeenOut(Schema):
    """What a method learned from: members known at the end of a day, and who bought after it."""

    cut = fields.Day(required=True)
    members = fields.Whole(required=True)
    bought = fields.Whole(required=True, allow_none=True)


class CandidateOut(Schema):
    """A method that was tried, and how it did."""

    method = fields.code(required=True)
    method_text = fields.Text(required=True)
    refused = fields.Nested(ReasonOut, required=True, allow_none=True)
    trained_on = fields.Items(fields.Nested(SeenOut), required=True)
    model = fields.Mapping(required=True, allow_none=True)
    figures = fields.Nested(FiguresOut, required=True, allow_none=True)


class BackTestOut(Schema):
    """The last full window, which no candidate had seen when it foretold it."""

    from_ = fields.Day(data_key="from", attribute="from", required=True)
    until = fields.Day(required=True)
    members = fields.Whole(required=True)
    bought = fields.Whole(required=True)
    candidates = fields.Items(fields.Nested(CandidateOut), required=True)


class HorizonOut(Schema):
    """The method in use for some days ahead, and why it was chosen."""

    days = fields.Whole(1, 3660, required=True)
    method = fields.code(required=True)
    method_text = fields.Text(required=True)
    abstains = fields.Nested(ReasonOut, required=True, allow_none=True)
    trained_on = fields.Items(fields.Nested(SeenOut), required=True)
    model = fields.Mapping(required=True)
    back_test = fields.Nested(BackTestOut, required=True)


class CategoryFiguresOut(Schema):
    """How the method in use did in one category, over the window of the back-test.

    `customers`: who had bought in it before, of whom so many `bought` in it, a `share`. `expected`:
    how many it promised. `abstains`: why no chances are told for this category.
    """

    category = fields.Text(required=True)
    customers = fields.Whole(required=True)
    bought = fields.Whole(required=True)
    share = ratio(required=True)
    expected = ma.fields.Float(required=True, allow_none=True)
    auc = ratio(required=True, allow_none=True)
    brier = ratio(required=True, allow_none=True)
    abstains = fields.Nested(ReasonOut, required=True, allow_none=True)


class CategoryHorizonOut(HorizonOut):
    """The same for buying in a category: a member counts once in each category he bought in."""

    categories = fields.Items(fields.Nested(CategoryFiguresOut), required=True)


class PairSampleOut(Schema):
    """What was read for chances per category; a pair is a member and a category he bought in."""

    members = fields.Whole(required=True)
    pairs = fields.Whole(required=True)
    purchase_days = fields.Whole(required=True)
    categories = fields.Whole(required=True)


class CategoriesOut(Schema):
    """Models of who buys in which category: one per horizon for all categories together."""

    sample = fields.Nested(PairSampleOut, required=True)
    input_hash = fields.Text(64, required=True)
    horizons = fields.Items(fields.Nested(CategoryHorizonOut), required=True)


class SampleOut(Schema):
    """The members whose purchase days were read."""

    share = ratio(required=True)
    members = fields.Whole(required=True)
    purchase_days = fields.Whole(required=True)


class ModelOut(Schema):
    """A night's models. `day` is the last whole day that they know.

    `categories`: null of a night that did not learn them.
    """

    id = fields.Id(required=True)
    as_of = fields.Instant(required=True)
    day = fields.Day(required=True)
    sample = fields.Nested(SampleOut, required=True)
    input_hash = fields.Text(64, required=True)
    versions = fields.Mapping(required=True)
    horizons = fields.Items(fields.Nested(HorizonOut), required=True)
    categories = fields.Nested(CategoriesOut, required=True, allow_none=True)
