"""Closing and merging at once, with real commits: nobody is left without marketing for nothing."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from api_client import Api
from order_bodies import order_body
from test_cases_api import blocks

pytestmark = pytest.mark.usefixtures("committed")


def at_once(app, key: str, *asks) -> list[int]:
    """Run these at the same time, each with a client of its own; the status codes."""
    start = Barrier(len(asks))

    def run(ask) -> int:
        api = Api(app.test_client(), key)
        start.wait()
        return ask(api).status_code

    with ThreadPoolExecutor(len(asks)) as pool:
        return list(pool.map(run, asks))


def test_a_merge_among_changes_keeps_cases_and_stops_together(app, admin, person, complain):
    for turn in range(6):
        merge_among_changes(app, admin, person(), person(), complain, f"A{turn}")


def merge_among_changes(app, admin, kept, gone, complain, order_no: str) -> None:
    admin.put(f"/orders/web/{order_no}", order_body(gone))
    named = {"order": {"channel": "web", "order_no": order_no}}
    cases = [complain(gone, **named)["id"] for _ in range(3)]
    body = {"member": {"id": str(gone)}, "kind": "other", "subject": "Late", **named}
    codes = at_once(
        app,
        admin.key,
        lambda api: api.post(f"/members/{kept}/merge", {"from": {"id": str(gone)}}),
        lambda api: api.patch(f"/cases/{cases[0]}", {"state": "closed", "reason": "resolved"}),
        lambda api: api.patch(f"/cases/{cases[1]}", {"state": "waiting"}),
        lambda api: api.post("/cases", body),
    )
    assert codes[0] in (201, 409, 503), codes
    assert codes[1:3] == [200, 200], codes
    rows = admin.get("/cases", query_string={"open": "true"}).get_json()["data"]
    for member in (kept, gone):
        mine = sorted(row["id"] for row in rows if row["member_id"] == str(member))
        assert [ref for _, ref in blocks(member)] == mine


def test_eight_who_send_the_same_open_one_case(app, admin, person):
    body = {"member": {"id": str(person())}, "kind": "other", "subject": "x"}
    asks = [lambda api: api.post("/cases", body, idem="one")] * 8
    assert set(at_once(app, admin.key, *asks)) <= {201, 409}
    assert len(admin.get("/cases").get_json()["data"]) == 1
