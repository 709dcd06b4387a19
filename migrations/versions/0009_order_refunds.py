"""Orders know what refunds took back and let go, how often they earned again, and their tax."""

from crm.migrations import script

revision = "0009"
down_revision = "0008"

COLUMNS = """
ALTER TABLE orders
    ADD COLUMN tax bigint NOT NULL DEFAULT 0,
    ADD COLUMN regrants integer NOT NULL DEFAULT 0,
    ADD COLUMN clawed bigint NOT NULL DEFAULT 0,
    ADD COLUMN let_go bigint NOT NULL DEFAULT 0,
    ADD COLUMN deduct bigint NOT NULL DEFAULT 0,
    ADD COLUMN released_at timestamptz;
ALTER TABLE order_refund ADD COLUMN deduct bigint NOT NULL DEFAULT 0;

UPDATE orders SET clawed = greatest(granted - points, debt)
WHERE lot_seq IS NOT NULL AND (points < granted OR debt > 0);

ALTER TABLE orders
    ADD CONSTRAINT ck_orders_tax CHECK (tax BETWEEN 0 AND goods),
    ADD CONSTRAINT ck_orders_clawed CHECK (
        clawed >= 0 AND let_go >= 0 AND deduct >= 0 AND debt BETWEEN 0 AND clawed),
    ADD CONSTRAINT ck_orders_regrants CHECK (regrants >= 0);
ALTER TABLE order_refund
    ADD CONSTRAINT ck_order_refund_deduct CHECK (deduct BETWEEN 0 AND value);

COMMENT ON COLUMN orders.tax IS 'the tax contained in goods';
COMMENT ON COLUMN orders.regrants IS
    'how often it gave points again; each opened a lot of source "order" "<id>#<n>"';
COMMENT ON COLUMN orders.clawed IS 'points taken back, debt included, less what was given again';
COMMENT ON COLUMN orders.let_go IS 'points neither taken back nor owed: the shortfall policy';
COMMENT ON COLUMN orders.deduct IS 'money that the shop may keep of refunds for points let go';
COMMENT ON COLUMN orders.released_at IS 'an explicit release of its points, before their time';
"""


def upgrade() -> None:
    script(COLUMNS)
