"""Running aggregates are looked at, put right where they differ, counted anew on request."""

from datetime import UTC, datetime, timedelta

import pytest
from order_bodies import PLACED, order_body, stamp
from sqlalchemy import text

from crm.db import db
from crm.orders import checking, jobs

READ = text("""
    SELECT member_id, orders, frequency, monetary, first_day, last_day, first_paid_at, last_paid_at
    FROM purchase_summary ORDER BY member_id
""")
NIGHT = datetime(2026, 11, 22, 19, 20, tzinfo=UTC)


def body(member_id, number: int, price: int) -> dict:
    """A paid order of one article."""
    paid = stamp(PLACED + timedelta(days=number))
    line = {"line_no": 1, "sku": "A", "name": "A", "quantity": 1, "unit_price": price}
    return order_body(member_id, placed_at=paid, paid_at=paid, updated_at=paid, lines=[line])


@pytest.fixture
def shop(admin, person) -> list:
    """Three members, of whom two have orders."""
    members = [person(joined=PLACED - timedelta(days=9)) for _ in range(3)]
    for number, (member, price) in enumerate([(0, 900), (0, 500), (1, 700)]):
        answer = admin.put(f"/orders/web/C{number}", body(members[member], number, price))
        assert answer.status_code == 200, answer.json
    return members


def aggregates() -> list:
    return db.session.execute(READ).all()


def spoil(sql: str) -> None:
    db.session.execute(text(sql))


SPOILT = [
    "UPDATE purchase_summary SET monetary = monetary + 1",
    "UPDATE purchase_summary SET first_paid_at = first_paid_at - interval '1 day'",
    "UPDATE purchase_summary SET frequency = 0, orders = 0",
    "DELETE FROM purchase_summary",
]


def test_aggregates_that_are_right_are_left_alone(shop, now):
    before = aggregates()
    found = checking.look(None)
    assert (found.checked, found.wrong) == (2, [])
    checking.repair(found, now)
    assert aggregates() == before


@pytest.mark.parametrize("sql", SPOILT)
def test_what_differs_is_found_and_put_right(shop, now, sql):
    before = aggregates()
    spoil(sql)
    found = checking.look(None)
    assert sorted(found.wrong) == sorted(shop[:2])
    checking.repair(found, now)
    assert aggregates() == before
    assert checking.look(None).wrong == []


def test_the_nightly_look_repairs_and_keeps_what_it_found(shop, now):
    spoil("UPDATE purchase_summary SET monetary = 1 WHERE orders = 2")
    assert jobs.check_aggregates(NIGHT) == 1
    kept = checking.last()
    assert kept is not None
    assert (kept.sample, kept.checked, kept.wrong, kept.repaired) == (True, 2, 1, 1)
    assert kept.members == [str(shop[0])]
    assert jobs.check_aggregates(NIGHT + timedelta(days=1)) == 0


def test_a_sample_of_a_small_shop_is_everybody(shop):
    assert checking.look(5000, seed=3).checked == 2


@pytest.mark.parametrize("sql", ["SELECT 1", *SPOILT])
def test_a_rebuild_leaves_what_the_orders_say(shop, now, sql):
    before = aggregates()
    spoil(sql)
    checking.rebuild(now)
    assert aggregates() == before


def test_a_rebuild_empties_the_aggregates_of_members_without_orders(shop, now):
    spoil("""
        INSERT INTO purchase_summary SELECT id, now(), now(), current_date, current_date, 1, 1, 1,
            now() FROM member WHERE id NOT IN (SELECT member_id FROM purchase_summary)
    """)
    done = checking.rebuild(now)
    assert done == {"missing": 0, "wrong": 1}
    assert checking.look(None).wrong == []


def test_a_shop_without_orders_is_checked_and_rebuilt_without_an_error(now):
    assert checking.look(100).checked == 0
    assert checking.rebuild(now) == {"missing": 0, "wrong": 0}
