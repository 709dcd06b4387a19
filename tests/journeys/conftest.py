"""It is noon in Shanghai, and stays so until a test moves the clock."""

import pytest
from clocks import set_to
from travellers import NOON


@pytest.fixture(autouse=True)
def _noon(request: pytest.FixtureRequest) -> None:
    if "no_database" in request.fixturenames:
        return
    request.getfixturevalue("committed" if "committed" in request.fixturenames else "rolled_back")
    set_to(NOON)
