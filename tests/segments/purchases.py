"""A shop in the database, written without the rules of other rooms: members, orders, aggregates."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import text

from crm.db import db
from crm.ids import uuid7

SHANGHAI = ZoneInfo("Asia/Shanghai")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

MEMBERS = text("""
    INSERT INTO member (id, created_at, updated_at, member_no, status)
    SELECT id, :at, :at, lpad(no::text, 10, '0'), :status
    FROM unnest(CAST(:ids AS uuid[]), CAST(:numbers AS integer[])) AS m (id, no)
""")
ORDERS = text("""
    INSERT INTO orders (id, channel, order_no, member_id, status, currency, placed_at, paid_at,
        updated_at, received_at, shipping, discount, goods, total, refunded, net, counted,
        local_day, granted, points)
    SELECT id, 'shop', id::text, member_id, 'paid', 'CNY', paid_at, paid_at,
        paid_at, paid_at, 0, 0, amount, amount, amount - net, net, net > 0,
        (paid_at AT TIME ZONE 'Asia/Shanghai')::date, 0, 0
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:members AS uuid[]), CAST(:paid AS timestamptz[]),
        CAST(:amounts AS bigint[]), CAST(:nets AS bigint[])
    ) AS o (id, member_id, paid_at, amount, net)
""")
SUMMARY = text("""
    INSERT INTO purchase_summary
    SELECT member_id, min(paid_at), max(paid_at), min(local_day), max(local_day),
           count(*), count(DISTINCT local_day), sum(net), :now
    FROM orders WHERE counted AND member_id IS NOT NULL GROUP BY member_id
    ON CONFLICT (member_id) DO UPDATE SET first_paid_at = excluded.first_paid_at,
        last_paid_at = excluded.last_paid_at, first_day = excluded.first_day,
        last_day = excluded.last_day, orders = excluded.orders, frequency = excluded.frequency,
        monetary = excluded.monetary, updated_at = excluded.updated_at
""")


def new_members(count: int, *, at: datetime = LONG_AGO, status: str = "active") -> list[UUID]:
    """Members without a purchase, ordered by id."""
    first = db.session.execute(text("SELECT count(*) FROM member")).scalar_one()
    ids = [uuid7() for _ in range(count)]
    numbers = list(range(first, first + count))
    db.session.execute(MEMBERS, {"at": at, "status": status, "ids": ids, "numbers": numbers})
    return sorted(ids)


def buy(purchases: list[tuple], *, now: datetime) -> None:
    """Orders (member or None, instant, amount[, net]) and everybody's aggregates after them."""
    rows = [(member, at, amount, *(rest or [amount])) for member, at, amount, *rest in purchases]
    members, paid, amounts, nets = (list(column) for column in zip(*rows, strict=True))
    ids = [uuid7() for _ in rows]
    db.session.execute(
        ORDERS, {"ids": ids, "members": members, "paid": paid, "amounts": amounts, "nets": nets}
    )
    db.session.execute(SUMMARY, {"now": now})


def lively_shop(now: datetime, size: int = 400) -> list[UUID]:
    """Repeat buyers of four kinds, as many one-time buyers, and a few prospects."""
    draw = np.random.default_rng(4)
    kinds = [(10, 12, 9_000), (15, 4, 3_000), (200, 8, 7_000), (300, 2, 2_500)]
    ids = new_members(2 * size + 20)
    purchases = []
    for number, member in enumerate(ids[:size]):
        days, times, amount = kinds[number % len(kinds)]
        last = now - timedelta(days=int(days * draw.lognormal(0, 0.2)) + 1)
        count = max(2, int(times * draw.lognormal(0, 0.1)))
        price = int(amount * draw.lognormal(0, 0.2))
        purchases += [(member, last - timedelta(days=20 * turn), price) for turn in range(count)]
    for member in ids[size : 2 * size]:
        purchases.append((member, now - timedelta(days=int(draw.integers(1, 500))), 2_000))
    buy(purchases, now=now)
    return ids
