"""Keys for the routes that are not one statement: claim, effect and answer are one transaction."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest
from flask import Flask, jsonify, request
from sqlalchemy import text

from crm.app import create_app
from crm.clock import system_now
from crm.db import after_commit, db, transaction
from crm.errors import FieldError, Invalid, NotFound, Refused
from crm.http import idempotency, idempotent, needs
from crm.http.problems import Contended

COUNT = "SELECT count(*) FROM installation"
WRITE = "INSERT INTO installation (key, value) VALUES (:key, '1')"


class Shop:
    """A view of a test behind `idempotent`, and what it was seen doing."""

    def __init__(self) -> None:
        self.go_on, self.inside = Event(), Event()
        self.runs, self.after = 0, 0

    def view(self):
        self.runs += 1
        db.session.execute(text(WRITE), {"key": str(self.runs)})
        after_commit(self._commit)
        match request.get_json()["do"]:
            case "refuse":
                raise Refused(pointer="/do", left=self.runs)
            case "retry":
                raise Contended(retry_after=1)
            case "invalid":
                raise Invalid([FieldError("/do", "bad", "Bad.")])
            case "not found":
                raise NotFound()
            case "fail":
                raise RuntimeError("as it was told to")
            case "wait":
                self.inside.set()
                self.go_on.wait(10)
        return jsonify(run=self.runs)

    def _commit(self) -> None:
        self.after += 1


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def server(committed, settings, shop: Shop) -> Flask:
    """An application with that view at /try."""
    app = create_app(replace(settings))
    app.add_url_rule("/try", "try", needs(None)(idempotent(shop.view)), methods=["POST"])
    yield app
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture
def send(server: Flask):
    def post(do: str, key: str = "k"):
        headers = {"Idempotency-Key": key}
        return server.test_client().post("/try", json={"do": do}, headers=headers)

    return post


def written() -> int:
    found = db.session.scalar(text(COUNT))
    db.session.rollback()
    return found


def test_an_answer_is_given_again_to_the_byte(send, shop):
    first, again = send("write"), send("write")
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.data == again.data
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert (shop.runs, shop.after, written()) == (1, 1, 1)


def test_a_refusal_by_rule_is_kept_and_its_effects_are_not(send, shop):
    first, again = send("refuse"), send("refuse")
    assert (first.status_code, first.get_json()["left"]) == (409, 1)
    assert first.data == again.data
    assert again.content_type == "application/problem+json"
    assert (shop.runs, shop.after, written()) == (1, 0, 0)


@pytest.mark.parametrize(
    ("do", "status"), [("retry", 409), ("invalid", 422), ("not found", 404), ("fail", 500)]
)
def test_what_is_not_final_is_not_kept(send, shop, do, status):
    for run in (1, 2):
        answer = send(do)
        assert answer.status_code == status
        assert "Idempotent-Replayed" not in answer.headers
        assert shop.runs == run
    assert (shop.after, written()) == (0, 0)
    assert db.session.scalar(text("SELECT count(*) FROM idempotency_key")) == 0


def test_another_body_under_the_key_is_refused(send, shop):
    send("write")
    answer = send("refuse")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "idempotency_key_reused")
    assert shop.runs == 1


def test_while_the_first_is_in_flight_the_second_is_told_to_come_again(send, shop):
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(send, "wait")
        assert shop.inside.wait(5)
        started = time.monotonic()
        second = send("wait")
        assert (second.status_code, second.get_json()["code"]) == (409, "idempotency_in_progress")
        assert second.headers["Retry-After"] == "1"
        assert time.monotonic() - started < 8
        shop.go_on.set()
        assert first.result().status_code == 200
    assert send("wait").data == first.result().data
    assert (shop.runs, written()) == (1, 1)


def test_a_second_that_need_not_wait_long_gets_the_firsts_answer(send, shop):
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(send, "wait")
        assert shop.inside.wait(5)
        second = pool.submit(send, "wait")
        shop.go_on.set()
        assert second.result().data == first.result().data
    assert shop.runs == 1


def test_keys_are_kept_for_three_days(send):
    send("write")
    now = system_now()
    kept = timedelta(hours=idempotency.KEPT_HOURS)
    assert kept >= timedelta(hours=72)
    with transaction():
        assert idempotency.purge(now - kept) == 0
        assert idempotency.purge(now + timedelta(seconds=1)) == 1
