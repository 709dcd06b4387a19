"""A large shop is read by two sessions at once, and both see the same instant."""

from datetime import timedelta
from threading import Thread

import numpy as np
import pytest
from purchases import SHANGHAI, buy, lively_shop
from sqlalchemy import text

from crm.db import db, transaction
from crm.segments import reading
from crm.segments.features import KINDS, Population

pytestmark = pytest.mark.usefixtures("committed")
DAY = timedelta(days=1)


def shop(now) -> list:
    """A lively shop, and one member whose last order is still to come."""
    with transaction():
        ids = lively_shop(now, size=100)
        buy([(ids[0], now + DAY, 700)], now=now)
    return sorted(ids)


def same(one: Population, other: Population) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("ids", *KINDS))


@pytest.mark.parametrize("place", [0, 110, -1])
@pytest.mark.parametrize("ago", [0, 45])
def test_wherever_it_is_cut_the_members_are_the_same(place, ago, now, monkeypatch):
    ids = shop(now)
    monkeypatch.setattr(reading, "middle", lambda: None)
    whole = reading.population(now - ago * DAY, SHANGHAI)
    monkeypatch.setattr(reading, "middle", lambda: ids[place])
    halves = reading.population(now - ago * DAY, SHANGHAI)
    assert len(whole) > 100
    assert same(whole, halves)
    assert whole.digest() == halves.digest()


def test_what_is_committed_while_members_are_read_is_in_neither_half(app, now, monkeypatch):
    ids = shop(now)
    monkeypatch.setattr(reading, "middle", lambda: ids[50])
    before = reading.population(now, SHANGHAI)
    rows = reading._rows

    def meanwhile() -> None:
        with app.app_context(), transaction():
            db.session.execute(text("UPDATE purchase_summary SET monetary = monetary + 1"))

    def late(*asked):
        thread = Thread(target=meanwhile)
        thread.start()
        thread.join()
        return rows(*asked)

    monkeypatch.setattr(reading, "_rows", late)
    assert same(before, reading.population(now, SHANGHAI))
    monkeypatch.setattr(reading, "_rows", rows)
    assert not same(before, reading.population(now, SHANGHAI))


def test_a_half_that_fails_fails_the_whole(now, monkeypatch):
    ids = shop(now)
    monkeypatch.setattr(reading, "middle", lambda: ids[50])
    monkeypatch.setattr(reading, "FEATURES", "COPY (SELECT 1 / {side} 1) TO STDOUT")
    with pytest.raises(Exception, match="syntax error"):
        reading.population(now, SHANGHAI)
