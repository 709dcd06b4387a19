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


def upgrade() -> None:
    script(TABLES)
