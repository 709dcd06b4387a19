"""Lines say when they were bought: who bought what, and when, is read from one index.

Every line is written once. The indexes go first and come back after it, so that only the table and
its key are written meanwhile.
"""

from crm.migrations import script

revision = "0054"
down_revision = "0053"
branch_labels = depends_on = None

BOUGHT_AT = """
DROP INDEX ix_order_line_sku, ix_order_line_category;
ALTER TABLE order_line ADD COLUMN bought_at timestamptz;
UPDATE order_line l SET bought_at = o.paid_at FROM orders o WHERE o.id = l.order_id AND o.counted;
COMMENT ON COLUMN order_line.bought_at IS 'when its order was paid, while that is a purchase';
CREATE INDEX ix_order_line_sku ON order_line (sku, bought_at) INCLUDE (member_id)
    WHERE bought_at IS NOT NULL;
CREATE INDEX ix_order_line_category ON order_line (category, bought_at) INCLUDE (member_id)
    WHERE category IS NOT NULL AND bought_at IS NOT NULL;
"""


def upgrade() -> None:
    script(BOUGHT_AT)
