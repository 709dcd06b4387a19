"""The product itself, started as a person would start it (with an empty shop, to be quick)."""

import json
import urllib.request
from collections.abc import Iterator

import pytest

from .installation import REPOSITORY, Installation, open_folder


@pytest.fixture
def product() -> Iterator[Installation]:
    product = Installation(open_folder(), REPOSITORY)
    yield product
    product.remove()


def test_the_product_starts_serves_and_stops(product: Installation):
    launcher = product.start_until_ready(CRM_DEMO="0")
    credentials = json.loads((product.home / "demo-credentials.json").read_text())
    assert credentials["base_url"] == f"http://127.0.0.1:{product.port}"
    for path in ("/readyz", "/api/v1/docs"):
        answer = urllib.request.urlopen(credentials["base_url"] + path, timeout=10)
        assert answer.status == 200, path
    launcher.terminate()
    assert launcher.wait(30) == 0
    assert "was killed" not in product.output()
    assert not product.processes()
