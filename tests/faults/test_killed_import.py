"""An import that was killed half-way goes on and ends like one that was not."""

from typing import Any

from half_import import PURCHASES, quietly, shop
from processes import scalar, until
from sqlalchemy import text
from tables import empty_all_tables

from crm import installation
from crm.db import db
from crm.demo import loader
from crm.orders import checking
from crm.points import check

TOTALS = {
    "members": "SELECT count(*), count(DISTINCT name), min(created_at) FROM member",
    "identities": "SELECT kind, count(*), md5(string_agg(value, ',' ORDER BY value)) "
    "FROM member_identity WHERE kind <> 'member_no' GROUP BY 1 ORDER BY 1",
    "orders": "SELECT status, count(*), sum(net), sum(points), sum(granted), "
    "md5(string_agg(order_no, ',' ORDER BY order_no)) FROM orders GROUP BY 1 ORDER BY 1",
    "lines": "SELECT count(*), sum(net), sum(quantity) FROM order_line",
    "aggregates": "SELECT sum(orders), sum(frequency), sum(monetary) FROM purchase_summary",
    "points": "SELECT count(*), sum(balance), sum(lifetime_earned), sum(debt) FROM points_account",
    "entries": "SELECT kind, count(*), sum(points) FROM points_entry GROUP BY 1 ORDER BY 1",
    "tiers": "SELECT tier, count(*) FROM tier_standing GROUP BY 1 ORDER BY 1",
    "segments": "SELECT segment, count(*) FROM member GROUP BY 1 ORDER BY 1",
}


def totals() -> dict[str, Any]:
    found = {name: db.session.execute(text(sql)).all() for name, sql in TOTALS.items()}
    db.session.rollback()
    return found


def test_an_import_that_was_killed_ends_with_the_same_totals_as_an_unbroken_one(process):
    loading = process("-m", "half_import")
    until(lambda: scalar("SELECT count(*) FROM orders"), every=0.01, seconds=60)
    loading.kill()
    half = scalar("SELECT count(*) FROM orders")
    assert 0 < half < PURCHASES
    assert not check.run()
    today = installation.read("demo")["today"]
    db.session.rollback()

    assert loader.load(quietly, shop()) is True
    broken = totals()
    assert scalar("SELECT count(*) FROM orders") == PURCHASES
    assert not check.run()
    assert checking.look(None).wrong == []
    assert loader.load(quietly, shop()) is False

    db.session.remove()
    empty_all_tables()
    assert loader.load(quietly, shop()) is True
    if installation.read("demo")["today"] == today:  # not over a midnight
        assert totals() == broken
