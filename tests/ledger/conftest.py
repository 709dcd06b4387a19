"""What the tests that tell a history twice share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from api_client import Api
from served import HttpApi, Server, serving

from crm.config import Config

LONG_AGO = "2020-01-01T00:00:00Z"
TIERS = [
    {"code": "new", "name": {"en": "New"}, "qualify": {"any": []}, "multiplier": "1"},
    {
        "code": "gold", "name": {"en": "Gold"}, "multiplier": "1.5",
        "qualify": {"any": [{"metric": "orders", "at_least": 1_000_000}]},
    },
]  # fmt: skip


def open_plain_shop(admin: Api) -> Api:
    """Any number of points may be spent; a point for 100, half as much again for gold."""
    redemption = {"points_per_step": 1, "min_points": 1}
    limits = {"per_act": None, "per_day": None}
    for path, change in (
        ("/points/programme", {"redemption": redemption, "adjustment_by_keys": limits}),
        ("/tiers", {"tiers": TIERS}),
    ):
        answer = admin.put(path, change | {"effective_at": LONG_AGO})
        assert answer.status_code == 200, answer.data
    return admin


@pytest.fixture
def plain_shop(admin: Api) -> Api:
    """The program in this process, with few rules; rolled back."""
    return open_plain_shop(admin)


@pytest.fixture(scope="module")
def server(app, settings: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A web server over the tests' database, started once for the tests of a module."""
    with serving(settings, Path(tmp_path_factory.mktemp("served"))) as found:
        yield found


@pytest.fixture
def served_shop(committed: None, server: Server, plain_shop: Api) -> HttpApi:
    """The program as it is served, with few rules; what is written is really committed."""
    return HttpApi(server, plain_shop.key)
