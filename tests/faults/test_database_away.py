"""Without the database the service says so; when it is back, so is the service."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest
from api_client import Api
from flask import Flask
from processes import scalar

from crm.app import create_app
from crm.db import db
from crm.points import check

GONE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture
def without_database(settings) -> Flask:
    return create_app(replace(settings, database_url=GONE))


def test_a_request_is_told_to_come_again(without_database: Flask, admin: Api):
    api = Api(without_database.test_client(), admin.key)
    for answer in (api.get("/tiers"), api.post("/points/awards", {}), api.put("/orders/a/b", {})):
        assert answer.status_code == 503, answer.data
        assert answer.headers["Retry-After"]
        assert answer.content_type == "application/problem+json"
        assert answer.get_json()["code"] == "unavailable"


def test_the_process_is_alive_and_not_ready(without_database: Flask):
    client = without_database.test_client()
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()["checks"]["database"]) == (503, "away")


def lose_all_connections() -> None:
    """Over a line of its own: one out of the pool may be among those lost before."""
    db.session.remove()
    address = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as line:
        line.execute("""
            SELECT count(pg_terminate_backend(pid, 2000)) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
        """)


@pytest.fixture
def new_connections(committed: None) -> Iterator[None]:
    """Lets no later test meet a connection that was lost here."""
    yield
    db.session.remove()
    for engine in db.engines.values():
        engine.dispose()


def test_connections_that_were_lost_are_made_again(new_connections, admin: Api, person: Callable):
    member = person()
    body = {"member": {"id": str(member)}, "activity": "custom", "source_key": "s", "points": 100}
    questions = (
        lambda: admin.post("/points/awards", body, idem="k"),
        lambda: admin.get(f"/members/{member}/points"),
    )
    with ThreadPoolExecutor(1) as server:  # a thread of its own, as a server's: it keeps its lines
        for _ in range(2):
            assert server.submit(questions[0]).result().status_code == 201
            lose_all_connections()
            for ask in questions:
                answers = [server.submit(ask).result() for _ in range(6)]
                for answer in answers:
                    assert answer.status_code in (200, 201, 503), answer.data
                    assert answer.status_code != 503 or answer.headers["Retry-After"]
                assert answers[-1].status_code in (200, 201)
    assert scalar("SELECT count(*) FROM points_entry") == 1
    assert not check.run()
