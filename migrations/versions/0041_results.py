"""Results of campaigns: what members had bought before, and orders found by their time."""

from crm.migrations import script

revision = "0041"
down_revision = "0040"
branch_labels = depends_on = None

TABLES = """
CREATE TABLE campaign_spent_before (
    campaign_id uuid NOT NULL,
    member_id uuid NOT NULL,
    arm smallint NOT NULL,
    spent bigint NOT NULL,
    CONSTRAINT pk_campaign_spent_before PRIMARY KEY (campaign_id, member_id),
    CONSTRAINT fk_campaign_spent_before_campaign_id
        FOREIGN KEY (campaign_id) REFERENCES campaign (id)
);
COMMENT ON TABLE campaign_spent_before IS
    'what members bought in the year before their due_at; no row: nothing';

CREATE TABLE campaign_measured (
    campaign_id uuid NOT NULL,
    upto timestamptz NOT NULL,
    CONSTRAINT pk_campaign_measured PRIMARY KEY (campaign_id),
    CONSTRAINT fk_campaign_measured_campaign_id
        FOREIGN KEY (campaign_id) REFERENCES campaign (id)
);
COMMENT ON COLUMN campaign_measured.upto IS 'members whose due_at is not later were measured';
"""

# Orders come in by their time, so a handful of pages tells where a window lies.
ORDERS = """
CREATE INDEX ix_orders_placed_at ON orders USING brin (placed_at);
"""


def upgrade() -> None:
    script(TABLES)
    script(ORDERS)
