"""Filters give the same members as an obvious evaluator in Python, whatever they look like."""

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from audience_oracle import Oracle
from audience_world import (
    CAMPAIGNS,
    CHANNELS,
    LISTS,
    MOVED,
    SKUS,
    STORES,
    TAGS,
    TEMPLATES,
    TIERS,
    population,
    write,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from crm.db import db, transaction
from crm.ids import uuid7
from crm.segments.audiences import compiling, registry
from crm.segments.audiences.field import Field
from crm.segments.vocabulary import CODES

WORDS = {
    "next_purchase.due": ["tea", "cups"],
    "rfm.moved_to": MOVED,
    "rfm.moved_from": MOVED,
    "tags": [*TAGS, "nobody"],
    "orders.sku": [*SKUS, "Z-9"],
    "orders.category": ["tea", "cups"],
    "orders.label": ["a", "b"],
    "orders.store": list(STORES),
    "orders.channel": ["till", "web"],
    "orders.region": ["TPE", "SHA"],
    "member.name": ["lin", "王小明", "Ada", "LINUS", "小"],
    "member.member_no": ["0000000001", "0000000017"],
    "member.timezone": ["Asia/Taipei"],
    "member.source": ["till", "web", "TILL"],
    "member.gender": ["female", "male", "other"],
    "member.locale": ["en", "zh-Hans", "zh-Hant"],
    "member.home_store": list(STORES),
    "tier.code": list(TIERS),
    "rfm.segment": list(CODES),
}
NUMBERS = {
    "member.birthday_month": range(14),
    "member.age": range(10, 80),
    "rfm.recency_days": range(210),
    "rfm.tenure_days": range(210),
    "rfm.mean_gap_days": range(120),
    "rfm.frequency": range(5),
    "orders.count": range(5),
    "rfm.monetary": [0, 1_000, 5_000, 6_000, 25_000],
    "orders.spend": [0, 1_000, 5_000, 6_000, 25_000],
    "orders.average": [0, 1_000, 3_000, 5_000, 8_666, 20_000],
}
POINTS = range(800)
DAYS = ("2026-10-01", "2026-11-21", "2026-11-22", "2027-02-01", "2026-05-05")
INSTANTS = (*DAYS, "2026-11-22T04:00:00Z", "2026-11-20T16:00:00Z")
SIZES = ["S", "M", 38, 40.5, True, False]
PERCENTILES = {f"rfm.{name}_percentile" for name in ("recency", "frequency", "monetary")}
Pick = Callable[[Sequence[Any]], Any]


def known(field: Field, op: str) -> Sequence[Any]:
    """Values that a field may be compared with, some of which members have."""
    kind, name = field.kind.name, field.name
    if name.startswith("campaign."):
        return [str(one) for one in CAMPAIGNS]
    if kind == "scalar":
        ordered = op in ("lt", "le", "gt", "ge", "between")
        return [38, 39, 40.5] if ordered else ["s", "M"] if op in ("has", "in") else SIZES
    return {
        "ids": [str(one) for one in TEMPLATES],
        "reference": [str(one) for one in LISTS],
        "flag": [True, False],
        "share": [0, 0.25, 0.5, 0.75, 1],
        "day": [*DAYS, "2026-12-01", "2026-12-20"],
        "instant": DAYS if op == "between" else INSTANTS,
        "whole": NUMBERS.get(name, POINTS),
        "money": NUMBERS.get(name, POINTS),
    }.get(kind) or WORDS[name]


def value(pick: Pick, field: Field, op: str) -> Any:
    """One value of a condition."""
    if op == "exists":
        return pick([True, False])
    if op == "within_days":
        return pick(range(90))
    choices = known(field, op)
    if op == "in":
        return [pick(choices) for _ in range(pick(range(1, 4)))]
    return sorted([pick(choices), pick(choices)]) if op == "between" else pick(choices)


def condition(pick: Pick, field: Field | None = None, op: str | None = None) -> dict:
    """One condition on any field with any of its operators."""
    field = field or pick(fields())
    op = op or pick(field.ops)
    found = {"field": field.name, "op": op, "value": value(pick, field, op)}
    if field.window == "required" or (field.window and pick([True, False])):
        found["within_days"] = pick(range(120))
    return found


def tree(pick: Pick, depth: int = 4) -> dict:
    """Groups in groups, at most `depth` of them."""
    how = pick(["one", "all", "any", "not"]) if depth else "one"
    if how == "one":
        return condition(pick)
    if how == "not":
        return {"not": tree(pick, depth - 1)}
    return {how: [tree(pick, depth - 1) for _ in range(pick(range(4)))]}


def fields() -> list[Field]:
    """Every field that the population has; attributes by two names."""
    channels = tuple(f"consent.{channel}." for channel in CHANNELS)
    found = []
    for one in registry.every():
        if one.name.startswith("consent.") and not one.name.startswith(channels):
            continue
        if one.name.endswith("profiling") or one.name in PERCENTILES:
            continue
        if one.name.endswith(".*"):
            found += [
                registry.find("member.attributes.size"),
                registry.find("member.attributes.newsletter"),
            ]
        else:
            found.append(one)
    return found


def members(given: dict, now) -> set:
    """Who fits, by SQL; nobody comes twice, and both forms of a filter give the same."""
    forms = compiling.forms(given, now)
    assert compiling.select(given, now) in forms
    found = [db.session.execute(one.statement(), one.params).scalars().all() for one in forms]
    for rows in found:
        assert len(rows) == len(set(rows))
        assert set(rows) == set(found[0]), given
    return set(found[0])


@pytest.fixture
def people(now):
    """The population, in the database."""
    found = population(now)
    with transaction():
        write(found, now)
    return found


def test_random_filters_give_the_members_that_an_obvious_evaluator_finds(people, now):
    oracle = Oracle(people, now)

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data):
        wanted = tree(lambda among: data.draw(st.sampled_from(among)))
        assert members(wanted, now) == oracle.members(wanted), wanted

    check()


def test_every_operator_of_every_field_means_what_it_says(people, now):
    oracle, draw = Oracle(people, now), Random(11)
    for field in fields():
        for op in field.ops:
            first, second, third = (condition(draw.choice, field, op) for _ in range(3))
            for wanted in (first, {"not": second}, {"any": [third, {"any": []}]}):
                assert members(wanted, now) == oracle.members(wanted), wanted


def test_most_conditions_fit_somebody_and_not_everybody(people, now):
    """The population says something about the fields, or the comparison above means little."""
    oracle = Oracle(people, now)
    everybody = oracle.members({"all": []})
    assert 30 < len(everybody) < len(people)
    telling = {
        "tags": {"field": "tags", "op": "has", "value": "vip"},
        "points.available": {"field": "points.available", "op": "ge", "value": 200},
        "points.expiring": {
            "field": "points.expiring",
            "op": "gt",
            "value": 0,
            "within_days": 30,
        },
        "orders.sku": {"field": "orders.sku", "op": "has", "value": "A-1", "within_days": 90},
        "coupon.expiring": {"field": "coupon.expiring", "op": "exists", "within_days": 60},
        "rfm.moved_to": {
            "field": "rfm.moved_to",
            "op": "has",
            "value": MOVED[0],
            "within_days": 29,
        },
        "rfm.moved_from": {"field": "rfm.moved_from", "op": "exists"},
        "campaign.holdout": {"field": "campaign.holdout", "op": "exists"},
        "member.birthday": {"field": "member.birthday", "op": "within_days", "value": 60},
        "audience": {"field": "audience", "op": "eq", "value": str(LISTS[0])},
    }
    for name, one in telling.items():
        assert 0 < len(oracle.members(one)) < len(everybody), name


def test_audiences_in_audiences_mean_what_they_refer_to(people, now):
    inner = {
        "any": [
            {"field": "tags", "op": "has", "value": "vip"},
            {"field": "orders.count", "op": "ge", "value": 2},
        ]
    }
    saved = {str(uuid7()): inner}
    saved[str(uuid7())] = {"not": {"field": "audience", "op": "eq", "value": next(iter(saved))}}
    with transaction():
        for name, one in saved.items():
            db.session.execute(
                text("""
                INSERT INTO audience (id, name, kind, filter, version, created_at, changed_at,
                                      created_by)
                VALUES (:id, :name, 'filter', CAST(:filter AS jsonb), 1, :now, :now, 'tests')
            """),
                {"id": UUID(name), "name": name, "filter": json.dumps(one), "now": now},
            )
    oracle = Oracle(people, now, saved)
    first, second = saved
    for wanted in (
        {"field": "audience", "op": "in", "value": [first, str(LISTS[0])]},
        {"not": {"field": "audience", "op": "in", "value": [second, str(LISTS[0])]}},
        {
            "any": [
                {"field": "audience", "op": "eq", "value": second},
                {"field": "rfm.frequency", "op": "ge", "value": 3},
            ]
        },
    ):
        assert members(wanted, now) == oracle.members(wanted)


def test_merged_and_erased_records_are_in_no_audience(people, now):
    gone = {one.id for one in people if one.status != "active"}
    assert gone
    for wanted in (
        {"all": []},
        {"not": {"field": "tags", "op": "has", "value": "vip"}},
        {"field": "audience", "op": "eq", "value": str(LISTS[0])},
    ):
        assert not members(wanted, now) & gone


def test_who_was_uploaded_and_then_merged_counts_as_the_one_that_lives_on(people, now):
    merged = [one for one in people if one.merged_into and one.lists]
    assert merged
    found = members({"field": "audience", "op": "eq", "value": str(LISTS[0])}, now)
    assert {one.merged_into for one in merged} <= found


def test_a_hold_keeps_points_from_being_available_until_it_ends(person, now):
    member_id = person()
    put_points = text("""
        INSERT INTO points_account (member_id, seq, balance, holds) VALUES (:member, 1, 100, 1)
    """)
    with transaction():
        db.session.execute(put_points, {"member": member_id})
        db.session.execute(
            text("""
            INSERT INTO points_lot (member_id, id, opened_by, size, remaining, held, available_at)
            VALUES (:member, :member, 1, 100, 100, 80, :at)
        """),
            {"member": member_id, "at": now - timedelta(days=1)},
        )
        db.session.execute(
            text("""
            INSERT INTO points_hold (id, member_id, points, reference, state, created_at,
                                     expires_at, opened_by)
            VALUES (:member, :member, 80, 'cart', 'held', :at, :until, 1)
        """),
            {"member": member_id, "at": now, "until": now + timedelta(minutes=15)},
        )
        db.session.execute(
            text("""
            INSERT INTO points_hold_lot (member_id, hold_id, lot_id, points)
            VALUES (:member, :member, :member, 80)
        """),
            {"member": member_id},
        )
    wanted = {"field": "points.available", "op": "eq", "value": 20}
    later = now + timedelta(minutes=15)
    assert members(wanted, now) == {member_id}
    assert members(wanted, later) == set()
    assert members({"field": "points.available", "op": "eq", "value": 100}, later) == {member_id}
