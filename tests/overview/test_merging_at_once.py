"""Merges while traffic goes on, with real commits: nothing is lost, one of two that cross wins."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest
from api_client import Api
from people import make
from sqlalchemy import text

from crm.db import db
from crm.orders import checking
from crm.points import check

pytestmark = pytest.mark.usefixtures("committed")
PLACED = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
THREADS = 6
PATIENCE = 40  # how often a caller who is told to come again does so


@pytest.fixture
def at_once(app, admin: Api) -> Callable[..., list[Any]]:
    """Runs these calls at the same time, each in a thread of its own; again while contended."""

    def run(*calls: Callable[[Api], list[Any]]) -> list[list[Any]]:
        start = Barrier(len(calls))

        def one(call: Callable[[Api], list[Any]]) -> list[Any]:
            api = Api(app.test_client(), admin.key)
            start.wait()
            return call(api)

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(one, calls))

    return run


def patient(ask: Callable[[], Any]) -> Any:
    """The answer of a caller who comes again when told to."""
    for _ in range(PATIENCE):
        answer = ask()
        if "Retry-After" not in answer.headers:
            return answer
    raise AssertionError("contended for ever")


def who(member_id) -> dict[str, Any]:
    return {"member": {"id": str(member_id)}}


def merge(api: Api, into, gone) -> Any:
    body = {"from": {"id": str(gone)}}
    return patient(lambda: api.post(f"/members/{into}/merge", body))


def order(member_id) -> dict[str, Any]:
    line = {"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": 1000}
    at = PLACED.isoformat()
    body = {"status": "paid", "placed_at": at, "updated_at": at, "currency": "CNY", "lines": [line]}
    return who(member_id) | body


def sound() -> None:
    db.session.rollback()
    assert check.run() == []
    assert checking.look(None).wrong == []


def test_of_two_merges_that_cross_one_wins_and_the_other_is_refused(at_once):
    for _ in range(6):
        a, b = make(), make()
        ways = [lambda api, pair=pair: [merge(api, *pair)] for pair in ((a, b), (b, a))]
        answers = at_once(*ways)
        found = sorted((one.status_code, one.get_json().get("code")) for (one,) in answers)
        assert found == [(201, None), (409, "merge_cycle")]
    sound()


def test_one_merge_from_many_threads_is_one_merge(at_once):
    a, b = make(), make()
    answers = at_once(*[lambda api: [merge(api, a, b)]] * THREADS)
    assert Counter(one.status_code for (one,) in answers) == {201: 1, 200: THREADS - 1}
    assert len({one.get_json()["id"] for (one,) in answers}) == 1
    sound()


def test_awards_spends_and_orders_of_both_during_merges_and_undos_lose_nothing(admin, at_once):
    a, b = make(), make()
    award = {"activity": "custom", "points": 100}
    for place, one in enumerate((a, b)):
        admin.post("/points/awards", who(one) | award | {"source_key": f"start-{place}"})

    def awards(api: Api) -> list[Any]:
        return [
            patient(lambda n=n: api.post(
                "/points/awards", who((a, b)[n % 2]) | award | {"source_key": f"s{n}"}
            ))
            for n in range(24)
        ]  # fmt: skip

    def spends(api: Api) -> list[Any]:
        body = {"points": 100, "reference": "till"}
        return [
            patient(lambda n=n: api.post("/points/redemptions", who((a, b)[n % 2]) | body))
            for n in range(12)
        ]

    def orders(first: int) -> Callable[[Api], list[Any]]:
        return lambda api: [
            patient(lambda n=n: api.put(f"/orders/web/{first}-{n}", order((b, a)[n % 2])))
            for n in range(12)
        ]

    def merges(api: Api) -> list[Any]:
        done = []
        for _ in range(4):
            merged = merge(api, a, b)
            path = f"/merges/{merged.get_json()['id']}/undo"
            done += [merged, patient(lambda path=path: api.post(path))]
        return [*done, merge(api, a, b)]

    given, spent, *bought, merged = at_once(awards, spends, orders(1), orders(2), merges)
    assert {one.status_code for one in given} == {201}
    assert {one.status_code for one in spent} <= {201, 422}
    assert {one.status_code for part in bought for one in part} == {200}
    assert {one.status_code for one in merged} == {200, 201}
    sound()
    left = 26 * 100 - 100 * sum(one.status_code == 201 for one in spent)
    kept = db.session.execute(text("SELECT member_id, points, counted FROM orders")).all()
    assert [(one.member_id, one.counted) for one in kept] == [(a, True)] * 24
    found = admin.get(f"/members/{a}/points").get_json()
    assert found["available"] + found["pending"] == left + sum(one.points for one in kept)


def test_notes_and_tags_that_come_during_a_merge_are_not_left_behind(admin, at_once):
    a, b = make(), make()

    def words(api: Api) -> list[Any]:
        notes = [api.post(f"/members/{b}/notes", {"text": f"n{n}"}) for n in range(8)]
        return notes + [api.put(f"/members/{b}/tags/t{n}") for n in range(8)]

    found, _ = at_once(words, lambda api: [merge(api, a, b)])
    assert {one.status_code for one in found} <= {200, 201, 404}
    notes = sum(one.status_code == 201 for one in found)
    tags = sum(one.status_code == 200 for one in found)
    timeline = admin.get(f"/members/{a}/timeline?limit=100").get_json()["data"]
    assert sum(item["kind"] == "note" for item in timeline) == notes
    assert len(admin.get(f"/members/{a}").get_json()["tags"]) == tags
