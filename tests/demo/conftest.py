"""The real purchase history, read once for the whole suite."""

import os
from datetime import date
from pathlib import Path

import pytest

from crm.demo.shop import DemoMember, Shop


@pytest.fixture(scope="session")
def today() -> date:
    return date(2026, 11, 22)


@pytest.fixture(scope="session")
def source() -> Path:
    where = os.environ.get("CRM_DEMO_DATA")
    if not where:
        pytest.skip("CRM_DEMO_DATA names no folder with the lifetimes wheel")
    return Path(where)


@pytest.fixture(scope="session")
def shop(source: Path) -> Shop:
    return Shop.open(source)


@pytest.fixture(scope="session")
def members(shop: Shop, today: date) -> list[DemoMember]:
    return list(shop.members(today))
