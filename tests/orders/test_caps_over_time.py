"""Caps by day and month bind over all orders of a member, whichever way they come in."""

from datetime import UTC, datetime, timedelta

import pytest
from order_bodies import order_body, stamp
from sqlalchemy import event

from crm.db import db
from crm.points import check

DAY = datetime(2026, 11, 3, 2, 0, tzinfo=UTC)  # ten in the morning in Shanghai
EPOCH = "1970-01-01T00:00:00Z"


@pytest.fixture(autouse=True)
def one_tier(admin):
    """No tier multiplies: a yuan is a point."""
    only = {"code": "new", "name": {"en": "New"}, "qualify": {"any": []}, "multiplier": "1"}
    assert admin.put("/tiers", {"tiers": [only]}).status_code == 200


@pytest.fixture
def caps(admin):
    """Sets the programme's caps since for ever."""

    def change(**caps):
        body = {"caps": caps, "effective_at": EPOCH}
        answer = admin.put("/points/programme", body)
        assert answer.status_code == 200, answer.json

    return change


def bought(owner, at, yuan=100, **more):
    """A paid order of so many yuan; a point each."""
    lines = [{"line_no": 1, "sku": "T", "name": "Tea", "quantity": 1, "unit_price": yuan * 100}]
    times = {"placed_at": stamp(at), "paid_at": stamp(at), "updated_at": stamp(at)}
    return order_body(owner, lines=lines, **times) | more


def put(admin, number, body):
    answer = admin.put(f"/orders/web/{number}", body)
    assert answer.status_code == 200, answer.json
    return answer.json["earned"]["points"]


def test_the_orders_of_a_day_share_the_cap_of_the_day(admin, member, caps):
    caps(per_member_day=150)
    owner, other = member(), member()
    earned = [put(admin, f"A{n}", bought(owner, DAY + timedelta(hours=n))) for n in range(3)]
    assert earned == [100, 50, 0]
    assert put(admin, "A3", bought(owner, DAY + timedelta(days=1))) == 100
    assert put(admin, "B", bought(other, DAY)) == 100
    shares = admin.get("/orders/web/A1").json["earned"]["breakdown"]
    assert shares[0]["lines"] == {"1": "50"}
    assert not check.run()


def test_a_day_is_the_members_local_day_of_the_purchase(admin, person, caps):
    caps(per_member_day=100)
    for zone, pair in (("Asia/Shanghai", [100, 100]), ("UTC", [100, 0])):
        owner = person(zone=zone)
        times = datetime(2026, 11, 3, 15, 59, tzinfo=UTC), datetime(2026, 11, 3, 16, 0, tzinfo=UTC)
        assert [put(admin, f"{owner}{n}", bought(owner, at)) for n, at in enumerate(times)] == pair


def test_the_orders_of_a_month_share_the_cap_of_the_month(admin, member, caps):
    caps(per_member_month=250)
    owner = member()
    dates = [DAY + timedelta(days=n) for n in (0, 9, 20)]
    assert [put(admin, f"A{n}", bought(owner, at)) for n, at in enumerate(dates)] == [100, 100, 50]
    assert put(admin, "D", bought(owner, datetime(2026, 11, 30, 16, 0, tzinfo=UTC))) == 100


def test_orders_of_one_batch_see_each_other(admin, member, caps):
    caps(per_member_day=150, per_member_month=320)
    owner, other = member(), member()
    put(admin, "before", bought(owner, DAY))
    batch = [
        bought(owner, DAY + timedelta(hours=1)) | {"channel": "web", "order_no": "1"},
        bought(other, DAY) | {"channel": "web", "order_no": "2"},
        bought(owner, DAY + timedelta(hours=2)) | {"channel": "web", "order_no": "3"},
        bought(owner, DAY + timedelta(days=1)) | {"channel": "web", "order_no": "4"},
        bought(owner, DAY + timedelta(days=2)) | {"channel": "web", "order_no": "5"},
        bought(owner, DAY - timedelta(days=3)) | {"channel": "web", "order_no": "6"},
    ]
    results = admin.post("/orders/batch", batch).json["results"]
    assert [item["points"] for item in results] == [50, 100, 0, 100, 70, 100]


def test_a_rules_own_cap_of_the_day_counts_what_it_gave_to_earlier_orders(admin, member):
    rule = {
        "kind": "per_order", "points": 40, "name": "Thanks", "starts_at": EPOCH,
        "cap": {"per_member_day": 100},
    }  # fmt: skip
    assert admin.post("/points/rules", rule).status_code == 201
    owner = member()
    earned = [put(admin, f"A{n}", bought(owner, DAY + timedelta(hours=n))) for n in range(4)]
    assert earned == [140, 140, 120, 100]
    shares = admin.get("/orders/web/A3").json["earned"]["breakdown"]
    assert [share.get("capped_by") for share in shares] == [None, "rule_per_member_day"]


def test_what_a_refund_takes_back_stays_used_whichever_came_first(admin, member, caps):
    caps(per_member_day=150)
    refund = {"refunded_at": stamp(DAY + timedelta(hours=1)), "amount": 10000}
    for first in ("refund", "order"):
        owner = member()
        steps = {
            "refund": lambda owner=owner: admin.put(f"/orders/web/{owner}/refunds/R", refund),
            "order": lambda owner=owner: put(admin, str(owner), bought(owner, DAY)),
        }
        for step in sorted(steps, key=lambda name: name != first):
            steps[step]()
        assert admin.get(f"/orders/web/{owner}").json["earned"]["points"] == 0
        assert put(admin, f"{owner}2", bought(owner, DAY + timedelta(hours=2))) == 50


def test_an_order_written_again_does_not_count_against_itself(admin, member, caps):
    caps(per_member_day=150)
    owner = member()
    put(admin, "A", bought(owner, DAY))
    assert put(admin, "A", bought(owner, DAY, updated_at=stamp(DAY + timedelta(days=1)))) == 100
    again = bought(owner, DAY, yuan=140, updated_at=stamp(DAY + timedelta(days=2)))
    assert put(admin, "A", again) == 140


def test_a_quote_says_what_the_order_will_earn_under_the_caps(admin, member, caps):
    caps(per_member_day=150)
    owner = member()
    put(admin, "A", bought(owner, DAY))
    asked = {
        "member": {"id": str(owner)}, "as_of": stamp(DAY + timedelta(hours=1)),
        "order": {"lines": bought(owner, DAY)["lines"]},
    }  # fmt: skip
    earn = admin.post("/points/quote", asked).json["earn"]
    assert (earn["points"], earn["desired"], earn["capped_by"]) == (50, 100, "per_member_day")
    assert put(admin, "B", bought(owner, DAY + timedelta(hours=1))) == 50


def test_a_batch_asks_once_what_is_used_and_not_at_all_without_such_caps(admin, member):
    asked = []

    def listen(_conn, _cursor, statement, *_):
        if "jsonb_path_query_array" in statement:
            asked.append(statement)

    engine = db.session.get_bind().engine
    event.listen(engine, "before_cursor_execute", listen)
    try:
        owner = member()
        put(admin, "A", bought(owner, DAY))
        assert not asked
        rule = {"kind": "per_unit", "points": 1, "name": "x", "cap": {"per_member_day": 150}}
        admin.post("/points/rules", rule | {"starts_at": EPOCH})
        batch = [bought(member(), DAY) | {"channel": "web", "order_no": str(n)} for n in range(20)]
        assert admin.post("/orders/batch", batch).json["saved"] == 20
        assert len(asked) == 1
    finally:
        event.remove(engine, "before_cursor_execute", listen)
