"""What tests of faults share: committed data, processes that end with the test."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from processes import NOBODY, Process

from crm.app import create_app
from crm.config import Config
from crm.db import db


@pytest.fixture
def process(committed: None, settings: Config) -> Iterator[Callable[..., Process]]:
    """Starts processes of the product: `process("-m", "crm", "worker", REDIS_URL=…)`."""
    started: list[Process] = []

    def start(*command: str, **environ: str) -> Process:
        started.append(Process(settings, *command, **environ))
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.fixture
def without_redis(committed: None, settings: Config) -> Iterator[Flask]:
    """The application with nobody at Redis' address."""
    app = create_app(replace(settings, redis_url=NOBODY))
    with app.app_context():
        yield app
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()
