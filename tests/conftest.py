"""A real PostgreSQL and Valkey; each test is rolled back by a savepoint, or says otherwise."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from tables import empty_all_tables

from crm import migrations
from crm.app import create_app
from crm.config import Config
from crm.db import db
from crm.launcher import services

pytest_plugins = ["auth_fixtures", "clocks", "people", "rewarding", "valkeys"]

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # noon in Shanghai


@pytest.fixture(scope="session")
def addresses() -> Iterator[tuple[str, str]]:
    """The addresses of a database and a Valkey of this test process alone."""
    with ExitStack() as stack:
        if os.environ.get("TEST_DATABASE_URL"):
            server, redis_url = os.environ["TEST_DATABASE_URL"], os.environ["TEST_REDIS_URL"]
        else:
            home = Path(stack.enter_context(TemporaryDirectory(prefix="crm-test-")))
            server, redis_url = stack.enter_context(services.running(home, durable=False))
        name = f"test_{uuid4().hex[:12]}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        url = psycopg.conninfo.conninfo_to_dict(server)
        yield database_url(url | {"dbname": name}), redis_url
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def database_url(parts: dict[str, Any]) -> str:
    """A postgresql:// address that SQLAlchemy and psycopg both understand."""
    password = f":{parts['password']}" if parts.get("password") else ""
    where = f"host={parts['host']}&port={parts.get('port', 5432)}"
    return f"postgresql://{parts['user']}{password}@/{parts['dbname']}?{where}"


@pytest.fixture(scope="session")
def settings(addresses: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The settings that tests run with: sandbox mode, small pool."""
    return Config(
        database_url=addresses[0],
        redis_url=addresses[1],
        secret_key="only-for-tests-" + "x" * 32,
        home=tmp_path_factory.mktemp("home"),
        sandbox=True,
        pool_size=4,
        log_level="WARNING",
    )


@pytest.fixture(scope="session")
def app(settings: Config) -> Iterator[Flask]:
    """The application over a freshly migrated database."""
    migrations.upgrade(settings.sqlalchemy_url)
    app = create_app(settings)
    yield app
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    """An application context for tests of rules."""
    with app.app_context():
        yield


@pytest.fixture(autouse=True)
def rolled_back(request: pytest.FixtureRequest) -> Iterator[None]:
    """Commits inside a test end a savepoint; the outer transaction never commits."""
    if {"committed", "no_database"} & set(request.fixturenames):
        yield
        return
    app = request.getfixturevalue("app")
    with app.app_context():
        engines = db.engines
        engine = engines[None]
        with engine.connect() as connection:
            outer = connection.begin()
            engines[None] = connection
            before = dict(db.session.session_factory.kw)
            db.session.remove()
            db.session.configure(join_transaction_mode="create_savepoint")
            yield
            db.session.remove()
            db.session.session_factory.kw.clear()
            db.session.session_factory.kw.update(before)
            outer.rollback()
            engines[None] = engine


@pytest.fixture
def committed(app: Flask) -> Iterator[None]:
    """For tests that need real commits (threads, workers): every table is emptied afterwards."""
    with app.app_context():
        yield
        db.session.remove()
        empty_all_tables()


@pytest.fixture
def no_database() -> None:
    """For pure tests: no database is touched."""


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A plain test client."""
    return app.test_client()


@pytest.fixture
def now() -> datetime:
    """The instant that tests of rules go by."""
    return NOW
