"""What tests of messages share."""

from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from readers import make_reader, make_template


@pytest.fixture
def reader(app: Flask) -> Callable[..., UUID]:
    """Makes members who can be written to: `reader(zone=…, consents={"sms.marketing": True})`."""
    return make_reader


@pytest.fixture
def template(app: Flask) -> Callable[..., UUID]:
    """Makes templates: `template("sms", "service")`."""
    return make_template
