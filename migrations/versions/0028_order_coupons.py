"""Orders name coupons and know what came of each; the programme's currency; who never guessed
waits for nothing."""

from crm.migrations import script

revision = "0028"
down_revision = "0027"

COLUMNS = """
ALTER TABLE orders
    ADD COLUMN coupons jsonb,
    ADD COLUMN coupon_tender bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT ck_orders_coupons CHECK (
        coupon_tender >= 0 AND (coupons IS NULL OR jsonb_typeof(coupons) = 'array'));

COMMENT ON COLUMN orders.coupons IS 'each code named: what came of it, what it takes off, and why';
COMMENT ON COLUMN orders.coupon_tender IS
    'of coupons bought with points, what no discount of the order shows; minor units';
"""

FUNCTIONS = """
CREATE FUNCTION shop_currency(p_at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    -- The currency of the programme in force, for rooms below the one that owns the programme.
    SELECT p.document ->> 'currency' FROM points_programme p
    WHERE p.effective_at <= p_at ORDER BY p.effective_at DESC, p.version DESC LIMIT 1
$$;

CREATE OR REPLACE FUNCTION coupon_miss_wait(
    p_credential text, p_now timestamptz, p_window interval, p_most integer
) RETURNS integer LANGUAGE sql STABLE AS $$
    -- 0, or the seconds until a credential that has had its share of misses may ask again.
    SELECT coalesce(max(greatest(1, ceil(extract(epoch FROM oldest.at + p_window - p_now)))), 0)
           ::integer
    FROM (
        SELECT m.at FROM coupon_miss m
        WHERE m.credential = p_credential AND m.at > p_now - p_window
        ORDER BY m.at DESC OFFSET p_most - 1 LIMIT 1
    ) oldest
$$;
"""


def upgrade() -> None:
    script(COLUMNS)
    script(FUNCTIONS)
