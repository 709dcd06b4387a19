"""Loads a cut-down demo shop, for tests that kill the import half-way."""

from datetime import date, timedelta
from random import Random

from crm.app import create_app
from crm.demo import loader
from crm.demo.cdnow import Purchase
from crm.demo.shop import Shop

CUSTOMERS, PURCHASES = 180, 2200  # too few for clusters, which take long


def shop() -> Shop:
    """Some hundred customers, always the same."""
    draws = Random(7)
    everyone = range(1, CUSTOMERS + 1)
    customers = [*everyone, *draws.choices(everyone, k=PURCHASES - CUSTOMERS)]
    first = date(1997, 1, 1)
    return Shop(
        sorted(
            Purchase(one, first + timedelta(days=draws.randrange(540)), 1 + one % 3, 500 + one * 7)
            for one in customers
        )
    )


def quietly(step: str, done: int, total: int) -> None:
    """No progress bar."""


if __name__ == "__main__":
    with create_app().app_context():
        loader.load(quietly, shop())
