"""Many at once over HTTP, against a real server: nothing lost, nothing twice, nobody stuck."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from clocks import set_to
from people import make
from program import SWEEPS, stamp
from served import Answer, HttpApi
from told_twice import START

from crm.db import db
from crm.points import check

THREADS = 16
Ask = Callable[[int], Answer]


@pytest.fixture
def shop(served_shop: HttpApi) -> HttpApi:
    """A shop at an instant that stands."""
    set_to(START)
    return served_shop


def at_once(times: int, ask: Ask) -> list[Answer]:
    """`ask(number)` for every number, sixteen at a time; all begin together."""
    start = Barrier(THREADS)

    def some(first: int) -> list[Answer]:
        start.wait()
        return [ask(number) for number in range(first, times, THREADS)]

    with ThreadPoolExecutor(THREADS) as pool:
        return [answer for part in pool.map(some, range(THREADS)) for answer in part]


def person() -> dict[str, Any]:
    return {"id": str(make(joined=START - timedelta(days=1)))}


def people(count: int) -> list[dict[str, Any]]:
    return [person() for _ in range(count)]


def statuses(answers: list[Answer]) -> dict[int, int]:
    return dict(Counter(answer.status_code for answer in answers))


def award(shop: HttpApi, who: dict[str, Any], points: int, **more: Any) -> Answer:
    body = {"activity": "custom", "source_key": uuid4().hex, "points": points}
    return shop("POST", "/points/awards", {"member": who} | body | more)


def balance(shop: HttpApi, who: dict[str, Any]) -> int:
    found = shop("GET", f"/members/{who['id']}/points").get_json()
    return found["available"] + found["pending"] + found["held"] - found["debt"]


def sound() -> None:
    assert check.run() == []
    db.session.rollback()


def test_a_hundred_redemptions_of_a_hundred_from_a_thousand_are_ten(shop):
    who = person()
    for _ in range(4):
        award(shop, who, 250)
    body = {"member": who, "points": 100, "reference": "till"}
    answers = at_once(100, lambda _: shop("POST", "/points/redemptions", body))
    assert statuses(answers) == {201: 10, 422: 90}
    assert balance(shop, who) == 0
    sound()


def test_a_hundred_holds_captures_and_redemptions_of_a_thousand_are_ten(shop):
    who = person()
    award(shop, who, 1000)
    body = {"member": who, "points": 100, "reference": "till"}

    def ask(number: int) -> Answer:
        if number % 2:
            return shop("POST", "/points/redemptions", body)
        placed = shop("POST", "/points/holds", body)
        if placed.status_code == 201 and number % 4:
            return shop("POST", f"/points/holds/{placed.get_json()['id']}/capture")
        return placed

    answers = at_once(100, ask)
    found = statuses(answers)
    assert found[422] == 90
    assert found.get(200, 0) + found.get(201, 0) == 10
    assert shop("GET", f"/members/{who['id']}/points").get_json()["available"] == 0
    sound()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/points/redemptions", {"points": 100, "reference": "till"}, 201),
        ("/points/redemptions", {"points": 5000, "reference": "till"}, 422),
        ("/points/holds", {"points": 100, "reference": "cart"}, 201),
        ("/points/adjustments", {"points": 50, "reason_code": "goodwill", "note": "n"}, 201),
        ("/points/awards", {"points": 50, "activity": "custom", "source_key": "one"}, 201),
    ],
    ids=["redemption", "refusal", "hold", "adjustment", "award"],
)
def test_one_key_from_fifty_callers_is_one_effect_and_one_answer(shop, path, body, status):
    who = person()
    award(shop, who, 1000)
    key = uuid4().hex
    answers = at_once(50, lambda _: shop("POST", path, {"member": who} | body, idem=key))
    final = [answer for answer in answers if answer.status_code != 409]
    for answer in answers:  # who waited too long for the first is told to come again
        assert answer in final or answer.get_json()["code"] == "idempotency_in_progress"
    assert statuses(final) == {status: len(final)}
    assert len({answer.data for answer in final}) == 1
    assert sum(answer.headers["Idempotent-Replayed"] is None for answer in final) == 1
    entries = shop("GET", f"/members/{who['id']}/points/entries").get_json()["data"]
    assert len(entries) == (2 if status == 201 else 1)
    sound()


def test_transfers_that_cross_each_other_never_wait_for_each_other_for_ever(shop):
    circle = people(4)
    for who in circle:
        award(shop, who, 1000)

    def ask(number: int) -> Answer:
        giver, taker = circle[number % 4], circle[(number + 1 + number // 4 % 3) % 4]
        ends = {"from": giver, "to": taker}
        return shop("POST", "/points/transfers", ends | {"points": 10, "reason": "a gift"})

    assert statuses(at_once(120, ask)) == {201: 120}
    assert sum(balance(shop, who) for who in circle) == 4000
    sound()


def test_merges_undos_and_spending_at_once_keep_every_point(shop):
    into, gone = people(2)
    for who in (into, gone):
        award(shop, who, 1000)
    spent: list[int] = []

    def ask(number: int) -> Answer:
        if number % 8 == 0:
            merged = shop("POST", f"/members/{into['id']}/merge", {"from": gone})
            if merged.status_code in (200, 201):
                shop("POST", f"/merges/{merged.get_json()['id']}/undo")
            return merged
        body = {"member": (into, gone)[number % 2], "points": 10, "reference": "till"}
        answer = shop("POST", "/points/redemptions", body)
        if answer.status_code == 201:
            spent.append(10)
        return answer

    found = statuses(at_once(96, ask))
    assert set(found) <= {200, 201, 409, 422}, found
    left = shop("GET", f"/members/{into['id']}/points").get_json()["available"]
    other = shop("GET", f"/members/{gone['id']}/points")
    left += other.get_json()["available"] if other.status_code == 200 else 0
    assert left == 2000 - sum(spent)
    sound()


def test_all_that_can_happen_to_some_members_at_once_adds_up(app, shop):
    crowd = people(6)
    for who in crowd:
        award(shop, who, 1000)
        award(shop, who, 77, expires_at=stamp(START + timedelta(days=1)))
    set_to(START + timedelta(days=2))
    at = stamp(START + timedelta(days=2))
    line = {"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": 10_000}
    order = {"status": "paid", "placed_at": at, "updated_at": at, "currency": "CNY"}

    def ask(number: int) -> Answer:
        who = crowd[number // 6 % 6]
        match number % 6:
            case 0:
                return award(shop, who, 50)
            case 1:
                items = [
                    {"member": one, "activity": "custom", "source_key": f"{number}-{place}",
                     "points": 5}
                    for place, one in enumerate(crowd)
                ]  # fmt: skip
                return again(lambda: shop("POST", "/points/awards/batch", items))
            case 2:
                body = {"member": who, "points": 30, "reference": "till"}
                return shop("POST", "/points/redemptions", body)
            case 3:
                return shop(
                    "PUT", f"/orders/web/{number}", {"member": who, "lines": [line]} | order
                )
            case 4:
                shop("PUT", f"/orders/web/{number}", {"member": who, "lines": [line]} | order)
                refund = {"refunded_at": at, "amount": 2500}
                return shop("PUT", f"/orders/web/{number}/refunds/1", refund)
        with app.app_context():
            for sweep in SWEEPS.values():
                sweep(START + timedelta(days=2))
        return shop("GET", f"/members/{who['id']}/points")

    answers = at_once(144, ask)
    assert set(statuses(answers)) <= {200, 201}, statuses(answers)
    # 24 of each kind, four of them for each member; batches give to all six
    expected = 1000 + 4 * 50 + 24 * 5 - 4 * 30 + 4 * 100 + 4 * 75
    assert [balance(shop, who) for who in crowd] == [expected] * 6
    sound()


def again(ask: Callable[[], Answer]) -> Answer:
    """A shop tries again when it is told to."""
    for _ in range(20):
        answer = ask()
        if "Retry-After" not in answer.headers:
            return answer
    raise AssertionError("told to come again for ever")
