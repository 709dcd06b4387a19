"""Batches: a result for each item, whatever the others are; bounds; the same rules as one write."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from order_bodies import PLACED, order_body, stamp
from sqlalchemy import text

from crm.db import db
from crm.orders import checking
from crm.points import check


def named(body, number, channel="web"):
    return body | {"channel": channel, "order_no": number}


def test_a_thousand_orders_have_a_thousand_results_in_their_order(admin, member):
    members = [member() for _ in range(50)]
    wrong = {
        7: order_body(members[0], currency="USD"),
        8: {},
        9: None,
        500: order_body(uuid4()),
        999: order_body(members[1], lines=[]),
    }
    batch = [
        (lambda body: body and named(body, f"B{n}"))(
            wrong.get(n, order_body(members[n % 50])) if n in wrong else order_body(members[n % 50])
        )
        for n in range(1000)
    ]
    answer = admin.post("/orders/batch", batch)
    assert answer.status_code == 200, answer.data
    said = answer.get_json()
    assert (said["saved"], said["refused"]) == (995, 5)
    assert [item["index"] for item in said["results"]] == list(range(1000))
    codes = {
        item["index"]: (item["status"], item["problem"]["code"])
        for item in said["results"]
        if item.get("problem")
    }
    assert codes == {
        7: (422, "currency_mismatch"),
        8: (422, "validation_failed"),
        9: (422, "validation_failed"),
        500: (404, "member_not_found"),
        999: (422, "validation_failed"),
    }
    good = said["results"][0]
    assert (good["status"], good["order_no"], good["points"]) == (200, "B0", 250)
    assert db.session.scalar(text("SELECT count(*) FROM orders")) == 995
    assert not check.run()
    assert checking.look(None).wrong == []


@pytest.mark.parametrize("size", [0, 1001])
def test_a_batch_has_one_to_a_thousand_items(admin, size):
    answer = admin.post("/orders/batch", [{}] * size)
    assert (answer.status_code, answer.get_json()["errors"][0]["code"]) == (422, "batch_size")


def test_lines_of_json_may_be_blank_and_end_in_any_way(admin, member):
    owner = member()
    lines = [json.dumps(named(order_body(owner), f"N{n}")) for n in range(3)]
    for text_ in ("\n".join(lines), "\r\n".join(lines) + "\r\n", "\n\n" + "\n\n".join(lines)):
        answer = admin.client.post(
            "/api/v1/orders/batch",
            data=text_,
            content_type="application/x-ndjson",
            headers={"Authorization": f"Bearer {admin.key}", "Idempotency-Key": uuid4().hex},
        )
        assert answer.get_json()["saved"] == 3, answer.data


@pytest.mark.parametrize("bad", ["{", '{"a": NaN}', '{"a": 1, "a": 2}', "[" * 100_000])
def test_a_line_that_is_no_json_refuses_the_batch_whole(admin, member, bad):
    lines = [json.dumps(named(order_body(member()), "N1")), bad]
    answer = admin.client.post(
        "/api/v1/orders/batch",
        data="\n".join(lines),
        content_type="application/x-ndjson",
        headers={"Authorization": f"Bearer {admin.key}", "Idempotency-Key": uuid4().hex},
    )
    assert (answer.status_code, answer.get_json()["code"]) == (400, "malformed")
    assert db.session.scalar(text("SELECT count(*) FROM orders")) == 0


def test_an_item_that_is_refused_leaves_no_trace_beside_those_that_are_not(admin, member):
    owner = member()
    admin.put("/orders/web/A1", order_body(owner))
    before = admin.get("/orders/web/A1").get_json()
    changed = order_body(owner, updated_at=stamp(PLACED + timedelta(days=1)), discount=99_999_999)
    answer = admin.post("/orders/batch", [named(changed, "A1"), named(order_body(owner), "A2")])
    results = answer.get_json()["results"]
    assert [item["status"] for item in results] == [422, 200]
    assert results[0]["problem"]["code"] == "discount_too_large"
    assert admin.get("/orders/web/A1").get_json() == before


def test_a_batch_and_single_writes_end_in_the_same_state(admin, member):
    one, other = member(), member()
    steps = [("P", "placed", 0), ("Q", "paid", 1), ("P", "paid", 2), ("Q", "cancelled", 3)]
    bodies = [
        (number, {"status": status, "updated_at": stamp(PLACED + timedelta(hours=hours))})
        for number, status, hours in steps
    ]
    for number, change in bodies:
        admin.put(f"/orders/web/{number}", order_body(one) | change)
    batch = [named(order_body(other) | change, f"{number}2") for number, change in bodies]
    assert admin.post("/orders/batch", batch).get_json()["saved"] == 4
    ends = [
        [
            (order["status"], order["net"], order["earned"]["points"], order["clawed_back"])
            for order in admin.get(f"/members/{owner}/orders").get_json()["data"]
        ]
        for owner in (one, other)
    ]
    assert sorted(ends[0]) == sorted(ends[1])
    points = [admin.get(f"/members/{owner}/points").get_json() for owner in (one, other)]
    assert points[0] | {"as_of": ""} == points[1] | {"as_of": ""}


def test_an_item_names_its_mistakes_with_places_inside_the_item(admin, member):
    body = named(order_body(member()), "X")
    body["lines"][1]["quantity"] = True
    answer = admin.post("/orders/batch", [body])
    problem = answer.get_json()["results"][0]["problem"]
    assert problem["errors"][0]["pointer"] == "/lines/1/quantity"


LINE = {"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": 1}
HUGE = [
    [LINE | {"quantity": 1_000_000, "unit_price": 1_000_000_000_000}],
    [LINE | {"line_no": n, "unit_price": 10**12, "quantity": 10**6} for n in range(1, 20)],
    [LINE | {"line_no": n, "unit_price": 10**12} for n in range(1, 500)],
]


@pytest.mark.parametrize("lines", HUGE, ids=["a line", "lines", "many lines"])
def test_an_order_beyond_all_measure_is_refused_and_the_place_named(admin, member, lines):
    answer = admin.put("/orders/web/HUGE", order_body(member(), lines=lines))
    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (422, "amount_too_large"), problem
    assert problem["errors"][0]["pointer"].startswith("/lines")
    assert db.session.scalar(text("SELECT count(*) FROM orders")) == 0


def test_the_largest_order_earns_the_largest_entry(admin, member):
    owner = member()
    lines = [LINE | {"unit_price": 1_000_000_000_000}]
    answer = admin.put("/orders/web/LARGE", order_body(owner, lines=lines))
    assert answer.status_code == 200, answer.data
    assert answer.get_json()["earned"]["points"] == 1_000_000_000
    assert not check.run()
