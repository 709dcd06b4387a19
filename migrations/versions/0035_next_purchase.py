"""When members usually buy, what they buy next, and how likely they are to buy soon."""

from crm.migrations import script

revision = "0035"
down_revision = "0034"
branch_labels = depends_on = None

LINES = """
CREATE VIEW purchased_line AS
    -- What members bought and kept: lines of counted orders, without gifts and what was given back.
    SELECT o.member_id, o.id AS order_id, o.paid_at, o.local_day, l.sku, l.name, l.category
    FROM orders o JOIN order_line l ON l.order_id = o.id
    WHERE o.counted AND o.member_id IS NOT NULL AND l.net > 0
      AND (o.refunded = 0 OR l.quantity > (
          SELECT coalesce(sum((back.line->>'quantity')::integer), 0)
          FROM order_refund r, jsonb_array_elements(r.lines) AS back (line)
          WHERE r.order_id = o.id AND (back.line->>'line_no')::integer = l.line_no));
"""

WINDOWS = """
CREATE TABLE store_rhythm (
    category text NOT NULL,
    members integer NOT NULL,
    gaps integer NOT NULL,
    lower_days double precision NOT NULL,
    middle_days double precision NOT NULL,
    upper_days double precision NOT NULL,
    measured_at timestamptz NOT NULL,
    CONSTRAINT pk_store_rhythm PRIMARY KEY (category),
    CONSTRAINT ck_store_rhythm_quartiles
        CHECK (1 <= lower_days AND lower_days <= middle_days AND middle_days <= upper_days)
);
COMMENT ON COLUMN store_rhythm.category IS 'empty: purchases of any kind';

CREATE TABLE usual_window (
    member_id uuid NOT NULL,
    category text NOT NULL,
    last_day date NOT NULL,
    gaps integer NOT NULL,
    lower_days integer NOT NULL,
    middle_days integer NOT NULL,
    upper_days integer NOT NULL,
    opens date NOT NULL,
    closes date NOT NULL,
    CONSTRAINT pk_usual_window PRIMARY KEY (member_id, category),
    CONSTRAINT ck_usual_window_days
        CHECK (1 <= lower_days AND lower_days <= middle_days AND middle_days <= upper_days)
) WITH (fillfactor = 85);
CREATE INDEX ix_usual_window_opens ON usual_window (opens, closes);
COMMENT ON TABLE usual_window IS 'as the last night''s job found it; usual_windows() says it now';

CREATE FUNCTION usual_windows(p_members uuid[], p_at timestamptz)
RETURNS TABLE (
    member_id uuid, category text, last_day date, gaps integer,
    lower_days integer, middle_days integer, upper_days integer
) LANGUAGE sql STABLE AS $$
    -- How many days after a purchase each member usually buys again, in all and per category:
    -- quartiles of his own gaps between purchase days, drawn towards the store's as if those were
    -- four gaps of his own (on a log scale). No row where both know too little.
    WITH days AS (
        SELECT o.member_id, '' AS category, o.local_day FROM orders o
        WHERE o.member_id = ANY (p_members) AND o.counted AND o.paid_at <= p_at
        GROUP BY 1, 3
        UNION ALL
        SELECT l.member_id, l.category, l.local_day FROM purchased_line l
        WHERE l.member_id = ANY (p_members) AND l.paid_at <= p_at AND l.category <> ''
        GROUP BY 1, 2, 3
    ), gap AS (
        SELECT d.*, ln((local_day - lag(local_day) OVER (
            PARTITION BY d.member_id, d.category ORDER BY local_day))::double precision) AS length
        FROM days d
    ), own AS (
        SELECT g.member_id, g.category, max(local_day) AS last_day,
               count(length)::integer AS gaps,
               percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY length) AS log
        FROM gap g GROUP BY 1, 2
    ), mixed AS (
        SELECT o.member_id, o.category, o.last_day, o.gaps, CASE
            WHEN r.category IS NULL THEN o.log
            WHEN o.gaps = 0 THEN ARRAY[ln(r.lower_days), ln(r.middle_days), ln(r.upper_days)]
            ELSE ARRAY[
                (o.gaps * o.log[1] + 4 * ln(r.lower_days)) / (o.gaps + 4),
                (o.gaps * o.log[2] + 4 * ln(r.middle_days)) / (o.gaps + 4),
                (o.gaps * o.log[3] + 4 * ln(r.upper_days)) / (o.gaps + 4)]
            END AS log
        FROM own o LEFT JOIN store_rhythm r ON r.category = o.category
        WHERE r.category IS NOT NULL OR o.gaps >= 3
    )
    SELECT m.member_id, m.category, m.last_day, m.gaps,
           greatest(floor(exp(log[1]) + 1e-9), 1)::integer,
           greatest(round(exp(log[2])), floor(exp(log[1]) + 1e-9), 1)::integer,
           greatest(ceil(exp(log[3]) - 1e-9), 1)::integer
    FROM mixed m
$$;
"""

BASKETS = """
CREATE TABLE product_figure (
    sku text NOT NULL,
    name text NOT NULL,
    category text NOT NULL,
    buyers integer NOT NULL,
    last_day date NOT NULL,
    CONSTRAINT pk_product_figure PRIMARY KEY (sku)
);
CREATE INDEX ix_product_figure_category_buyers ON product_figure (category, buyers DESC, sku);
CREATE INDEX ix_product_figure_buyers ON product_figure (buyers DESC, sku);

CREATE TABLE product_pair (
    segment text NOT NULL,
    sku text NOT NULL,
    next_sku text NOT NULL,
    buyers integer NOT NULL,
    buyers_of_both integer NOT NULL,
    support double precision NOT NULL,
    confidence double precision NOT NULL,
    lift double precision NOT NULL,
    CONSTRAINT pk_product_pair PRIMARY KEY (sku, segment, next_sku),
    CONSTRAINT ck_product_pair_shares
        CHECK (0 < support AND support <= confidence AND confidence <= 1 AND sku <> next_sku)
);
COMMENT ON COLUMN product_pair.segment IS 'empty: among all customers';

CREATE TABLE pattern_build (
    name text NOT NULL,
    as_of timestamptz NOT NULL,
    facts jsonb NOT NULL,
    CONSTRAINT pk_pattern_build PRIMARY KEY (name)
);
COMMENT ON TABLE pattern_build IS 'when each of these tables was last made, and from what';
"""

CHANCES = """
CREATE TABLE next_purchase_model (
    id uuid NOT NULL,
    day date NOT NULL,
    as_of timestamptz NOT NULL,
    horizons jsonb NOT NULL,
    sample jsonb NOT NULL,
    versions jsonb NOT NULL,
    input_hash text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_next_purchase_model PRIMARY KEY (id),
    CONSTRAINT uq_next_purchase_model_day UNIQUE (day)
);
COMMENT ON COLUMN next_purchase_model.day IS 'the last whole day that it knows';

CREATE TABLE next_purchase (
    member_id uuid NOT NULL,
    chance_7 double precision,
    chance_30 double precision,
    chance_90 double precision,
    place double precision NOT NULL,
    model_id uuid NOT NULL,
    CONSTRAINT pk_next_purchase PRIMARY KEY (member_id),
    CONSTRAINT ck_next_purchase_shares CHECK (
        chance_7 BETWEEN 0 AND 1 AND chance_30 BETWEEN 0 AND 1 AND chance_90 BETWEEN 0 AND 1
        AND place BETWEEN 0 AND 1)
) WITH (fillfactor = 85);
COMMENT ON COLUMN next_purchase.model_id IS 'the model of the night in which the row last changed';
"""


def upgrade() -> None:
    script(LINES)
    script(WINDOWS)
    script(BASKETS)
    script(CHANCES)
