"""Orders of one member at the same time, with real commits: holds pay once, caps bind."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from api_client import Api
from order_bodies import order_body
from sqlalchemy import text

from crm.db import db
from crm.points import check

pytestmark = pytest.mark.usefixtures("committed")
THREADS = 6


@pytest.fixture
def at_once(app, admin: Api) -> Callable[..., list[Any]]:
    """Runs `ask(api, number)` in a thread for every number, all at the same time."""

    def run(ask: Callable[[Api, int], Any]) -> list[Any]:
        start = Barrier(THREADS)

        def one(number: int) -> Any:
            api = Api(app.test_client(), admin.key)
            start.wait()
            return ask(api, number)

        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(one, range(THREADS)))

    return run


@pytest.fixture
def held(admin, member):
    """A member's id, and a hold of 5,000 of his points."""
    who = {"member": {"id": str(owner := member())}}
    award = who | {"activity": "custom", "source_key": "x", "points": 5000}
    assert admin.post("/points/awards", award).status_code == 201
    answer = admin.post("/points/holds", who | {"points": 5000, "reference": "cart"})
    return owner, answer.json["id"]


def captures() -> int:
    return db.session.scalar(text("SELECT count(*) FROM points_entry WHERE kind = 'capture'"))


def test_one_order_written_many_times_at_once_spends_its_hold_once(admin, held, at_once):
    owner, hold_id = held
    body = order_body(owner, points_hold=hold_id)
    answers = at_once(lambda api, _: api.put("/orders/web/A1", body))
    assert Counter(answer.status_code for answer in answers) == {200: THREADS}
    assert {answer.json["earned"]["points"] for answer in answers} == {200}
    assert captures() == 1
    assert not check.run()


def test_of_many_orders_at_once_that_name_one_hold_one_is_paid_with_it(admin, held, at_once):
    owner, hold_id = held
    body = order_body(owner, points_hold=hold_id)
    answers = at_once(lambda api, number: api.put(f"/orders/web/A{number}", body))
    found = Counter((answer.status_code, answer.json.get("code")) for answer in answers)
    assert found == {(200, None): 1, (409, "hold_used"): THREADS - 1}
    assert captures() == 1
    assert not check.run()


def test_claims_and_orders_at_once_stay_within_the_cap_of_the_day(admin, member, at_once):
    owner = member()
    body = {"caps": {"per_member_day": 600}, "effective_at": "1970-01-01T00:00:00Z"}
    assert admin.put("/points/programme", body).status_code == 200
    for number in range(0, THREADS, 2):
        assert admin.put(f"/orders/web/A{number}", order_body()).status_code == 200

    def earn(api: Api, number: int) -> Any:
        if number % 2:
            return api.put(f"/orders/web/A{number}", order_body(owner))
        return api.post(f"/orders/web/A{number}/claim", {"member": {"id": str(owner)}})

    answers = at_once(earn)
    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json["earned"]["points"] for answer in answers) == 600
    assert not check.run()
