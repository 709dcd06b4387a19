"""Installations of the launcher: one to kill, one that several tests look at while it runs."""

from collections.abc import Iterator

import pytest

from .installation import Installation, open_folder


@pytest.fixture(autouse=True)
def without_the_suites_services(no_database: None) -> None:
    """These tests start their own."""


@pytest.fixture
def shop() -> Iterator[Installation]:
    """Not started yet."""
    shop = Installation(open_folder())
    yield shop
    shop.remove()


@pytest.fixture(scope="module")
def running_shop() -> Iterator[Installation]:
    """Running, for tests that leave it so."""
    shop = Installation(open_folder())
    launcher = shop.start_until_ready(CHILD="deaf")
    yield shop
    launcher.terminate()
    launcher.wait()
    shop.remove()
