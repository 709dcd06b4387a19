"""What holds for every ladder and every life, tried on many; and an oracle that agrees."""

from datetime import date, datetime, time, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tier_oracle import Oracle
from tier_worlds import SHANGHAI, ZONES, Member, at, keeping, ladder, tier

from crm.members.tiers import engine
from crm.members.tiers.days import local_day, midnight
from crm.members.tiers.ladder import Ladder, Metrics, canonical

pytestmark = pytest.mark.usefixtures("no_database")

FROM = date(2025, 11, 1)  # two leap days lie ahead
CODES = ("new", "bronze", "silver", "gold", "diamond")


@st.composite
def documents(draw, most=5):
    """Ladders of spend and orders, with everything that can be set."""
    tiers = [tier("new")]
    for code in CODES[1 : draw(st.integers(1, most))]:
        least = {}
        if draw(st.booleans()):
            least["spend"] = draw(st.integers(0, 60)) * 50
        if not least or draw(st.booleans()):
            least["orders"] = draw(st.integers(1, 12))
        keep = draw(st.none() | st.builds(keeping, spend=st.integers(0, 30).map((50).__mul__)))
        tiers.append(tier(code, keep=keep, match=draw(st.sampled_from(["any", "all"])), **least))
    kind = draw(
        st.sampled_from(
            ["rolling_months", "rolling_months", "calendar_year", "membership_year", "lifetime"]
        )
    )
    return {
        "tiers": tiers,
        "window": {"kind": kind, "months": draw(st.integers(1, 18))},
        "validity_months": draw(st.integers(1, 18)),
        "downgrade": draw(st.sampled_from(["one_step", "one_step", "straight", "never"])),
        "grace_days": draw(st.sampled_from([0, 0, 1, 10, 45, 366])),
    }


LADDERS = documents().map(Ladder.parse)
ORDERS = st.lists(
    st.tuples(st.integers(0, 1500), st.integers(1, 40).map(lambda value: value * 25)), max_size=25
)


def noon(day, zone, hour=12):
    return datetime.combine(day, time(hour), zone)


@settings(max_examples=120, deadline=None)
@given(
    documents().map(canonical),
    st.sampled_from(ZONES),
    ORDERS,
    st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 24), st.integers(1, 99)), max_size=4),
)
def test_a_naive_oracle_lives_the_same_life(document, zone, bought, refunds):
    oracle = Oracle(document, FROM)
    member = Member(Ladder.parse(document), noon(FROM, zone, 9), zone)
    ids = []
    for offset in range(1600):
        day = FROM + timedelta(days=offset)
        oracle.wakes(day)
        for _, value in (one for one in bought if one[0] == offset):
            oracle.buys(day, value)
            ids.append(member.buys(noon(day, zone), value))
        for _, which, percent in (one for one in refunds if one[0] == offset):
            if which < len(ids):
                # Reviews look at what is there when they are made: within minutes, as jobs do.
                member.lives_until(noon(day, zone, 18))
                left = oracle.orders[which].left * percent // 100 or 1
                oracle.orders[which].left = left
                member.returns(noon(day, zone, 18), ids[which], left=left)
    end = FROM + timedelta(days=1599)
    member.lives_until(noon(end, zone))
    lived = [
        (local_day(one.at, zone), one.from_tier, one.to_tier, one.cause)
        for one in member.history[1:]
    ]
    assert lived == oracle.history
    assert member.standing.tier == oracle.tiers[oracle.rank]["code"]
    last = oracle.last_valid
    until = midnight(last + timedelta(days=1), zone) if last else None
    assert member.standing.valid_until == until


@settings(max_examples=100, deadline=None)
@given(LADDERS, ORDERS, st.lists(st.integers(0, 3000), max_size=30), st.integers(0, 3000))
def test_one_long_step_equals_many_short_ones(steps, bought, stops, end):
    member = Member(steps, noon(FROM, SHANGHAI))
    for offset, value in sorted(bought):
        member.buys(noon(FROM + timedelta(days=offset), SHANGHAI), value)
    standing, purchases = member.standing, member.purchases
    start = FROM + timedelta(days=1501)
    args = (SHANGHAI, member.joined)
    finish = noon(start + timedelta(days=end), SHANGHAI)
    once, history = engine.advance(standing, steps, purchases, finish, *args)
    changes = []
    for stop in [*sorted(offset for offset in stops if offset <= end), end]:
        until = noon(start + timedelta(days=stop), SHANGHAI)
        standing, more = engine.advance(standing, steps, purchases, until, *args)
        changes += more
    assert (standing, changes) == (once, history)


@settings(max_examples=100, deadline=None)
@given(LADDERS, ORDERS)
def test_nobody_stands_higher_than_all_his_orders_together_justify(steps, bought):
    member = Member(steps, noon(FROM, SHANGHAI))
    for offset, value in sorted(bought):
        member.buys(noon(FROM + timedelta(days=offset), SHANGHAI), value)
        reached = range(steps.top + 1)
        everything = member.purchases.within(None, at("2100-01-01"))
        possible = [
            rank for rank in reached if not rank or steps.tiers[rank].qualify.met_by(everything)
        ]
        assert steps.rank(member.standing.tier) <= max(possible)


@given(LADDERS, st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 20))
def test_more_spend_never_leads_to_a_lower_tier(steps, spend, more, orders):
    assert steps.best(Metrics(spend + more, orders)) >= steps.best(Metrics(spend, orders))


@settings(max_examples=100, deadline=None)
@given(documents(), ORDERS.filter(bool), st.randoms(use_true_random=False))
def test_when_everything_is_refunded_the_lowest_tier_is_left_whatever_the_order(
    document, bought, random
):
    for one in document["tiers"][1:]:  # a threshold of nothing is reached by nothing
        for asked in [*one["qualify"].values()]:
            for condition in asked:
                condition["at_least"] = max(1, condition["at_least"])
    member = Member(Ladder.parse(document | {"validity_months": 120}), noon(FROM, SHANGHAI))
    ids = [
        member.buys(noon(FROM + timedelta(days=offset), SHANGHAI), value)
        for offset, value in sorted(bought)
    ]
    random.shuffle(ids)
    for order_id in ids:
        member.returns(noon(FROM + timedelta(days=1501), SHANGHAI), order_id)
    assert member.standing.tier == "new"
    assert member.standing.valid_until is None
    assert member.standing.beneath == ()


ACTS = st.tuples(
    st.sampled_from(["buy", "buy", "buy", "late", "refund", "part", "floor", "clear", "ladder"]),
    st.integers(0, 200),
    st.integers(0, 4),
    st.integers(1, 60),
)


class Life:
    """A member to whom anything may happen in any order."""

    def __init__(self, steps, zone):
        self.member = Member(steps, noon(FROM, zone), zone)
        self.now, self.orders = noon(FROM, zone), []

    def buy(self, which, size):
        self.orders.append(self.member.buys(self.now, size * 50))

    def late(self, which, size):
        back = self.now - timedelta(days=size * 5)
        self.orders.append(self.member.buys(back, size * 50, now=self.now))

    def refund(self, which, size):
        if self.orders:
            self.member.returns(self.now, self.orders[size % len(self.orders)])

    def part(self, which, size):
        if self.orders:
            self.member.returns(self.now, self.orders[size % len(self.orders)], left=size)

    def floor(self, which, size):
        steps = self.member.ladder
        until = self.now + timedelta(days=size * 7) if size % 3 else None
        self.member.is_held_at(steps.tiers[which % len(steps.tiers)].code, self.now, until)

    def clear(self, which, size):
        self.member.lives_until(self.now)
        self.member._took(engine.clear_floor(self.member.standing, self.member.ladder, self.now))


@settings(max_examples=100, deadline=None)
@given(st.lists(LADDERS, min_size=2, max_size=4), st.sampled_from(ZONES), st.lists(ACTS))
def test_history_is_a_chain_and_a_standing_is_always_sound(ladders, zone, acts):
    life = Life(ladders[0], zone)
    member = life.member
    for version, (act, days, which, size) in enumerate(acts, start=1):
        life.now += timedelta(days=days)
        if act == "ladder":
            document = ladders[which % len(ladders)]
            new = Ladder(**{**_fields(document), "version": version}).after(member.ladder)
            member.sees(new, life.now)
        else:
            getattr(life, act)(which, size)
        member.lives_until(life.now)
        _is_sound(member, life.now)


def _fields(steps):
    names = ("tiers", "window", "validity_months", "downgrade", "grace_days", "refund_fallback")
    return {name: getattr(steps, name) for name in names}


def _is_sound(member, now):
    standing, steps = member.standing, member.ladder
    assert standing.due_at is None or standing.due_at > now
    assert (standing.valid_until is None) == (steps.ranks[standing.tier] == 0)
    assert standing.grace_until is None or standing.grace_until > standing.valid_until
    ranks = [*(steps.ranks[layer.tier] for layer in standing.beneath), steps.ranks[standing.tier]]
    assert ranks == sorted(set(ranks))
    history = member.history
    assert [one.at for one in history] == sorted(one.at for one in history)
    assert [one.from_tier for one in history[1:]] == [one.to_tier for one in history[:-1]]
    assert history[-1].to_tier == member.held(now)
    assert history[-1].earned == standing.tier


def test_two_hundred_years_of_monthly_periods_end():
    steps = ladder(validity_months=1, downgrade="never")
    member = Member(steps, at("1970-01-01"))
    member.buys(at("1970-01-02"), 3000)
    changes = member.lives_until(at("2200-01-01"))
    assert len(changes) == 230 * 12 - 1
    assert member.standing.won_by is None


def test_the_numbers_of_orders_are_what_tests_say():
    member = Member(ladder(), at("2026-01-01"))
    assert member.buys(at("2026-01-02"), 1) == UUID(int=1)
