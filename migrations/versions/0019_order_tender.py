"""Orders know the hold that pays for them, what it was worth, and what went back."""

from crm.migrations import script

revision = "0019"
down_revision = "0018"

COLUMNS = """
ALTER TABLE orders
    ADD COLUMN points_hold uuid,
    ADD COLUMN tender bigint NOT NULL DEFAULT 0,
    ADD COLUMN spent bigint NOT NULL DEFAULT 0,
    ADD COLUMN spent_seq integer,
    ADD COLUMN spender uuid,
    ADD COLUMN restored bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT ck_orders_spent CHECK (
        spent >= 0 AND tender >= 0 AND restored BETWEEN 0 AND spent
        AND (spent = 0) = (spent_seq IS NULL) AND (spent = 0) = (spender IS NULL)
        AND (spent = 0 OR points_hold IS NOT NULL));
CREATE UNIQUE INDEX uq_orders_points_hold ON orders (points_hold) WHERE points_hold IS NOT NULL;

COMMENT ON COLUMN orders.points_hold IS 'the hold of points that pays for it; a hold pays once';
COMMENT ON COLUMN orders.tender IS 'what the points spent are worth, minor units; 0 until paid';
COMMENT ON COLUMN orders.spent IS 'points that paid for it';
COMMENT ON COLUMN orders.spent_seq IS 'the entry that spent them, which restores refer to';
COMMENT ON COLUMN orders.spender IS 'whose entry that is; he may have been merged since';
COMMENT ON COLUMN orders.restored IS 'of them, given back by refunds or cancellation';
"""


def upgrade() -> None:
    script(COLUMNS)
