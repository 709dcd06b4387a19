"""Many at once, with real commits: nothing is lost, nothing happens twice, nobody deadlocks."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest
from api_client import Api
from sqlalchemy import text

from crm.db import db
from crm.points import check

pytestmark = pytest.mark.usefixtures("committed")
PLACED = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
THREADS = 8  # as many as connections and cores make sense of; they take turns at the rest


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


def who(member_id) -> dict[str, Any]:
    return {"member": {"id": str(member_id)}}


def statuses(answers) -> dict[int, int]:
    return dict(Counter(answer.status_code for answer in answers))


def order(member_id, **changes) -> dict[str, Any]:
    line = {"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": 25000}
    at = PLACED.isoformat()
    body = {"status": "paid", "placed_at": at, "updated_at": at, "currency": "CNY", "lines": [line]}
    return who(member_id) | body | changes


def count(table: str) -> int:
    return db.session.scalar(text(f"SELECT count(*) FROM {table}"))


def test_a_hundred_redemptions_of_a_hundred_from_a_thousand_are_ten(
    person, award, points_of, at_once
):
    member = person()
    for _ in range(4):
        award(member, 250)
    body = who(member) | {"points": 100, "reference": "till"}
    answers = at_once(100, lambda api, _: api.post("/points/redemptions", body))
    assert statuses(answers) == {201: 10, 422: 90}
    refused = [answer.get_json() for answer in answers if answer.status_code == 422]
    assert {problem["code"] for problem in refused} == {"insufficient_points"}
    assert points_of(member)["available"] == 0
    assert not check.run()


def test_batches_to_the_same_members_at_once_are_all_given(person, points_of, at_once):
    members = [person() for _ in range(20)]

    def ask(api: Api, number: int) -> Any:
        turned = members if number % 2 else members[::-1]
        items = [
            who(member) | {"activity": "review", "points": 1, "source_key": f"{number}-{place}"}
            for place, member in enumerate(turned * 15)
        ]
        return api.post("/points/awards/batch", items)

    answers = at_once(24, ask)
    assert {answer.get_json()["given"] for answer in answers} == {300}
    assert [points_of(member)["available"] for member in members] == [24 * 15] * 20
    assert not check.run()


def test_one_key_from_fifty_threads_is_one_effect_and_one_answer(person, award, at_once):
    member = person()
    award(member, 1000)
    body = who(member) | {"points": 100, "reference": "till"}
    answers = at_once(50, lambda api, _: api.post("/points/redemptions", body, idem="one"))
    assert statuses(answers) == {201: 50}
    assert len({answer.data for answer in answers}) == 1
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 49
    assert count("points_entry") == 2
    assert not check.run()


def test_one_key_from_fifty_threads_is_refused_in_the_same_words(person, at_once):
    body = who(person()) | {"points": 100, "reference": "till"}
    answers = at_once(50, lambda api, _: api.post("/points/redemptions", body, idem="one"))
    assert statuses(answers) == {422: 50}
    assert len({answer.data for answer in answers}) == 1
    assert count("points_entry") == 0


def test_one_key_from_many_threads_is_one_batch(person, at_once):
    batch = [order(person()) | {"channel": "web", "order_no": f"B{n}"} for n in range(5)]
    answers = at_once(12, lambda api, _: api.post("/orders/batch", batch, idem="one"))
    found = statuses(answers)
    assert set(found) <= {200, 409}
    assert len({answer.data for answer in answers if answer.status_code == 200}) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.get_json()["code"] == "idempotency_in_progress"
            assert answer.headers["Retry-After"]
    assert (count("orders"), count("points_entry")) == (5, 5)


def test_one_source_from_twenty_threads_with_keys_of_their_own_is_one_award(person, at_once):
    body = who(person()) | {"activity": "review", "source_key": "r1", "points": 30}
    answers = at_once(20, lambda api, _: api.post("/points/awards", body))
    assert statuses(answers) == {201: 1, 200: 19}
    assert len({answer.get_json()["id"] for answer in answers}) == 1
    assert count("points_entry") == 1
    assert not check.run()


def test_one_source_for_many_members_is_the_first_ones(person, at_once):
    members = [person() for _ in range(THREADS)]

    def ask(api: Api, number: int) -> Any:
        source = {"activity": "review", "source_key": "r1", "points": 30}
        return api.post("/points/awards", who(members[number % THREADS]) | source)

    answers = at_once(THREADS * 2, ask)
    found = statuses(answers)
    assert found[201] == 1
    assert found.get(200, 0) + found[409] == THREADS * 2 - 1
    assert count("points_entry") == 1
    assert not check.run()


def test_the_same_new_order_from_ten_threads_is_one_order_and_one_earning(person, at_once):
    member = person()
    answers = at_once(10, lambda api, _: api.put("/orders/web/A1", order(member)))
    assert statuses(answers) == {200: 10}
    assert {answer.get_json()["earned"]["points"] for answer in answers} == {250}
    assert len({answer.get_json()["id"] for answer in answers}) == 1
    assert (count("orders"), count("points_entry")) == (1, 1)
    assert not check.run()


def test_a_refund_and_its_order_that_come_at_once_end_as_one_after_the_other(person, at_once):
    orders = 24
    members = [person() for _ in range(orders)]
    refund = {"refunded_at": PLACED.isoformat(), "amount": 5000}

    def ask(api: Api, number: int) -> Any:
        path = f"/orders/web/R{number // 2}"
        if number % 2:
            return api.put(f"{path}/refunds/1", refund)
        return api.put(path, order(members[number // 2]))

    answers = at_once(orders * 2, ask)
    assert set(statuses(answers)) <= {200, 202}
    ends = db.session.execute(text("SELECT net, points FROM orders")).all()
    assert len(ends) == orders
    assert set(map(tuple, ends)) == {(20000, 200)}
    assert not check.run()


def test_everything_at_once_for_one_member_adds_up(person, award, points_of, at_once):
    member = person()
    award(member, 2000)
    spend = who(member) | {"points": 100, "reference": "till"}

    def ask(api: Api, number: int) -> Any:
        match number % 4:
            case 0:
                return api.post("/points/redemptions", spend)
            case 1:
                given = {"activity": "custom", "source_key": f"s{number}", "points": 100}
                return api.post("/points/awards", who(member) | given)
            case 2:
                return api.put(f"/orders/web/E{number}", order(member))
        cancelled = order(member, status="cancelled", updated_at="2026-11-02T02:00:00Z")
        return api.put(f"/orders/web/E{number - 1}", cancelled)

    answers = at_once(48, ask)
    assert set(statuses(answers)) <= {200, 201}
    assert points_of(member)["available"] == 2000 - 12 * 100 + 12 * 100
    assert not check.run()


def test_batches_that_cross_the_same_members_and_orders_do_not_deadlock(person, at_once):
    members = [person() for _ in range(10)]

    def ask(api: Api, number: int) -> Any:
        batch = [
            order(members[place], updated_at=f"2026-11-01T02:{number:02}:00Z")
            | {"channel": "web", "order_no": f"X{place}"}
            for place in range(10)
        ]
        for _ in range(20):
            answer = api.post("/orders/batch", batch if number % 2 else batch[::-1])
            if answer.status_code != 409:
                return answer
            assert answer.get_json()["code"] == "contended"
        raise AssertionError("contended for ever")

    answers = at_once(16, ask)
    assert statuses(answers) == {200: 16}
    assert {answer.get_json()["refused"] for answer in answers} == {0}
    assert (count("orders"), count("points_entry")) == (10, 10)
    assert not check.run()


def test_holds_at_once_never_reserve_more_than_there_is(person, award, points_of, at_once):
    member = person()
    for _ in range(4):
        award(member, 250)
    body = who(member) | {"points": 100, "reference": "cart"}
    answers = at_once(40, lambda api, _: api.post("/points/holds", body))
    assert statuses(answers) == {201: 10, 422: 30}
    found = points_of(member)
    assert (found["available"], found["held"]) == (0, 1000)
    assert not check.run()


def test_holds_and_redemptions_at_once_share_what_there_is(person, award, points_of, at_once):
    member = person()
    award(member, 1000)
    body = who(member) | {"points": 100, "reference": "cart"}
    paths = ("/points/holds", "/points/redemptions")
    answers = at_once(40, lambda api, number: api.post(paths[number % 2], body))
    assert statuses(answers) == {201: 10, 422: 30}
    assert points_of(member)["available"] == 0
    assert not check.run()


def test_of_a_capture_and_a_void_at_once_one_wins(admin, person, award, points_of, at_once):
    member, holds = person(), 12
    award(member, 100 * holds)
    body = who(member) | {"points": 100, "reference": "cart"}
    ids = [admin.post("/points/holds", body).get_json()["id"] for _ in range(holds)]

    def ask(api: Api, number: int) -> Any:
        verb = "capture" if number % 2 else "void"
        return number, api.post(f"/points/holds/{ids[number // 2]}/{verb}")

    captured = 0
    answers = dict(at_once(holds * 2, ask))
    for place in range(holds):
        void, capture = answers[2 * place], answers[2 * place + 1]
        assert sorted([void.status_code, capture.status_code]) == [200, 409]
        loser = capture if void.status_code == 200 else void
        assert loser.get_json()["code"] in ("hold_void", "hold_captured")
        captured += capture.status_code == 200
    found = points_of(member)
    assert (found["available"], found["held"]) == (100 * (holds - captured), 0)
    assert not check.run()


def test_captures_of_one_hold_at_once_spend_it_once(admin, person, award, points_of, at_once):
    member = person()
    award(member, 500)
    hold = admin.post("/points/holds", who(member) | {"points": 300, "reference": "cart"})
    path = f"/points/holds/{hold.get_json()['id']}/capture"
    answers = at_once(20, lambda api, _: api.post(path, {"points": 100}))
    assert statuses(answers) == {200: 1, 409: 19}
    assert points_of(member)["available"] == 400
    assert not check.run()


def test_reversals_at_once_give_back_no_more_than_was_spent(
    admin, person, award, points_of, at_once
):
    member = person()
    award(member, 500)
    spent = admin.post("/points/redemptions", who(member) | {"points": 300, "reference": "till"})
    path = f"/points/redemptions/{spent.get_json()['id']}/reverse"
    answers = at_once(20, lambda api, _: api.post(path, {"points": 100}))
    assert statuses(answers) == {201: 3, 409: 17}
    assert points_of(member)["available"] == 500
    assert not check.run()


def test_crossing_transfers_do_not_deadlock_and_lose_nothing(person, award, points_of, at_once):
    one, two = person(), person()
    for member in (one, two):
        award(member, 1000)

    def ask(api: Api, number: int) -> Any:
        giver, taker = (one, two) if number % 2 else (two, one)
        ends = {"from": {"id": str(giver)}, "to": {"id": str(taker)}}
        return api.post("/points/transfers", ends | {"points": 10 + number % 3, "reason": "x"})

    answers = at_once(48, ask)
    assert statuses(answers) == {201: 48}
    assert points_of(one)["available"] + points_of(two)["available"] == 2000
    assert not check.run()
