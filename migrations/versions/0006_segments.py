"""Segmentation runs, and the members whom they moved."""

from crm.migrations import script

revision = "0006"
down_revision = "0005"

TABLES = """
CREATE TABLE segmentation_run (
    id uuid NOT NULL,
    as_of timestamptz NOT NULL,
    state text NOT NULL,
    stage text,
    progress double precision NOT NULL DEFAULT 0,
    applied boolean NOT NULL DEFAULT false,
    method text,
    reason text,
    parameters jsonb NOT NULL,
    quality jsonb,
    sizes jsonb,
    centroids jsonb,
    movement jsonb,
    percentiles jsonb,
    heat jsonb,
    versions jsonb,
    input_hash text,
    result_hash text,
    error text,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT pk_segmentation_run PRIMARY KEY (id),
    CONSTRAINT ck_segmentation_run_state
        CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    CONSTRAINT ck_segmentation_run_method CHECK (method IN ('kmeans', 'rules')),
    CONSTRAINT ck_segmentation_run_progress CHECK (progress BETWEEN 0 AND 1)
);
CREATE INDEX ix_segmentation_run_applied ON segmentation_run (as_of, id)
    WHERE applied AND state = 'done';
COMMENT ON COLUMN segmentation_run.applied IS 'members were given its segments';

CREATE TABLE segment_assignment (
    member_id uuid NOT NULL,
    run_id uuid NOT NULL,
    code text NOT NULL,
    previous text,
    recency_days integer,
    frequency integer NOT NULL,
    monetary bigint NOT NULL,
    margin double precision,
    CONSTRAINT pk_segment_assignment PRIMARY KEY (member_id, run_id),
    CONSTRAINT fk_segment_assignment_run_id
        FOREIGN KEY (run_id) REFERENCES segmentation_run (id)
);
COMMENT ON TABLE segment_assignment IS 'only changes; in force until the next row of the member';
"""

FUNCTIONS = """
CREATE FUNCTION purchases_as_of(p_at timestamptz)
RETURNS TABLE (
    member_id uuid, first_day date, last_day date, frequency integer, monetary bigint
) LANGUAGE sql STABLE AS $$
    -- What members had bought at an instant; no row for those who had not. The running aggregates
    -- hold for every instant from a member's last purchase on. Members who bought later (the
    -- instant is past, or an order is dated in the future) are counted again from their orders.
    SELECT s.member_id, s.first_day, s.last_day, s.frequency, s.monetary
    FROM purchase_summary s
    WHERE s.last_paid_at <= p_at AND s.orders > 0
    UNION ALL
    SELECT o.member_id, min(o.local_day), max(o.local_day),
           count(DISTINCT o.local_day)::integer, sum(o.net)::bigint
    FROM purchase_summary s JOIN orders o ON o.member_id = s.member_id
    WHERE s.last_paid_at > p_at AND o.counted AND o.paid_at <= p_at
    GROUP BY o.member_id
$$;
"""


def upgrade() -> None:
    script(TABLES)
    script(FUNCTIONS)
