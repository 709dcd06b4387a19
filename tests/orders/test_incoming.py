"""The fast reader and the schema that explains accept the same orders, and read the same."""

from copy import deepcopy
from typing import Any

import marshmallow as ma
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from order_bodies import order_body

from crm.errors import Invalid
from crm.http.schema import invalid
from crm.orders import incoming
from crm.orders.schemas import BatchOrderIn

pytestmark = pytest.mark.usefixtures("no_database", "context")
QUIET = settings(
    max_examples=400,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
FULL = order_body() | {
    "channel": "web",
    "order_no": "A-1",
    "member": {"external_id": {"channel": "shopify", "id": "42"}},
    "delivered_at": "2026-11-02T02:00:00+08:00",
    "store": "jingan",
    "region": "Shanghai",
    "shipping": 800,
    "discount": 100,
}
FULL["lines"][0] |= {"category": "tea", "labels": ["green", "loose"], "discount": 5}
REFERENCES = [
    {"id": "01900000-0000-7000-8000-000000000001"}, {"phone": "13800138000"}, {"member_no": "1"},
    {"phone": "1"}, {"email": "A@b.example"}, {"email": "a"}, {"external_id": {"channel": "X"}},
    {"member_no": "1234567890"}, {"external_id": {"channel": "shopify\n", "id": "4"}},
    {"external_id": {"channel": "wechat_openid", "id": " o "}}, {"id": 7}, {}, [], 7, "x", True,
    {"phone": "13800138000", "email": "a@b.example"}, {"external_id": "x"}, {"nobody": 1},
]  # fmt: skip
INSTANTS = [
    "2026-11-01T02:00:00Z", "2026-11-01t02:00:00z", "2026-11-01T02:00:00+08:00",
    "2026-11-01T02:00:00-00:00", "2026-11-01 02:00:00Z", "2026-11-01T02:00:00",
    "2026-11-01T02:00:00.123456789Z", "2026-11-01T02:00:00.9999999Z", "2026-11-01T02:00:60Z",
    "2026-11-01T24:00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+01:00",
    "2200-12-31T23:59:59Z", "2201-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "2026-02-29T0",
    "2026-11-01T02:00:00+0800", "2026-11-01T02:00:00+99:00", "2026-11-01T02:00:00Z\n", 0, 1.5,
    "٢٠٢٦-11-01T02:00:00Z", "2026-11-01T02:00:00.1234567890Z", "2026-11-01T02:00Z",
]  # fmt: skip
TEXTS = [
    "", " ", "x", " x ", "x\n", "\nx", "x\u00a0", "\u3000茶", "a\tb", "a\x7fb", "a\x00",
    "x" * 40, "x" * 41, "x" * 64, "x" * 65, "x" * 100, "x" * 101, "x" * 200, "x" * 201, "😀" * 64,
    "web", "web\n", "_web", "WEB:1/2", "CNY", "cny", "CNY ", "paid", "paid ", "placed", "refunded",
    "a\u2028b", "\ufeffx", "\x85x",
]  # fmt: skip
NUMBERS = [0, 1, -1, 30, 500, 10**5, 10**5 + 1, 10**6, 10**6 + 1, 10**12, 10**12 + 1, 2**63, 1.0]
OTHERS: list[Any] = [None, True, False, "1", [], {}, [None], [[]], {"a": 1}, ["x"], ["x"] * 31]
VALUES = st.sampled_from(INSTANTS + TEXTS + NUMBERS + OTHERS + REFERENCES) | st.text(max_size=6)


def by_schema(body: Any) -> Any:
    """What the schema alone makes of a body: the order as JSON can show it, or what is wrong."""
    try:
        return shown(incoming._from_schema(BatchOrderIn().load(deepcopy(body))))
    except ma.ValidationError as error:
        return complaints(invalid(error))
    except Invalid as error:
        return complaints(error)


def by_reader(body: Any) -> Any:
    """What the reader makes of it."""
    try:
        return shown(incoming.read(deepcopy(body)))
    except Invalid as error:
        return complaints(error)


def complaints(refused: Invalid) -> list[tuple[str, str]]:
    assert refused.errors
    return sorted((error.pointer, error.code) for error in refused.errors)


def shown(order: incoming.Incoming) -> Any:
    found = msgspec.structs.asdict(order)
    found["lines"] = [msgspec.structs.asdict(line) for line in order.lines]
    assert all(at is None or at.utcoffset().total_seconds() == 0 for at in times(order))
    return found


def times(order: incoming.Incoming) -> tuple[Any, ...]:
    return order.placed_at, order.updated_at, order.paid_at, order.delivered_at


def places(body: Any, steps: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a body."""
    found = [steps] if steps else []
    for key, inner in body.items() if isinstance(body, dict) else enumerate(body):
        found += places(inner, (*steps, key)) if isinstance(inner, dict | list) else [(*steps, key)]
    return found


def changed(steps: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The full order with one place set to something else."""
    body = deepcopy(FULL)
    inner: Any = body
    for step in steps[:-1]:
        inner = inner[step]
    inner[steps[-1]] = value
    return body


def test_a_good_order_is_read_the_same_by_both():
    order = by_reader(FULL)
    assert isinstance(order, dict)
    assert order == by_schema(FULL)


@QUIET
@given(steps=st.sampled_from(places(FULL)), value=VALUES)
def test_both_accept_the_same_values_at_every_place_and_read_them_the_same(steps, value):
    body = changed(steps, value)
    assert by_reader(body) == by_schema(body)


@pytest.mark.parametrize("name", ["placed_at", "paid_at", "updated_at"])
def test_both_read_the_same_instants(name):
    for value in INSTANTS:
        assert by_reader(changed((name,), value)) == by_schema(changed((name,), value)), value


@pytest.mark.parametrize("name", ["channel", "order_no", "currency", "store", "region"])
def test_both_read_the_same_texts(name):
    for value in TEXTS:
        assert by_reader(changed((name,), value)) == by_schema(changed((name,), value)), value


def test_both_read_the_same_references():
    for value in REFERENCES:
        assert by_reader(changed(("member",), value)) == by_schema(changed(("member",), value))


@QUIET
@given(steps=st.sampled_from(places(FULL)))
def test_both_miss_the_same_fields(steps):
    body = deepcopy(FULL)
    inner: Any = body
    for step in steps[:-1]:
        inner = inner[step]
    del inner[steps[-1]]
    assert by_reader(body) == by_schema(body)


@pytest.mark.parametrize("steps", [(), ("lines", 0), ("member",), ("member", "external_id")])
def test_both_refuse_what_they_do_not_know(steps):
    body = deepcopy(FULL)
    inner: Any = body
    for step in steps:
        inner = inner[step]
    inner["is_admin"] = True
    assert by_reader(body) == by_schema(body)
    assert isinstance(by_reader(body), list)


@pytest.mark.parametrize("body", [None, True, 7, "x", [], [FULL]], ids=repr)
def test_what_is_no_object_is_refused(body):
    assert by_reader(body) == by_schema(body) == [("", "invalid_type")]
