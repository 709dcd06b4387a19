"""Filters are read strictly: whatever is wrong is refused, by its place."""

from datetime import UTC, datetime

import pytest

from crm.errors import Invalid
from crm.segments.audiences import kinds, parsing, registry
from crm.segments.audiences.parsing import Condition, Group

VIP = {"field": "tags", "op": "has", "value": "vip"}


def mistakes(given, **kwargs) -> list[tuple[str, str]]:
    """Pointer and code of each mistake."""
    with pytest.raises(Invalid) as refused:
        parsing.read(given, **kwargs)
    return [(error.pointer, error.code) for error in refused.value.errors]


def nested(levels: int, how: str = "not"):
    """A filter of so many groups in each other."""
    found = VIP
    for _ in range(levels):
        found = {"not": found} if how == "not" else {how: [found]}
    return found


def test_the_example_of_the_contract_is_read():
    found = parsing.read(
        {
            "all": [
                {"field": "rfm.segment", "op": "in", "value": ["at_risk"]},
                {"field": "consent.email.marketing", "op": "eq", "value": True},
                {"not": VIP},
            ]
        }
    )
    assert isinstance(found, Group)
    assert (found.how, len(found.parts)) == ("all", 3)
    assert isinstance(found.parts[0], Condition)
    assert found.parts[0].value == ["at_risk"]


@pytest.mark.parametrize(
    ("given", "pointer", "code"),
    [
        ([], "/filter", "invalid_type"),
        ({}, "/filter", "invalid_type"),
        ("all", "/filter", "invalid_type"),
        ({"every": []}, "/filter/every", "unknown_field"),
        ({"all": [], "any": []}, "/filter", "ambiguous_group"),
        ({"all": {}}, "/filter/all", "invalid_type"),
        ({"all": [VIP, 7]}, "/filter/all/1", "invalid_type"),
        ({"not": [VIP]}, "/filter/not", "invalid_type"),
        ({"field": "member.shoe", "op": "eq", "value": 1}, "/filter/field", "unknown_filter_field"),
        ({"field": 7, "op": "eq", "value": 1}, "/filter/field", "unknown_filter_field"),
        ({"field": "m.id; DROP", "op": "eq"}, "/filter/field", "unknown_filter_field"),
        ({"field": "member.attributes.*", "op": "eq"}, "/filter/field", "unknown_filter_field"),
        ({"field": "member.attributes.", "op": "eq"}, "/filter/field", "unknown_filter_field"),
        ({"field": "tags", "op": "like", "value": "x"}, "/filter/op", "unknown_op"),
        ({"field": "tags", "op": "eq", "value": "x"}, "/filter/op", "unknown_op"),
        ({"field": "tags", "op": ["has"], "value": "x"}, "/filter/op", "unknown_op"),
        ({"field": "tags", "value": "x"}, "/filter/op", "unknown_op"),
        ({"field": "tags", "op": "has"}, "/filter/value", "required"),
        ({"field": "tags", "op": "has", "value": None}, "/filter/value", "invalid_type"),
        ({"field": "tags", "op": "has", "value": "  "}, "/filter/value", "too_short"),
        ({"field": "tags", "op": "has", "value": "x" * 201}, "/filter/value", "too_long"),
        ({"field": "tags", "op": "has", "value": "a\x00b"}, "/filter/value", "not_storable"),
        ({"field": "tags", "op": "in", "value": "vip"}, "/filter/value", "invalid_type"),
        ({"field": "tags", "op": "in", "value": []}, "/filter/value", "invalid_type"),
        ({"field": "tags", "op": "in", "value": ["a", 5]}, "/filter/value/1", "invalid_type"),
        ({"field": "tags", "op": "in", "value": ["a"] * 10_000}, "/filter/value", "too_many"),
        ({"field": "tags", "op": "exists", "value": "x"}, "/filter/value", "invalid_type"),
        ({**VIP, "within_days": 3}, "/filter/within_days", "no_window"),
        ({**VIP, "because": 3}, "/filter/because", "unknown_field"),
        ({"field": "points.available", "op": "ge", "value": "9"}, "/filter/value", "invalid_type"),
        ({"field": "points.available", "op": "ge", "value": 1.5}, "/filter/value", "invalid_type"),
        ({"field": "points.available", "op": "ge", "value": True}, "/filter/value", "invalid_type"),
        (
            {"field": "points.available", "op": "ge", "value": 2**60},
            "/filter/value",
            "out_of_range",
        ),
        ({"field": "points.expiring", "op": "ge", "value": 1}, "/filter/within_days", "required"),
        (
            {"field": "orders.count", "op": "ge", "value": 1, "within_days": -1},
            "/filter/within_days",
            "out_of_range",
        ),
        ({"field": "rfm.monetary", "op": "between", "value": [5]}, "/filter/value", "invalid_type"),
        (
            {"field": "rfm.monetary", "op": "between", "value": [5, 1]},
            "/filter/value",
            "empty_range",
        ),
        (
            {"field": "rfm.monetary", "op": "between", "value": [5, "9"]},
            "/filter/value/1",
            "invalid_type",
        ),
        (
            {"field": "rfm.recency_percentile", "op": "ge", "value": 2},
            "/filter/value",
            "out_of_range",
        ),
        (
            {"field": "member.joined_at", "op": "before", "value": "2026-02-30"},
            "/filter/value",
            "invalid_day",
        ),
        (
            {"field": "member.joined_at", "op": "before", "value": "soon"},
            "/filter/value",
            "invalid_instant",
        ),
        (
            {
                "field": "member.joined_at",
                "op": "between",
                "value": ["2026-01-01", "2026-01-02T00:00:00Z"],
            },
            "/filter/value",
            "invalid_type",
        ),
        ({"field": "coupon.usable", "op": "has", "value": "x"}, "/filter/value", "invalid_id"),
        (
            {"field": "consent.email.marketing", "op": "eq", "value": 1},
            "/filter/value",
            "invalid_type",
        ),
        ({"field": "audience", "op": "eq", "value": "all"}, "/filter/value", "invalid_id"),
        (
            {"field": "member.attributes.size", "op": "eq", "value": {}},
            "/filter/value",
            "invalid_type",
        ),
    ],
)
def test_a_mistake_is_named_by_its_place(given, pointer, code):
    assert mistakes(given) == [(pointer, code)]


def test_all_mistakes_are_told_at_once_up_to_twenty():
    bad = {"field": "tags", "op": "has", "value": 7}
    assert mistakes({"all": [bad, VIP, bad]}) == [
        ("/filter/all/0/value", "invalid_type"),
        ("/filter/all/2/value", "invalid_type"),
    ]
    assert len(mistakes({"all": [bad] * 90})) == parsing.MOST_ERRORS


@pytest.mark.parametrize("how", ["not", "all", "any"])
def test_a_thousand_nested_groups_are_refused_where_they_become_too_deep(how):
    step = "/not" if how == "not" else f"/{how}/0"
    at = "/filter" + step * parsing.DEEPEST
    assert mistakes(nested(1_000, how)) == [(at, "filter_too_deep")]
    assert parsing.read(nested(parsing.DEEPEST, how))


def test_a_filter_of_too_many_conditions_is_refused_at_the_first_that_is_too_many():
    at = f"/filter/all/{parsing.MOST_CONDITIONS - 1}"
    assert mistakes({"all": [VIP] * 5_000}) == [(at, "filter_too_large")]
    assert parsing.read({"all": [VIP] * (parsing.MOST_CONDITIONS - 1)})


def test_choices_are_held_against_today_when_a_filter_is_written_and_not_later(context):
    gone = {"field": "tier.code", "op": "in", "value": ["gold", "platinum"]}
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert mistakes(gone, now=now) == [("/filter/value/1", "unknown_choice")]
    assert isinstance(parsing.read(gone), Condition)


def test_every_field_knows_only_operators_of_the_language(context):
    for field in registry.every():
        assert set(field.ops) <= set(kinds.OPS), field.name
        assert (field.window == "") == (not field.at), field.name
