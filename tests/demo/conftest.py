"""The real purchase history, read once for the whole suite."""

import os
from datetime import date
from pathlib import Path

import pytest

from crm.demo import cdnow
from crm.demo.cdnow import Purchase
from crm.demo.shop import DemoMember, Shop


@pytest.fixture(scope="session")
def today() -> date:
    return date(2026, 11, 22)


@pytest.fixture(scope="session")
def purchases() -> list[Purchase]:
    where = os.environ.get("CRM_DEMO_DATA")
    if not where:
        pytest.skip("set CRM_DEMO_DATA to a folder with the wheel of requirements-demo.txt")
    return cdnow.read(Path(where))


@pytest.fixture(scope="session")
def shop(purchases: list[Purchase]) -> Shop:
    return Shop(purchases)


@pytest.fixture(scope="session")
def members(shop: Shop, today: date) -> list[DemoMember]:
    return list(shop.members(today))
