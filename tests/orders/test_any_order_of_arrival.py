"""An order and its refunds end in one state in every order of arrival, and under every split."""

from datetime import UTC, datetime, timedelta
from itertools import count, permutations
from random import Random
from uuid import uuid4

import pytest
from order_bodies import PLACED, order_body, stamp
from sqlalchemy import text

from crm.db import db, transaction
from crm.orders import checking, incoming, intake
from crm.points import check, holds

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
EPOCH = "1970-01-01T00:00:00Z"
SPLITS_IN_THE_LEDGER = 15  # of each rounding; a thousand without a database in test_refund_splits
_numbers = count()


@pytest.fixture(autouse=True)
def standing_clock(stand_at):
    stand_at(NOW)


def give(admin, owner, points):
    award = {"member": {"id": str(owner)}, "activity": "custom", "source_key": uuid4().hex}
    assert admin.post("/points/awards", award | {"points": points}).status_code == 201


def hold(admin, owner, points):
    body = {"member": {"id": str(owner)}, "points": points, "reference": "cart"}
    return admin.post("/points/holds", body | {"ttl_seconds": 86_400}).json["id"]


def ledger_of(owner):
    """What the database says of a member's points and purchases, to the last figure."""
    return [
        tuple(db.session.execute(text(sql), {"owner": owner}).one_or_none() or ())
        for sql in (
            """SELECT balance, debt, lifetime_earned FROM points_account
               WHERE member_id = :owner""",
            """SELECT count(*), sum(remaining), sum(held), array_agg(remaining ORDER BY opened_by),
                      array_agg(expires_at ORDER BY opened_by) FROM points_lot
               WHERE member_id = :owner""",
            """SELECT sum(points) FILTER (WHERE kind = 'earn'),
                      sum(points) FILTER (WHERE kind = 'clawback'),
                      sum(points) FILTER (WHERE kind = 'capture'),
                      sum(points) FILTER (WHERE kind = 'restore') FROM points_entry
               WHERE member_id = :owner""",
            """SELECT orders, frequency, monetary, first_paid_at, last_paid_at, first_day, last_day
               FROM purchase_summary WHERE member_id = :owner""",
            """SELECT array_agg(bought_at ORDER BY line_no) FROM order_line
               WHERE member_id = :owner""",
        )
    ]


def state_of(admin, owner, number, held):
    """All that may be asked about it, without the names that differ."""
    order = admin.get(f"/orders/web/{number}").json
    assert order.pop("points_hold") == held
    for name in ("id", "order_no", "member_id", "stale"):
        del order[name]
    points = admin.get(f"/members/{owner}/points").json
    tier = admin.get(f"/members/{owner}/tier").json
    del tier["history"]  # it tells what was seen on the way
    return order, points, tier, ledger_of(owner)


def steps_of(owner, held, unit_price, full):
    created = order_body(owner, status="placed", updated_at=stamp(PLACED), points_hold=held)
    created.pop("paid_at")
    paid = order_body(owner, points_hold=held)
    for body in (created, paid):
        body["lines"][1] |= {"unit_price": unit_price}
    part = {
        "refunded_at": stamp(PLACED + 24 * HOUR),
        "lines": [{"line_no": 1, "quantity": 1}],
    }
    rest = {"refunded_at": stamp(PLACED + 48 * HOUR), "amount": full}
    return {
        "created": ("", created), "paid": ("", paid), "part": ("/refunds/R1", part),
        "full": ("/refunds/R2", rest),
    }  # fmt: skip


@pytest.mark.parametrize("with_hold", [False, True], ids=["money", "points"])
@pytest.mark.parametrize("full", [15_000, 103_333], ids=["small", "wins a tier"])
def test_all_24_permutations_end_in_one_state(admin, member, with_hold, full):
    ends, tiers = [], set()
    for order in permutations(("created", "paid", "part", "full")):
        owner, number = member(), uuid4().hex
        give(admin, owner, 7000)
        held = hold(admin, owner, 3300) if with_hold else None
        steps = steps_of(owner, held, full - 10_000, full)
        for step in order:
            path, body = steps[step]
            answer = admin.put(f"/orders/web/{number}{path}", body)
            assert answer.status_code in (200, 202), answer.json
            tiers.add(admin.get(f"/members/{owner}/tier").json["tier"]["code"])
        ends.append(state_of(admin, owner, number, held))
    for end in ends:
        assert end == ends[0]
    final, points, tier, _ = ends[0]
    assert (final["refunded"], final["net"], final["earned"]["points"]) == (10_000 + full, 0, 0)
    assert final["restored"] == final["tender"]["points"] == (3300 if with_hold else 0)
    assert (points["available"], points["pending"], points["held"]) == (7000, 0, 0)
    assert tier["tier"]["code"] == "new"
    assert ("silver" in tiers) == (full > 100_000)
    assert not check.run()
    assert checking.look(None).wrong == []


def test_lines_are_bought_when_their_order_is_paid_and_as_long_as_it_counts(admin, member):
    paid, asked = order_body()["paid_at"], text("SELECT DISTINCT bought_at FROM order_line")
    for order in permutations(("created", "paid", "part", "full")):
        owner, number = member(), uuid4().hex
        steps, seen = steps_of(owner, None, 5000, 15_000), set()
        for step in order:
            path, body = steps[step]
            admin.put(f"/orders/web/{number}{path}", body)
            seen.add(step)
            counts = "paid" in seen and not {"part", "full"} <= seen
            found = [at and stamp(at) for at in db.session.scalars(asked)]
            lines = {"created", "paid"} & seen
            assert found == ([paid if counts else None] if lines else [])
        db.session.execute(text("DELETE FROM order_line"))


def test_orders_of_arrival_that_end_half_refunded_agree_too(admin, member):
    ends = []
    for order in permutations(("created", "paid", "part")):
        owner, number = member(), uuid4().hex
        give(admin, owner, 7000)
        held = hold(admin, owner, 3300)
        for step in order:
            path, body = steps_of(owner, held, 5000, 1)[step]
            assert admin.put(f"/orders/web/{number}{path}", body).status_code in (200, 202)
        ends.append(state_of(admin, owner, number, held))
    for end in ends:
        assert end == ends[0]
    assert ends[0][0]["restored"] == 3300 * 10_000 // 25_000
    assert not check.run()


def test_in_another_currency_nothing_arrives_whatever_waits_for_it(admin, member):
    owner = member()
    admin.put("/orders/web/A1/refunds/R", {"refunded_at": stamp(NOW), "amount": 100})
    answer = admin.put("/orders/web/A1", order_body(owner, currency="USD"))
    assert (answer.status_code, answer.json["code"]) == (422, "currency_mismatch")
    assert admin.put("/orders/web/A1", order_body(owner)).json["refunded"] == 100


def random_order(random):
    """An order of one to five lines, some free, with discounts and shipping."""
    lines = [
        {
            "line_no": number, "sku": f"S{number}", "name": "Thing",
            "quantity": random.randint(1, 6),
            "unit_price": random.choice([0, 1, 99, 333, 1250, random.randint(1, 50_000)]),
        }
        for number in range(1, random.randint(2, 6))
    ]  # fmt: skip
    goods = sum(line["quantity"] * line["unit_price"] for line in lines)
    return {
        "channel": "web", "order_no": f"R{next(_numbers)}", "lines": lines,
        "shipping": random.choice([0, 0, 800]),
        "discount": random.randint(0, goods // 3) if random.random() < 0.4 else 0,
    }  # fmt: skip


def random_refunds(random, lines):
    """Returns of pieces and of money, mixed; some come to nothing."""
    left = {line["line_no"]: line["quantity"] for line in lines}
    for _ in range(random.randint(0, 7)):
        if random.random() < 0.5:
            yield {"lines": None, "amount": random.choice([0, 1, 7, random.randint(1, 9000)])}
        else:
            some = random.choice([one for one in left if left[one]] or [1])
            pieces = random.randint(1, max(left[some], 1))
            left[some] -= min(pieces, left[some])
            yield {"lines": [{"line_no": some, "quantity": pieces}], "amount": None}


def put(order, owner, **more):
    body = order_body(owner) | order | more
    outcome = intake.put_many([incoming.read(body)], NOW)[0]
    assert outcome.refused is None, outcome.refused
    return outcome.order


def put_refund(order, what, at):
    """The order after it, or None if it was more than there is to refund."""
    body = {"refunded_at": at, "restock": False} | what
    savepoint = db.session.begin_nested()
    try:
        found = intake.put_refund("web", order["order_no"], uuid4().hex, body, NOW)
    except intake.Refused:
        savepoint.rollback()
        return None
    savepoint.commit()
    return found


@pytest.mark.parametrize(("seed", "rounding"), list(enumerate(("floor", "half_up", "ceil"))))
def test_any_split_of_refunds_empties_the_ledger_to_the_point(app, admin, member, seed, rounding):
    """Refunds of lines and amounts, mixed, until nothing is left; each by its own write."""
    random, owner = Random(seed), member()
    rate = {"points_per_step": 1, "value_per_step": 1, "min_points": 1, "max_share_percent": 100}
    body = {"rounding": rounding, "redemption": rate, "effective_at": EPOCH}
    assert admin.put("/points/programme", body).status_code == 200
    bonus = {"kind": "per_order", "points": 7, "name": "Thanks", "starts_at": EPOCH}
    assert admin.post("/points/rules", bonus).status_code == 201
    give(admin, owner, 100_000_000)
    with transaction():
        for _ in range(SPLITS_IN_THE_LEDGER):
            one_order(random, owner)
    (balance, debt, _), (_, remaining, held, *_), sums, *_ = ledger_of(owner)
    earned, clawed, captured, restored = sums
    assert (balance, debt, remaining, held) == (100_000_000, 0, 100_000_000, 0)
    assert (earned + clawed, captured + restored) == (0, 0)
    assert earned > 0
    assert restored > 0
    assert not check.run(owner)


def one_order(random, owner):
    order = random_order(random)
    goods = sum(line["quantity"] * line["unit_price"] for line in order["lines"])
    total = goods - order["discount"] + order["shipping"]
    spend = random.randint(0, total) if random.random() < 0.4 else 0
    if spend:
        held = holds.place(owner, spend, reference="cart", now=NOW)
        order["points_hold"] = str(held.id)
    kept = put(order, owner)
    last = (0, 0)
    for minute, what in enumerate([*random_refunds(random, order["lines"]), None]):
        rest = {"lines": None, "amount": kept.total - kept.refunded}  # in the end: all that is left
        kept = put_refund(order, what or rest, NOW + minute * HOUR / 60) or kept
        assert kept.clawed == kept.granted - kept.points
        assert last <= (kept.clawed, kept.restored)
        last = (kept.clawed, kept.restored)
    assert (kept.refunded, kept.points, kept.clawed) == (kept.total, 0, kept.granted)
    assert (kept.spent, kept.restored, kept.debt) == (spend, spend, 0)
