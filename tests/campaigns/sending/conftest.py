"""What tests of campaigns share: it is noon in Shanghai, and a campaign is quickly made."""

from collections.abc import Callable
from typing import Any

import pytest
from api_client import Api
from clocks import set_to
from crowds import NOON, arm, audience


@pytest.fixture(autouse=True)
def _noon(request: pytest.FixtureRequest) -> None:
    if "no_database" not in request.fixturenames:
        name = "committed" if "committed" in request.fixturenames else "rolled_back"
        request.getfixturevalue(name)
        set_to(NOON)


@pytest.fixture
def campaign(admin: Api) -> Callable[..., dict[str, Any]]:
    """Makes drafts: `campaign(members, holdout_percent=0, arms=[arm()])` → the document."""

    def make(members=None, **given: Any) -> dict[str, Any]:
        body = {"name": "Tea", "arms": [arm()] if "arms" not in given else given.pop("arms")}
        if members is not None:
            body["audience"] = members if isinstance(members, str) else audience(members)
        answer = admin.post("/campaigns", body | given)
        assert answer.status_code == 201, answer.get_json()
        return answer.get_json()

    return make


@pytest.fixture
def launched(admin: Api, campaign) -> Callable[..., dict[str, Any]]:
    """Makes campaigns and launches them; nothing is done yet."""

    def make(members=None, **given: Any) -> dict[str, Any]:
        found = campaign(members, **given)
        answer = admin.post(f"/campaigns/{found['id']}/launch")
        assert answer.status_code == 200, answer.get_json()
        return answer.get_json()

    return make


@pytest.fixture
def shown(admin: Api) -> Callable[[str], dict[str, Any]]:
    """A campaign as the API shows it now."""
    return lambda campaign_id: admin.get(f"/campaigns/{campaign_id}").get_json()
