"""Why rules gave nothing: never another story than what was counted, and never without a reason."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from earning_builders import LONG_AGO, NOON, member, programme, rule
from hypothesis import given, settings
from hypothesis import strategies as st
from test_earning_oracle import CASE, START, Oracle, cart_of, facts_of

from crm.i18n import LOCALES, use
from crm.points import unmet
from crm.points.acts import Act, Given, applying, reward
from crm.points.cart import Cart, CartLine, EarningFacts
from crm.points.conditions import Conditions, Situation
from crm.points.earning import evaluate
from crm.points.explaining import missed_for_act, missed_for_order
from crm.points.rule import Rule, rank
from crm.points.rulebook import Rulebook
from crm.points.unmet import Unmet, first_unmet

pytestmark = pytest.mark.usefixtures("no_database")
OF_CONDITIONS = {
    "other_store", "other_channel", "not_in_tier", "not_in_segment", "min_basis",
    "first_order_only", "not_for_first_order", "birthday_month_only", "not_in_birthday_month",
    "local_time", "weekday",
}  # fmt: skip
HOURS = st.one_of(st.none(), st.integers(-1200, 1200))


def rules_of(case, windows=()):
    """The case's rules, each maybe with a window in hours from the order."""
    found = []
    for place, document in enumerate(case["rules"]):
        starts, ends = windows[place] if place < len(windows) else (None, None)
        found.append(
            Rule.parse(
                document | {"name": f"r{place}"},
                id=UUID(int=place),
                version=1,
                valid_from=LONG_AGO,
                starts_at=at_hour(case, starts),
                ends_at=at_hour(case, ends),
            )
        )
    return found


def placed_at(case):
    return START + timedelta(minutes=case["minutes"])


def at_hour(case, hours):
    return None if hours is None else placed_at(case) + timedelta(hours=hours)


def counted(case, rules, **config):
    """The order's stored document, and why the other rules gave nothing, through a rulebook."""
    settings_, at = programme(basis=case["basis"], **config), placed_at(case)
    book = Rulebook(None, [settings_], rules)
    cart = cart_of(case)
    earning = evaluate(book.programme_at(at), book.rules_at(at), cart, facts_of(case))
    said = json.loads(json.dumps(earning.document()))
    return said, missed_for_order(book.around(at), settings_, cart.lines, said)


def ids(said):
    return {UUID(share["rule_id"]) for share in said["breakdown"] if share["rule_id"]}


@settings(max_examples=250, deadline=None)
@given(case=CASE, windows=st.lists(st.tuples(HOURS, HOURS), max_size=6))
def test_every_rule_gave_points_or_has_one_reason_that_holds(case, windows):
    rules = rules_of(case, windows)
    said, missed = counted(case, rules)
    at = placed_at(case)
    assert not ids(said) & {one.rule.id for one in missed}
    near = {rule.id for rule in rules if rule.is_near(at)}
    assert ids(said) | {one.rule.id for one in missed} == near | ids(said)
    oracle = Oracle(case)
    for one in missed:
        conditions = case["rules"][one.rule.id.int]["conditions"]
        inside = (one.rule.starts_at is None or one.rule.starts_at <= at) and (
            one.rule.ends_at is None or at < one.rule.ends_at
        )
        assert (one.why.code in ("not_started", "ended")) == (not inside)
        if not inside:
            continue
        if not sum(oracle.basis.values()):
            assert one.why.code in ("no_basis", "excluded_goods")
            continue
        assert (one.why.code in OF_CONDITIONS) == (not oracle._holds(conditions)), one.why
        if not oracle._holds(conditions):
            continue
        wanted = {no for no, line in oracle.lines if oracle._takes(conditions, line)}
        if not wanted & set(oracle.basis):
            assert one.why.code == ("excluded_goods" if wanted else "other_goods")
        elif one.why.code == "exclusive_group_taken":
            by = next(rule for rule in rules if str(rule.id) == one.why.facts["by"])
            assert by.exclusive_group == one.rule.exclusive_group
            assert rank(by) < rank(one.rule)
        else:
            assert one.why.code == "nothing_to_multiply"
            assert one.rule.kind == "multiplier"
            assert not any(share["kind"] == "rate" for share in said["breakdown"])


@settings(max_examples=60, deadline=None)
@given(case=CASE, late=st.integers(0, 5))
def test_a_rule_that_was_made_after_the_order_was_counted_is_no_contradiction(case, late):
    rules = rules_of(case)
    said, missed = counted(case, [rule for rule in rules if rule.id.int != late])
    at = placed_at(case)
    book = Rulebook(None, [programme(basis=case["basis"])], rules)
    lines = cart_of(case).lines
    now = missed_for_order(book.around(at), book.programme_at(at), lines, said)
    assert {one.rule.id for one in now} == {one.rule.id for one in missed} | {
        rule.id for rule in rules if rule.id.int == late
    }
    assert all(one.rule.id.int == late for one in now if one.why.code == "added_later")


CONDITION = {
    "stores": st.lists(st.sampled_from(("a", "b")), max_size=2),
    "channels": st.lists(st.sampled_from(("web", "till")), max_size=2),
    "tiers": st.lists(st.sampled_from(("gold", "new")), max_size=2),
    "segments": st.lists(st.sampled_from(("loyal", "lost")), max_size=2),
    "weekdays": st.lists(st.integers(1, 7), max_size=6, unique=True),
    "local_time": st.sampled_from(
        ({"from": "08:00", "to": "20:00"}, {"from": "21:30", "to": "06:00"})
    ),
    "min_basis": st.integers(0, 3000),
    "first_order": st.sampled_from((None, True, False)),
    "birthday_month": st.sampled_from((None, True, False)),
}
ACTS = ("tiers", "segments", "weekdays", "local_time", "birthday_month")


def conditions_of(names):
    """At most two of these conditions."""
    return st.lists(st.sampled_from(sorted(names)), max_size=2, unique=True).flatmap(
        lambda some: st.fixed_dictionaries({name: CONDITION[name] for name in some})
    )


ZONES = st.sampled_from(
    ("Pacific/Pago_Pago", "Pacific/Kiritimati", "Europe/Berlin", "America/New_York", "Asia/Tehran")
)
FACTS = st.builds(
    EarningFacts,
    zone=ZONES.map(ZoneInfo),
    tier=st.sampled_from((None, "gold", "new")),
    segment=st.sampled_from((None, "loyal")),
    first_order=st.booleans(),
    birthday_month=st.one_of(st.none(), st.integers(1, 12)),
)
INSTANTS = st.integers(0, 3 * 366 * 1440).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@settings(max_examples=400, deadline=None)
@given(
    document=conditions_of(CONDITION),
    facts=FACTS,
    at=INSTANTS,
    channel=st.sampled_from((None, "web", "till")),
    store=st.sampled_from((None, "a")),
    basis=st.tuples(st.integers(0, 9000), st.integers(1, 7)),
)
def test_there_is_a_reason_exactly_where_the_conditions_do_not_hold(
    document, facts, at, channel, store, basis
):
    conditions = Conditions.parse(document)
    situation = Situation(at, facts, channel=channel, store=store, basis=basis)
    why = first_unmet(conditions, situation)
    assert (why is None) == conditions.hold(situation)
    if why is not None:
        json.dumps(why.document())


ACT_RULE = st.fixed_dictionaries(
    {
        "activity": st.sampled_from(("review", "review", "share")),
        "points": st.integers(1, 50),
        "priority": st.integers(0, 2),
        "exclusive_group": st.sampled_from((None, "a")),
        "requires_paid_order": st.booleans(),
        "cap": st.fixed_dictionaries({"per_member_day": st.one_of(st.none(), st.integers(0, 60))}),
        "conditions": conditions_of(ACTS),
    }
)


@settings(max_examples=250, deadline=None)
@given(
    documents=st.lists(ACT_RULE, max_size=6),
    facts=FACTS,
    at=INSTANTS,
    order=st.sampled_from((None, "order_required", "order_not_paid")),
    limit=st.one_of(st.none(), st.integers(0, 80)),
    used=st.integers(0, 40),
)
def test_an_act_is_rewarded_within_its_caps_and_every_other_rule_has_a_reason(
    documents, facts, at, order, limit, used
):
    rules = sorted(
        (rule(no, "activity", **given_) for no, given_ in enumerate(documents)), key=rank
    )
    act = Act("review", at, facts, order)
    applied = applying(rules, act)
    given_ = Given(used, {one.id: used for one in rules})
    found = reward(applied, act, given_, limit)
    assert found.desired == sum(one.points for one in applied)
    assert found.granted == sum(share.granted for share in found.shares) <= found.desired
    assert (found.capped_by is None) == (found.granted == found.desired)
    if limit is not None:
        assert found.granted <= max(limit - used, 0)
    for share in found.shares:
        assert 0 <= share.granted <= share.points
        if share.rule.cap_per_member_day is not None:
            assert share.granted + used <= max(share.rule.cap_per_member_day, used)
    missed = missed_for_act(rules, act, {one.id for one in applied})
    mine = {one.id for one in rules if one.activity == "review"}
    assert {one.rule.id for one in missed} | {one.id for one in applied} == mine
    assert not {one.why.code for one in missed} & {"added_later", "not_started", "ended"}
    assert EarningFacts.parse(json.loads(json.dumps(facts.document()))) == facts


FILLED = {
    "starts_at": "x", "ended_at": "x", "tier": "x", "min_basis": 1, "missing": 1, "from": "x",
    "to": "x", "was": "x", "by_name": "x", "group": "x", "capped_by": "per_order",
}  # fmt: skip


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("code", sorted(unmet.REASONS))
def test_every_reason_is_a_sentence_in_three_languages(locale, code):
    with use(locale):
        said = Unmet(code, FILLED).document()["detail"]
        assert "{" not in said
        assert said.isascii() == (locale == "en")


@pytest.mark.parametrize(
    ("days", "code"),
    [
        (-40, None),
        (-31, "ended"),
        (-1, "ended"),
        (0, "not_started"),
        (30, "not_started"),
        (31, None),
    ],
)
def test_rules_that_ended_or_begin_within_a_month_are_told_of(days, code):
    other = rule(1, "rate", points=1, per_amount=100)
    window = {
        "starts_at": NOON + timedelta(days=days, seconds=1) if days >= 0 else None,
        "ends_at": NOON + timedelta(days=days, seconds=1) if days < 0 else None,
    }
    seasonal = Rule.parse(
        {"kind": "rate", "points": 1, "per_amount": 100, "name": "season"},
        id=UUID(int=2), version=1, valid_from=LONG_AGO, **window,
    )  # fmt: skip
    book = Rulebook(None, [programme()], [other, seasonal])
    lines = [CartLine(1, "tea", 1, 1000)]
    earning = evaluate(programme(), book.rules_at(NOON), Cart(lines, NOON), member())
    missed = missed_for_order(book.around(NOON), programme(), lines, earning.document())
    assert [one.why.code for one in missed] == ([code] if code else [])
