"""What the clock tidies up. Whether a coupon is expired or reserved never waits for it."""

from datetime import datetime

from sqlalchemy import text

from crm import clock
from crm.coupons import guessing
from crm.db import db, transaction
from crm.queue import job

CHUNK = 1000  # coupons a transaction: small enough that traffic does not notice

# Coupons first, passing over those in use, then templates ascending: the order of all locks.
UNCOMMIT = text("""
    WITH over AS MATERIALIZED (
        SELECT code FROM coupon
        WHERE committed > 0 AND expires_at <= :now
          AND (state = 'issued' OR reserved_until <= :now)
        ORDER BY expires_at LIMIT :chunk FOR UPDATE SKIP LOCKED
    ), freed AS (
        UPDATE coupon c SET committed = 0 FROM over WHERE c.code = over.code
        RETURNING c.template_id, OLD.committed
    ), sums AS MATERIALIZED (
        SELECT template_id, sum(committed) AS total, count(*) AS coupons FROM freed
        GROUP BY template_id
    ), locked AS MATERIALIZED (
        SELECT t.id FROM coupon_template t JOIN sums s ON s.template_id = t.id
        ORDER BY t.id FOR UPDATE OF t
    ), done AS (
        UPDATE coupon_template t SET committed = t.committed - s.total
        FROM sums s JOIN locked l ON l.id = s.template_id WHERE t.id = s.template_id
    )
    SELECT coalesce(sum(coupons), 0) FROM sums
""")
LET_GO = text("""
    WITH over AS MATERIALIZED (
        SELECT code FROM coupon WHERE state = 'reserved' AND reserved_until <= :now
        ORDER BY reserved_until LIMIT :chunk FOR UPDATE SKIP LOCKED
    ), freed AS (
        UPDATE coupon c SET state = 'issued', reserved_for = NULL, reserved_until = NULL
        FROM over WHERE c.code = over.code RETURNING 1
    )
    SELECT count(*) FROM freed
""")


def next_end(now: datetime) -> datetime | None:
    """When the next coupon that the budget still counts expires."""
    return db.session.scalar(text("SELECT min(expires_at) FROM coupon WHERE committed > 0"))


@job("coupons.tidy", every="*/15 * * * *", due_from=next_end)
def tidy(slot: datetime) -> int:
    """Give budgets back what expired coupons can cost no more, end reservations that are over, and
    forget old misses. What a coupon is at an instant never waits for it."""
    done = _in_chunks(UNCOMMIT) + _in_chunks(LET_GO)
    with transaction():
        guessing.purge(clock.now() - guessing.WINDOW)
    return done


def _in_chunks(statement) -> int:
    done = 0
    while True:
        with transaction():
            found = db.session.scalar(statement, {"now": clock.now(), "chunk": CHUNK})
        if not found:
            return done
        done += int(found)
