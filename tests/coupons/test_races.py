"""Many at once, with real commits: the first use wins, and nobody gets what is not there."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from api_client import Api
from coupon_counters import counters_are_true
from order_bodies import order_body

pytestmark = pytest.mark.usefixtures("committed")
THREADS = 8


@pytest.fixture
def at_once(app, admin: Api) -> Callable[..., list[Any]]:
    """Runs `ask(api, number)` for every number, many at a time, each thread with its client."""

    def run(times: int, ask: Callable[[Api, int], Any]) -> list[Any]:
        start = Barrier(THREADS)

        def some(first: int) -> list[Any]:
            api = Api(app.test_client(), admin.key)
            start.wait()
            return [ask(api, number) for number in range(first, times, THREADS)]

        with ThreadPoolExecutor(THREADS) as pool:
            return [answer for part in pool.map(some, range(THREADS)) for answer in part]

    return run


def told(answers) -> dict[str, int]:
    """How often each refusal came, or success."""
    return dict(Counter(one.get_json().get("code", "") for one in answers if one.status_code > 299))


def issue(api: Api, template: dict, member, occasion: str = "x") -> Any:
    body = {"member": {"id": str(member)}, "occasion": occasion}
    return api.post(f"/coupon-templates/{template['id']}/issue", body)


def codes(answers) -> list[str]:
    return [one.get_json()["code"] for one in answers if one.status_code < 300]


def test_a_pool_of_a_hundred_for_a_hundred_and_thirty_members(admin, made, person, at_once):
    template, members = made(), [person() for _ in range(130)]
    admin.post(f"/coupon-templates/{template['id']}/codes", {"count": 100})
    answers = at_once(130, lambda api, n: issue(api, template, members[n]))
    assert len(set(codes(answers))) == len(codes(answers)) == 100
    assert told(answers) == {"pool_empty": 30}
    counters_are_true()


def test_fifty_orders_at_once_are_one_use(made, person, admin, at_once):
    code = issue(admin, made(), person()).get_json()["code"]
    path = f"/coupons/{code}/use"
    answers = at_once(50, lambda api, n: api.post(path, {"channel": "web", "order_no": f"A{n}"}))
    assert Counter(one.status_code for one in answers) == {200: 1, 409: 49}
    assert told(answers) == {"already_used": 49}
    counters_are_true()


def test_fifty_carts_at_once_are_one_reservation(made, person, admin, at_once):
    code = issue(admin, made(), person()).get_json()["code"]
    path = f"/coupons/{code}/reserve"
    answers = at_once(50, lambda api, n: api.post(path, {"reference": f"cart-{n}"}))
    assert told(answers) == {"reserved_elsewhere": 49}


def test_stock_budget_and_shares_hold_at_once(made, person, at_once):
    stock, budget, share = made(stock=20), made(budget=40_000), made(per_member_limit=3)
    members = [person() for _ in range(32)]
    assert told(at_once(32, lambda api, n: issue(api, stock, members[n]))) == {"stock_empty": 12}
    found = told(at_once(32, lambda api, n: issue(api, budget, members[n])))
    assert found == {"budget_exhausted": 12}
    found = told(at_once(24, lambda api, n: issue(api, share, members[n % 2], f"o{n}")))
    assert found == {"member_limit_reached": 18}
    counters_are_true()


def test_one_occasion_from_many_threads_is_one_coupon(made, person, at_once):
    template, member = made(), person()
    answers = at_once(24, lambda api, _: issue(api, template, member))
    assert Counter(one.status_code for one in answers) == {201: 1, 200: 23}
    assert len(set(codes(answers))) == 1
    counters_are_true()


def test_codes_of_a_pool_that_are_used_while_they_are_given(admin, made, person, at_once):
    template = made(per_member_limit=2)
    members = [person() for _ in range(30)]
    path = f"/coupon-templates/{template['id']}/codes"
    drawn = admin.post(path, {"count": 30}).get_json()["codes"]

    def ask(api: Api, number: int) -> Any:
        if number % 2:
            return issue(api, template, members[number // 2])
        body = {"channel": "web", "order_no": f"A{number}"}
        return api.post(f"/coupons/{drawn[number // 2]}/use", body)

    answers = at_once(60, ask)
    assert set(told(answers)) <= {"pool_empty", "contended"}
    counters_are_true()
    left = admin.get(f"/coupon-templates/{template['id']}").get_json()
    assert left["used"] == 30
    assert left["issued"] + left["pool"] == 30


def test_used_given_back_and_used_at_once_adds_up(made, person, admin, at_once):
    template = made(budget=6000, kind="percent", value=50)
    held = [issue(admin, template, person()).get_json()["code"] for _ in range(4)]
    cart = {"lines": [{"sku": "T", "quantity": 1, "unit_price": 4000}]}

    def ask(api: Api, number: int) -> Any:
        path, order = (
            f"/coupons/{held[number % 4]}",
            {"channel": "web", "order_no": f"{number // 8}"},
        )
        if number % 3 == 2:
            return api.post(f"{path}/release", order)
        return api.post(f"{path}/use", order | {"order": cart})

    answers = at_once(96, ask)
    assert set(told(answers)) <= {"already_used", "not_used_by_order", "budget_exhausted"}
    counters_are_true()


def test_one_code_on_many_new_orders_at_once_is_used_by_one(made, person, admin, at_once):
    members = [person() for _ in range(24)]
    (code,) = admin.post(f"/coupon-templates/{made()['id']}/codes", {"count": 1}).get_json()[
        "codes"
    ]

    def ask(api: Api, number: int) -> Any:
        body = order_body(members[number], coupons=[code])
        return api.put(f"/orders/web/R{number}", body)

    answers = at_once(24, ask)
    assert {one.status_code for one in answers} == {200}
    states = Counter(one.get_json()["coupons"][0]["state"] for one in answers)
    assert states == {"used": 1, "refused": 23}
    counters_are_true()


def test_batches_orders_and_issues_that_cross_the_same_templates_do_not_deadlock(
    made, person, admin, at_once
):
    kinds = [made(), made(kind="percent", value=10, budget=10_000_000)]
    members = [person() for _ in range(6)]
    held = [issue(admin, kinds[n % 2], members[n]).get_json()["code"] for n in range(6)]

    def ask(api: Api, number: int) -> Any:
        at = f"2026-11-01T02:{number:02}:00Z"
        batch = [
            order_body(members[n], coupons=[held[n]], channel="web", order_no=f"X{n}")
            | {"updated_at": at, "status": "cancelled" if number % 3 == 0 else "paid"}
            for n in range(6)
        ]
        if number % 4 == 3:
            return issue(api, kinds[number % 2], members[number % 6], f"o{number}")
        return api.post("/orders/batch", batch if number % 2 else batch[::-1])

    answers = at_once(32, ask)
    assert {one.status_code for one in answers} <= {200, 201, 409}
    assert set(told(answers)) <= {"contended"}
    counters_are_true()
