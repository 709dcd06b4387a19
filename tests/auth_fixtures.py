"""Keys for the tests of every room."""

from collections.abc import Callable
from datetime import datetime

import pytest
from api_client import Api
from flask import Flask
from flask.testing import FlaskClient

from crm.auth import keys
from crm.db import transaction
from crm.http.permissions import PERMISSIONS
from crm.http.principal import SYSTEM


@pytest.fixture
def api_with(app: Flask, client: FlaskClient, now: datetime) -> Callable[..., Api]:
    """Makes API wrappers: `api_with("members:read")` holds a live key of these scopes."""

    def make(*scopes: str, kind: str = "live", name: str = "tests") -> Api:
        with app.app_context(), transaction():
            _, secret = keys.create(name, scopes, by=SYSTEM, now=now, kind=kind)
        return Api(client, secret)

    return make


@pytest.fixture
def admin(api_with: Callable[..., Api]) -> Api:
    """An API wrapper whose live key holds every scope."""
    return api_with(*PERMISSIONS, name="admin")
