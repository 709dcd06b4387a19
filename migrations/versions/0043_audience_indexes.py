"""What counts of audiences are slow without: consents, counted orders, lines by what was bought.

Each index holds all that a condition looks at, so that a count never reads the tables.
"""

from crm.migrations import script

revision = "0043"
down_revision = "0042"
branch_labels = depends_on = None

INDEXES = """
CREATE INDEX ix_member_consent_granted ON member_consent (channel, purpose, member_id)
    WHERE granted AND superseded_at IS NULL;
CREATE INDEX ix_orders_counted ON orders (paid_at) INCLUDE (member_id, id, net) WHERE counted;
CREATE INDEX ix_order_line_sku ON order_line (sku, order_id);
CREATE INDEX ix_order_line_category ON order_line (category, order_id) WHERE category IS NOT NULL;
CREATE INDEX ix_points_account_debt ON points_account (member_id) INCLUDE (debt) WHERE debt > 0;
"""


def upgrade() -> None:
    script(INDEXES)
