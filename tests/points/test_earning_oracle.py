"""Earning against a second, naive reading of the rules: plain fractions, one line at a time."""

import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from earning_builders import LONG_AGO, by_line, member, programme
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.points.earning import Cart, CartLine, Used, evaluate
from crm.points.rule import Rule, rank

pytestmark = pytest.mark.usefixtures("no_database")

START = datetime(2026, 11, 20, tzinfo=UTC)
SKUS, CATEGORIES, LABELS = ("tea", "cup", "pot"), (None, "green", "black"), ("new", "sale")


ZONES = ("Asia/Shanghai", "Pacific/Pago_Pago", "Pacific/Kiritimati", "America/St_Johns")


def some(values, most=2):
    return st.lists(st.sampled_from(values), max_size=most, unique=True)


LINE = st.fixed_dictionaries(
    {
        "sku": st.sampled_from(SKUS),
        "category": st.sampled_from(CATEGORIES),
        "labels": some(LABELS),
        "quantity": st.integers(1, 9),
        "net": st.one_of(st.just(0), st.integers(1, 50), st.integers(1, 10**7)),
    }
)
CONDITION = {
    "skus": some(SKUS),
    "categories": some(CATEGORIES[1:]),
    "labels": some(LABELS),
    "stores": some(("sh-1", "bj-1"), 1),
    "channels": some(("web", "till"), 1),
    "segments": some(("loyal", "lost"), 1),
    "birthday_month": st.sampled_from((None, True, False)),
    "weekdays": some(range(1, 8), 6),
    "local_time": st.sampled_from(
        ({"from": "08:00", "to": "20:00"}, {"from": "21:30", "to": "06:00"})
    ),
    "min_basis": st.integers(0, 10_000),
    "tiers": some(("gold", "new"), 1),
    "first_order": st.sampled_from((None, True, False)),
}
# Few at a time: rules of many conditions hardly ever apply, and then nothing is tested.
CONDITIONS = st.lists(st.sampled_from(sorted(CONDITION)), max_size=2, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: CONDITION[name] for name in names})
)
RULE = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(("rate", "rate", "multiplier", "per_order", "per_unit")),
        "points": st.integers(1, 50),
        "per_amount": st.sampled_from((1, 7, 100, 300, 1000)),
        "factor": st.sampled_from(("0", "0.5", "1", "1.2", "1.333333", "2", "3.75")),
        "priority": st.integers(0, 2),
        "exclusive_group": st.sampled_from((None, None, "a", "b")),
        "conditions": CONDITIONS,
    }
)
BASIS = st.fixed_dictionaries(
    {
        "include_tax": st.booleans(),
        "include_shipping": st.booleans(),
        "points_tender_earns": st.booleans(),
        "excluded": st.fixed_dictionaries(
            {"skus": some(SKUS, 1), "categories": some(CATEGORIES[1:], 1), "labels": some(LABELS)}
        ),
    }
)
CASE = st.fixed_dictionaries(
    {
        "lines": st.lists(LINE, max_size=5),
        "rules": st.lists(RULE, max_size=6),
        "basis": BASIS,
        "minutes": st.integers(0, 7 * 24 * 60),
        "zone": st.sampled_from(ZONES),
        "store": st.sampled_from((None, "sh-1")),
        "channel": st.sampled_from((None, "web")),
        "segment": st.sampled_from((None, "loyal")),
        "birthday_month": st.sampled_from((None, 11, 12)),
        "shipping": st.sampled_from((0, 0, 999)),
        "tax": st.sampled_from((0, 0, 130)),
        "tender": st.sampled_from((0, 0, 0, 33, 5000)),
        "tier": st.sampled_from(("gold", "new")),
        "multiplier": st.sampled_from((Fraction(1), Fraction(6, 5), Fraction(2))),
        "first_order": st.booleans(),
    }
)


def cart_of(case):
    return Cart(
        [CartLine(line_no=place, **line) for place, line in enumerate(case["lines"], 1)],
        START + timedelta(minutes=case["minutes"]),
        channel=case["channel"],
        store=case["store"],
        shipping=case["shipping"],
        tax=case["tax"],
        points_tender=case["tender"],
    )


def facts_of(case):
    names = ("tier", "multiplier", "first_order", "segment", "birthday_month")
    return member(zone=ZoneInfo(case["zone"]), **{name: case[name] for name in names})


def run(case, used=None, **config):
    rules = [
        Rule.parse(document | {"name": "r"}, id=UUID(int=place), version=1, valid_from=LONG_AGO)
        for place, document in enumerate(case["rules"])
    ]
    return evaluate(
        programme(basis=case["basis"], **config),
        sorted(rules, key=rank),
        cart_of(case),
        facts_of(case),
        used or Used(),
    )


def nonzero(by_line_no):
    return {line_no: points for line_no, points in by_line_no.items() if points}


class Oracle:
    """The rules read aloud, over documents instead of parsed rules."""

    def __init__(self, case):
        self.case = case
        self.lines = list(enumerate(case["lines"], 1))
        self.basis = self._basis()
        self.applied = self._applied()

    def _basis(self):
        case, settings = self.case, self.case["basis"]
        goods = sum(line["net"] for _, line in self.lines)
        earning = goods + case["shipping"] * settings["include_shipping"]
        earning -= case["tax"] * (not settings["include_tax"])
        earning -= case["tender"] * (not settings["points_tender_earns"])
        return {
            line_no: Fraction(line["net"] * earning, goods)
            for line_no, line in self.lines
            if line["net"] and earning > 0 and not self._excluded(line)
        }

    def _excluded(self, line):
        excluded = self.case["basis"]["excluded"]
        return (
            line["sku"] in excluded["skus"]
            or line["category"] in excluded["categories"]
            or set(line["labels"]) & set(excluded["labels"])
        )

    def _holds(self, conditions):
        case = self.case
        local = (START + timedelta(minutes=case["minutes"])).astimezone(ZoneInfo(case["zone"]))
        day = local.isoweekday()
        if hours := conditions.get("local_time"):
            clock = f"{local:%H:%M}"
            if hours["from"] < hours["to"]:
                inside = hours["from"] <= clock < hours["to"]
            else:
                inside = clock >= hours["from"] or clock < hours["to"]
                day = day if clock >= hours["from"] else (day - 2) % 7 + 1
            if not inside:
                return False
        first, birthday = conditions.get("first_order"), conditions.get("birthday_month")
        return (
            (not conditions.get("weekdays") or day in conditions["weekdays"])
            and (not conditions.get("stores") or case["store"] in conditions["stores"])
            and (not conditions.get("tiers") or case["tier"] in conditions["tiers"])
            and sum(self.basis.values()) >= conditions.get("min_basis", 0)
            and (not conditions.get("channels") or case["channel"] in conditions["channels"])
            and (not conditions.get("segments") or case["segment"] in conditions["segments"])
            and (first is None or first == case["first_order"])
            and (birthday is None or birthday == (case["birthday_month"] == local.month))
        )

    def _takes(self, conditions, line):
        return (
            (not conditions.get("skus") or line["sku"] in conditions["skus"])
            and (not conditions.get("categories") or line["category"] in conditions["categories"])
            and (not conditions.get("labels") or bool({*line["labels"]} & {*conditions["labels"]}))
        )

    def _applied(self):
        """Rule and line numbers, exclusive groups settled."""
        found, gone = [], {}
        rules = enumerate(self.case["rules"])
        for place, rule in sorted(rules, key=lambda item: (-item[1]["priority"], item[0])):
            conditions, group = rule["conditions"], rule["exclusive_group"]
            if not self._holds(conditions):
                continue
            lines = {no for no, line in self.lines if no in self.basis}
            lines = {no for no, line in self.lines if no in lines and self._takes(conditions, line)}
            if group and lines:
                taken = gone.setdefault(group, set())
                if rule["kind"] == "per_order":
                    lines = set() if taken else lines
                    taken |= set(self.basis)
                else:
                    lines -= taken
                    taken |= lines
            if lines:
                found.append((place, rule, lines))
        return found

    def points(self):
        """Unrounded points of each line."""
        found = {}
        for line_no, line in self.lines:
            if line_no not in self.basis:
                continue
            mine = [(rule, lines) for _, rule, lines in self.applied if line_no in lines]
            rates = [rule for rule, _ in mine if rule["kind"] == "rate"]
            amount = sum(
                self.basis[line_no] * rule["points"] / rule["per_amount"] for rule in rates
            )
            for rule, _ in mine:
                if rule["kind"] == "multiplier":
                    amount *= Fraction(rule["factor"])
            amount = Fraction(amount) * self.case["multiplier"]
            for rule, lines in mine:
                if rule["kind"] == "per_unit":
                    amount += rule["points"] * line["quantity"]
                elif rule["kind"] == "per_order":
                    whole = sum(self.basis[no] for no in lines)
                    amount += rule["points"] * self.basis[line_no] / whole
            found[line_no] = amount
        return found


@settings(max_examples=200)
@given(case=CASE)
def test_earning_equals_the_rules_read_aloud(case):
    expected = Oracle(case).points()
    earning = run(case)
    assert nonzero(by_line(earning)) == nonzero(expected)
    assert earning.points == floor(sum(expected.values()))


@settings(max_examples=60)
@given(case=CASE, rounding=st.sampled_from(("floor", "half_up", "ceil")))
def test_shares_add_up_exactly_and_only_the_sum_is_rounded(case, rounding):
    earning = run(case, rounding=rounding)
    exact = sum((share.points for share in earning.breakdown), Fraction())
    assert earning.exact == exact == sum(by_line(earning).values())
    expected = {"floor": floor, "ceil": ceil, "half_up": lambda x: floor(x + Fraction(1, 2))}
    assert earning.points == expected[rounding](exact)


@settings(max_examples=60)
@given(case=CASE)
def test_what_is_stored_gives_the_same_points_back(case):
    earning = run(case)
    document = json.loads(json.dumps(earning.document()))
    lines = [Fraction(text) for share in document["breakdown"] for text in share["lines"].values()]
    assert sum(lines) == Fraction(document["exact"]) == earning.exact


@settings(max_examples=60)
@given(
    case=CASE,
    caps=st.fixed_dictionaries(
        {
            name: st.one_of(st.none(), st.integers(0, 500))
            for name in ("per_order", "per_member_day", "per_member_month")
        }
    ),
    used=st.builds(Used, day=st.integers(0, 600), month=st.integers(0, 600)),
)
def test_the_tightest_cap_holds_and_leaves_the_proportions(case, caps, used):
    free, capped = run(case), run(case, used, caps=caps)
    left = [
        caps[name] - gone
        for name, gone in (("per_order", 0), ("per_member_day", used.day))
        if caps[name] is not None
    ]
    if caps["per_member_month"] is not None:
        left.append(caps["per_member_month"] - used.month)
    limit = max(min(left, default=10**9), 0)
    assert capped.points == min(free.points, limit)
    assert capped.desired == free.points
    assert (capped.capped_by is None) == (capped.points == capped.desired)
    scale = Fraction(limit) / free.exact if free.exact > limit else 1
    scaled = {line_no: part * scale for line_no, part in by_line(free).items()}
    assert nonzero(by_line(capped)) == nonzero(scaled)


@settings(max_examples=60)
@given(case=CASE, cap=st.integers(0, 200), place=st.integers(0, 5))
def test_a_rules_cap_holds_never_adds_points_and_never_makes_them_negative(case, cap, place):
    free = run(case)
    if not case["rules"]:
        return
    rule = case["rules"][place % len(case["rules"])]
    rule["cap"] = {"per_order": cap}
    capped = run(case)
    assert 0 <= capped.points <= free.points
    assert all(part >= 0 for part in by_line(capped).values())
    mine = [share for share in capped.breakdown if share.rule_id and share.counted is not None]
    assert all(Fraction(share.counted, share.over) <= cap for share in mine)


@settings(max_examples=60)
@given(case=CASE, more=st.integers(1, 10**6), place=st.integers(0, 4))
def test_paying_more_for_a_line_never_earns_less(case, more, place):
    if not case["lines"]:
        return
    case["basis"]["include_shipping"] = False  # it moves to the line that costs more
    for rule in case["rules"]:
        rule["conditions"].pop("min_basis", None)
        rule["exclusive_group"] = None
    before = run(case)
    case["lines"][place % len(case["lines"])]["net"] += more
    assert run(case).points >= before.points
