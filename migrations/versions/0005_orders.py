"""Orders, lines, refunds, and the running aggregates that RFM reads."""

from crm.migrations import script

revision = "0005"
down_revision = "0004"

TABLES = """
CREATE TABLE orders (
    id uuid NOT NULL,
    channel text NOT NULL,
    order_no text NOT NULL,
    member_id uuid,
    status text NOT NULL,
    currency text NOT NULL,
    placed_at timestamptz NOT NULL,
    paid_at timestamptz,
    delivered_at timestamptz,
    updated_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    store text,
    region text,
    shipping bigint NOT NULL,
    discount bigint NOT NULL,
    goods bigint NOT NULL,
    total bigint NOT NULL,
    refunded bigint NOT NULL,
    net bigint NOT NULL,
    counted boolean NOT NULL,
    local_day date,
    granted bigint NOT NULL,
    points bigint NOT NULL,
    lot_seq integer,
    debt bigint NOT NULL DEFAULT 0,
    available_at timestamptz,
    breakdown jsonb,
    CONSTRAINT pk_orders PRIMARY KEY (id),
    CONSTRAINT uq_orders_channel_order_no UNIQUE (channel, order_no),
    CONSTRAINT ck_orders_status CHECK (
        status IN ('placed', 'paid', 'fulfilled', 'delivered', 'completed', 'cancelled')),
    CONSTRAINT ck_orders_amounts CHECK (
        shipping >= 0 AND goods >= 0 AND total = goods + shipping AND refunded BETWEEN 0 AND total
        AND net BETWEEN 0 AND goods),
    CONSTRAINT ck_orders_points CHECK (points BETWEEN 0 AND granted),
    CONSTRAINT ck_orders_counted CHECK (NOT counted OR (net > 0 AND local_day IS NOT NULL))
) WITH (fillfactor = 85);
CREATE INDEX ix_orders_member ON orders (member_id, placed_at, id);
COMMENT ON COLUMN orders.granted IS 'points earned before refunds; breakdown says by which rules';
COMMENT ON COLUMN orders.points IS 'what remains of them after refunds and cancellation';
COMMENT ON COLUMN orders.counted IS 'a purchase for tiers, RFM and reports: paid, with value left';

CREATE TABLE order_line (
    order_id uuid NOT NULL,
    line_no integer NOT NULL,
    member_id uuid,
    sku text NOT NULL,
    name text NOT NULL,
    category text,
    labels text[] NOT NULL,
    quantity integer NOT NULL,
    unit_price bigint NOT NULL,
    discount bigint NOT NULL,
    net bigint NOT NULL,
    CONSTRAINT pk_order_line PRIMARY KEY (order_id, line_no),
    CONSTRAINT ck_order_line_amounts CHECK (quantity > 0 AND unit_price >= 0 AND net >= 0)
);

CREATE TABLE order_refund (
    channel text NOT NULL,
    order_no text NOT NULL,
    refund_no text NOT NULL,
    order_id uuid,
    member_id uuid,
    refunded_at timestamptz NOT NULL,
    amount bigint,
    lines jsonb,
    restock boolean NOT NULL,
    value bigint NOT NULL,
    received_at timestamptz NOT NULL,
    CONSTRAINT pk_order_refund PRIMARY KEY (channel, order_no, refund_no),
    CONSTRAINT ck_order_refund_form CHECK ((amount IS NULL) <> (lines IS NULL)),
    CONSTRAINT ck_order_refund_value CHECK (value >= 0)
);
CREATE INDEX ix_order_refund_order_id ON order_refund (order_id);
COMMENT ON COLUMN order_refund.value IS 'what it took off its order; 0 while it waits for it';

CREATE TABLE purchase_summary (
    member_id uuid NOT NULL,
    first_paid_at timestamptz,
    last_paid_at timestamptz,
    first_day date,
    last_day date,
    orders integer NOT NULL,
    frequency integer NOT NULL,
    monetary bigint NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_purchase_summary PRIMARY KEY (member_id)
) WITH (fillfactor = 80);
"""


def upgrade() -> None:
    script(TABLES)
