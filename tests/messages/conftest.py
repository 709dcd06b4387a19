"""What tests of messages share."""

from collections.abc import Callable
from uuid import UUID

import pytest
from clocks import set_to
from flask import Flask
from readers import NOW, make_reader, make_template


@pytest.fixture
def reader(app: Flask) -> Callable[..., UUID]:
    """Makes members who can be written to: `reader(zone=…, consents={"sms.marketing": True})`."""
    return make_reader


@pytest.fixture
def template(app: Flask) -> Callable[..., UUID]:
    """Makes templates: `template("sms", "service")`."""
    return make_template


@pytest.fixture(autouse=True)
def _noon(request: pytest.FixtureRequest) -> None:
    """It is noon in Shanghai, and stays so."""
    if "no_database" not in request.fixturenames:
        request.getfixturevalue("rolled_back")
        set_to(NOW)
