"""Points of one order that last differently: one entry, a lot for each policy."""

from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

import pytest
from order_bodies import PLACED, order_body, stamp
from sqlalchemy import event, text

from crm.db import db, transaction
from crm.orders import incoming, intake
from crm.points import check

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
EPOCH = "1970-01-01T00:00:00Z"
NEVER, MONTH = {"policy": "never"}, {"policy": "rolling_months", "months": 1}
SOON, LATE = "2026-12-22T16:00:00Z", "2027-11-22T16:00:00Z"  # a month, a year from now
_numbers = count()

LOTS = text("""
    SELECT opened_by, size, remaining, expires_at FROM points_lot WHERE member_id = :owner
    ORDER BY opened_by, expires_at NULLS LAST
""")


@pytest.fixture(autouse=True)
def standing_clock(stand_at):
    stand_at(NOW)


@pytest.fixture
def programme(admin):
    """Changes the programme, for orders of all times."""

    def change(**settings):
        answer = admin.put("/points/programme", settings | {"effective_at": EPOCH})
        assert answer.status_code == 200, answer.data

    return change


@pytest.fixture
def at_once(programme):
    """Points that are spendable when the order is paid."""
    programme(pending={"policy": "immediately"})


@pytest.fixture
def rule(admin):
    """Makes a rule that counted always: `rule("per_order", points=50, expiry=MONTH)`."""

    def make(kind, **more):
        answer = admin.post("/points/rules", {"kind": kind, "starts_at": EPOCH} | more)
        assert answer.status_code == 201, answer.data

    return make


@pytest.fixture
def owner(member):
    return member()


@pytest.fixture
def put(admin):
    """Writes the order A1 of 250.00, which earns 250 points by the shop's first rule."""

    def write(owner, number="A1", at=NOW - 2 * DAY, **changes):
        times = {"placed_at": stamp(NOW - 2 * DAY), "paid_at": stamp(at), "updated_at": stamp(at)}
        answer = admin.put(f"/orders/web/{number}", order_body(owner, **(times | changes)))
        assert answer.status_code == 200, answer.data
        return answer.json

    return write


@pytest.fixture
def refund(admin):
    """Refunds an order: `refund("R1", amount=100)`."""

    def write(refund_no, number="A1", **said):
        body = {"refunded_at": stamp(NOW - DAY)} | said
        answer = admin.put(f"/orders/web/{number}/refunds/{refund_no}", body)
        assert answer.status_code == 200, answer.data
        return answer.json

    return write


@pytest.fixture
def points(admin):
    """A member's (available, pending, debt), and what expires when."""

    def read(owner):
        found = admin.get(f"/members/{owner}/points").json
        expiring = {one["expires_at"]: one["points"] for one in found["expiring"]}
        return (found["available"], found["pending"], found["debt"]), expiring

    return read


def lots(owner):
    return [tuple(row)[1:] for row in db.session.execute(LOTS, {"owner": owner})]


def sound():
    assert check.run() == []


def test_an_order_earns_one_entry_of_a_lot_for_each_policy(
    admin, rule, owner, put, points, at_once
):
    rule("per_order", points=50, expiry=MONTH)
    rule("multiplier", factor="2", conditions={"skus": ["C1"]}, expiry=NEVER)
    rule("rate", points=1, per_amount=1000, expiry=MONTH)
    put(owner, at=NOW)
    entries = admin.get(f"/members/{owner}/points/entries").json["data"]
    assert [(one["kind"], one["points"]) for one in entries] == [("earn", 380)]
    assert sorted(lot["points"] for lot in entries[0]["lots"]) == [55, 75, 250]
    # 250 by the first rule, 50 + 25 by those for a month; the cup's 50 + 5 come once more, for ever
    assert points(owner) == ((380, 0, 0), {SOON: 75, LATE: 250})
    sound()


def test_a_multiplier_without_a_policy_adds_points_that_last_as_what_it_multiplies(
    rule, owner, put, points, at_once
):
    rule("rate", points=1, per_amount=1000, expiry=MONTH)
    rule("multiplier", factor="3")
    put(owner, at=NOW)
    assert points(owner) == ((825, 0, 0), {SOON: 75, LATE: 750})
    sound()


def test_the_programmes_own_policy_opens_no_second_lot(rule, owner, put, at_once):
    rule("per_order", points=50, expiry={"policy": "rolling_months", "months": 12})
    put(owner, at=NOW)
    assert [size for size, *_ in lots(owner)] == [300]


def test_the_breakdown_says_how_long_points_last(admin, rule, owner, put):
    rule("per_order", points=50, expiry={"policy": "fixed_day", "month": 2, "day": 31})
    breakdown = put(owner)["earned"]["breakdown"]
    assert [share.get("expiry") for share in breakdown] == [
        None, {"policy": "fixed_day", "month": 2, "day": 31},
    ]  # fmt: skip
    told = admin.get("/orders/web/A1/points").json["applied"]
    assert [share["expiry"] for share in told] == [share.get("expiry") for share in breakdown]


def test_a_refund_takes_what_lapses_first(rule, owner, put, refund, at_once):
    rule("per_order", points=60, expiry=MONTH)
    put(owner)
    refund("R1", amount=5000)
    assert [remaining for _, remaining, _ in lots(owner)] == [0, 248]
    refund("R2", amount=20000)
    assert [remaining for _, remaining, _ in lots(owner)] == [0, 0]
    sound()


def test_pending_points_are_taken_from_all_lots_of_the_order(rule, owner, put, refund, points):
    rule("per_order", points=60, expiry=MONTH)
    put(owner)
    assert points(owner) == ((0, 310, 0), {})
    assert refund("R1", amount=25000)["clawed_back"] == 310
    assert points(owner) == ((0, 0, 0), {})
    sound()


def test_a_release_lets_each_lot_last_by_its_policy_from_then_on(
    admin, programme, rule, owner, put, refund, points
):
    programme(pending={"policy": "manual"})
    rule("per_order", points=60, expiry=MONTH)
    rule("per_order", points=5, expiry=NEVER)
    put(owner)
    assert {until for *_, until in lots(owner)} == {None}
    refund("R1", amount=2500)  # takes 32 of the 315: nobody knows until when they are valid
    assert admin.post("/orders/web/A1/release").status_code == 200
    assert points(owner) == ((283, 0, 0), {SOON: 28, LATE: 250})
    sound()


def test_a_delivery_brings_all_lots_forward(rule, owner, put, points, stand_at):
    rule("per_order", points=60, expiry=MONTH)
    put(owner)
    put(owner, status="delivered", delivered_at=stamp(NOW), at=NOW)
    stand_at(NOW + 7 * DAY)
    later = {"2026-12-29T16:00:00Z": 60, "2027-11-29T16:00:00Z": 250}
    assert points(owner) == ((310, 0, 0), later)
    sound()


def test_what_was_cancelled_and_counts_again_lasts_as_before(
    rule, owner, put, points, stand_at, at_once
):
    rule("per_order", points=60, expiry=MONTH)
    put(owner, at=NOW)
    stand_at(NOW + timedelta(hours=1))
    put(owner, at=NOW + timedelta(minutes=1), status="cancelled", paid_at=stamp(NOW))
    assert points(owner) == ((0, 0, 0), {})
    put(owner, at=NOW + timedelta(minutes=2), paid_at=stamp(NOW))
    assert points(owner) == ((310, 0, 0), {SOON: 60, LATE: 250})
    sound()


def test_what_other_lines_earn_more_lasts_as_the_rules_for_them_say(
    rule, owner, put, points, at_once
):
    rule("per_unit", points=20, conditions={"skus": ["P1"]}, expiry=MONTH)
    body = order_body(owner)["lines"]
    put(owner, at=NOW - timedelta(hours=1))
    pot = {"line_no": 3, "sku": "P1", "name": "Pot", "quantity": 2, "unit_price": 500}
    put(owner, at=NOW, lines=[*body, pot])
    assert points(owner) == ((300, 0, 0), {SOON: 40, LATE: 260})
    sound()


def test_refunds_after_points_lapsed_and_were_spent_end_in_a_debt(
    admin, rule, owner, put, refund, points, stand_at, at_once
):
    rule("per_order", points=60, expiry=MONTH)
    put(owner, at=NOW)
    spend = {"member": {"id": str(owner)}, "points": 200, "reference": "till"}
    assert admin.post("/points/redemptions", spend).status_code == 201
    assert points(owner)[1] == {LATE: 110}  # those for a month went first
    stand_at(NOW + 40 * DAY)
    refund("R1", amount=25000)
    assert points(owner) == ((0, 0, 200), {})
    sound()


def test_inactivity_does_not_carry_on_points_that_last_by_another_policy(
    programme, rule, owner, put, points, stand_at
):
    programme(
        pending={"policy": "immediately"}, expiry={"policy": "inactivity_months", "months": 12}
    )
    rule("per_order", points=60, expiry=MONTH)
    put(owner, at=NOW)
    assert points(owner)[1] == {SOON: 60, LATE: 250}
    stand_at(NOW + 10 * DAY)
    put(owner, "A2", at=NOW + 10 * DAY)
    carried = {SOON: 60, "2027-01-02T16:00:00Z": 60, "2027-12-02T16:00:00Z": 500}
    assert points(owner)[1] == carried
    sound()


def test_a_rule_may_let_only_its_own_points_lapse_by_inactivity(
    rule, owner, put, points, stand_at, at_once
):
    rule("per_order", points=60, expiry={"policy": "inactivity_months", "months": 1})
    put(owner, at=NOW)
    assert points(owner)[1] == {SOON: 60, LATE: 250}
    stand_at(NOW + 10 * DAY)
    put(owner, "A2", at=NOW + 10 * DAY)
    assert points(owner)[1] == {"2027-01-02T16:00:00Z": 120, LATE: 250, "2027-12-02T16:00:00Z": 250}
    sound()


def test_points_that_inactivity_lets_lapse_are_carried_on_once_they_are_released(
    admin, programme, rule, owner, put, points, stand_at
):
    rule("per_order", points=60, expiry={"policy": "inactivity_months", "months": 1})
    programme(pending={"policy": "manual"})
    put(owner)
    stand_at(NOW + 10 * DAY)
    assert admin.post("/orders/web/A1/release").status_code == 200
    assert points(owner)[1]["2027-01-02T16:00:00Z"] == 60
    stand_at(NOW + 20 * DAY)
    given = {"member": {"id": str(owner)}, "activity": "custom", "source_key": "k", "points": 5}
    assert admin.post("/points/awards", given).status_code == 201
    assert points(owner)[1]["2027-01-12T16:00:00Z"] == 60
    sound()


def test_claimed_orders_earn_their_lots_too(admin, rule, owner, put, points, at_once):
    rule("per_order", points=60, expiry=MONTH)
    put(None, at=NOW)
    claim = {"member": {"id": str(owner)}}
    assert admin.post("/orders/web/A1/claim", claim).status_code == 200
    assert points(owner) == ((310, 0, 0), {SOON: 60, LATE: 250})


def some_rules(random):
    expiries = [None, MONTH, NEVER, {"policy": "fixed_day", "month": 1, "day": 31}]
    for _ in range(random.randint(1, 5)):
        kind = random.choice(["rate", "multiplier", "per_order", "per_unit"])
        own = random.choice(expiries)
        about = random.choice([{}, {"skus": ["T1"]}, {"skus": ["C1"]}])
        points = {} if kind == "multiplier" else {"points": random.randint(1, 90)}
        more = {
            "rate": {"per_amount": random.choice([70, 300])},
            "multiplier": {"factor": random.choice(["0.5", "1.3", "2"])},
        }.get(kind, {})
        expiry = {"expiry": own} if own else {}
        cap = {"cap": {"per_order": random.randint(0, 900)}} if random.random() < 0.3 else {}
        yield kind, {"conditions": about} | points | more | expiry | cap


def parts_of(random, pieces, cups):
    """Refunds of so many pieces of line 1, one by one in time, and of line 2 at some moment."""
    when = random.randint(0, pieces) if cups else None
    for place in range(pieces):
        if place == when:
            yield {"lines": [{"line_no": 2, "quantity": 1}]}
        yield {"lines": [{"line_no": 1, "quantity": 1}], "refunded_at": stamp(PLACED + place * DAY)}
    if when == pieces:
        yield {"lines": [{"line_no": 2, "quantity": 1}]}


@pytest.mark.parametrize("policy", ["immediately", "days_after_paid", "manual"])
@pytest.mark.parametrize("seed", range(4))
def test_many_refunds_take_from_each_lot_what_one_takes(
    programme, rule, member, put, refund, seed, policy
):
    random = Random(f"{policy} {seed}")
    programme(
        pending={"policy": policy}, rounding=random.choice(["floor", "half_up", "ceil"]),
        caps={"per_order": random.choice([None, 333])},
    )  # fmt: skip
    for kind, said in some_rules(random):
        rule(kind, **said)
    pieces, all_cups = random.randint(1, 7), random.random() < 0.5
    line = {"line_no": 1, "sku": "T1", "name": "Tea", "quantity": 7, "unit_price": 1111}
    lines = [line, order_body()["lines"][1]]
    ends = []
    for parts in (1, 0):
        who, number = member(), f"N{next(_numbers)}"
        earned = put(who, number, lines=lines)["earned"]
        assert sum(size for size, *_ in lots(who)) == earned["granted"]
        if parts:
            for place, said in enumerate(parts_of(random, pieces, all_cups)):
                last = refund(f"R{place}", number, **said)
        else:
            said = [{"line_no": 1, "quantity": pieces}]
            said += [{"line_no": 2, "quantity": 1}] if all_cups else []
            last = refund("R", number, lines=said)
        left = lots(who)
        assert sum(remaining for _, remaining, _ in left) == last["earned"]["points"]
        ends.append((left, last["clawed_back"], last["earned"]["points"]))
    assert ends[0] == ends[1]
    sound()


def statements(work):
    """How many statements a piece of work needs."""
    seen = []

    def note(*given):
        seen.append(given[2])

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return len(seen)


def test_lots_of_several_policies_cost_no_statement_more(rule, member):
    def some(letter):
        at = {name: stamp(NOW - DAY) for name in ("placed_at", "paid_at", "updated_at")}
        bodies = [order_body(owner, **at) for owner in owners]
        named = [
            body | {"channel": "web", "order_no": f"{letter}{place}"}
            for place, body in enumerate(bodies)
        ]

        def put():
            with transaction():
                intake.put_many(incoming.read_many(named), NOW)

        return put

    owners = [member() for _ in range(3)]
    some("first")()
    plain = statements(some("a"))
    assert plain > 5
    rule("per_order", points=60, expiry=MONTH)
    some("b")()
    assert statements(some("c")) == plain
