"""A database with the data of an earlier edition is brought to the newest schema."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url

from crm import migrations
from crm.config import Config

pytestmark = pytest.mark.usefixtures("no_database")

ORDERS = """
    INSERT INTO orders (id, channel, order_no, status, currency, placed_at, paid_at, updated_at,
        received_at, shipping, discount, goods, total, refunded, net, counted, local_day, granted,
        points)
    SELECT uuidv7(), 'shop', no, status, 'CNY', at, at, at, at, 0, 0, 1000, 1000, 1000 - net, net,
           net > 0, at::date, 0, 0
    FROM (VALUES ('paid', 'paid', 1000), ('cancelled', 'cancelled', 0)) o (no, status, net),
         (VALUES (timestamptz '2026-03-01 10:00Z')) t (at)
"""
LINES = """
    INSERT INTO order_line (order_id, line_no, sku, name, category, labels, quantity, unit_price,
        discount, net)
    SELECT id, 1, 'TEA', 'Tea', 'tea', '{}', 1, 1000, 0, 1000 FROM orders
"""
BOUGHT = """
    SELECT o.order_no, l.bought_at = o.paid_at FROM order_line l JOIN orders o ON o.id = l.order_id
    ORDER BY o.order_no
"""


@pytest.fixture
def empty_database(settings: Config) -> Iterator[str]:
    name = f"upgraded_{uuid4().hex[:12]}"
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield make_url(settings.database_url).set(database=name).render_as_string(False)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_lines_of_an_earlier_edition_say_when_they_were_bought(empty_database: str):
    address = empty_database.replace("postgresql://", "postgresql+psycopg://", 1)
    migrations.upgrade(address, "0053")
    with psycopg.connect(empty_database) as connection:
        connection.execute(ORDERS)
        connection.execute(LINES)
    migrations.upgrade(address)
    with psycopg.connect(empty_database) as connection:
        found = connection.execute(BOUGHT).fetchall()
    assert found == [("cancelled", None), ("paid", True)]
