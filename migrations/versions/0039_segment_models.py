"""Segments by a stored model: daily runs and refits, moves that count, names of one's own."""

from crm.migrations import script

revision = "0039"
down_revision = "0038"
branch_labels = depends_on = None

RUNS = """
ALTER TABLE segmentation_run
    ADD COLUMN asked text NOT NULL DEFAULT 'auto',
    ADD COLUMN kind text,
    ADD COLUMN kind_reason text,
    ADD COLUMN model_id uuid,
    ADD COLUMN model jsonb,
    ADD COLUMN cancel_requested_at timestamptz,
    ADD COLUMN rollback_requested_at timestamptz,
    ADD COLUMN rolled_back_at timestamptz,
    ADD CONSTRAINT ck_segmentation_run_asked CHECK (asked IN ('auto', 'score', 'refit')),
    ADD CONSTRAINT ck_segmentation_run_kind CHECK (kind IN ('score', 'refit')),
    ADD CONSTRAINT fk_segmentation_run_model_id
        FOREIGN KEY (model_id) REFERENCES segmentation_run (id);
COMMENT ON COLUMN segmentation_run.model_id IS 'the refit that the run went by; its own for one';
DROP INDEX ix_segmentation_run_applied;
CREATE INDEX ix_segmentation_run_applied ON segmentation_run (as_of, id)
    WHERE applied AND state = 'done' AND rollback_requested_at IS NULL;
"""

MOVES = """
ALTER TABLE segment_assignment
    ADD COLUMN cause text NOT NULL DEFAULT 'behaviour',
    ADD COLUMN standing text NOT NULL DEFAULT 'counts',
    ADD COLUMN decided_by uuid,
    ADD COLUMN counted_from text,
    ADD CONSTRAINT ck_segment_assignment_cause CHECK (cause IN ('behaviour', 'refit')),
    ADD CONSTRAINT ck_segment_assignment_standing
        CHECK (standing IN ('counts', 'waiting', 'dropped'));
UPDATE segment_assignment SET decided_by = run_id, counted_from = previous;
ALTER TABLE segment_assignment
    ADD CONSTRAINT ck_segment_assignment_decided
        CHECK ((decided_by IS NULL) = (standing = 'waiting'));
CREATE UNIQUE INDEX ix_segment_assignment_waiting ON segment_assignment (member_id)
    WHERE standing = 'waiting';
CREATE INDEX ix_segment_assignment_run_id ON segment_assignment (run_id, member_id);
CREATE INDEX ix_segment_assignment_decided_later ON segment_assignment (decided_by)
    WHERE decided_by <> run_id;
COMMENT ON COLUMN segment_assignment.counted_from IS 'the segment that counted before';

CREATE VIEW segment_move AS
    SELECT a.member_id, a.run_id, a.decided_by, a.counted_from AS from_code, a.code AS to_code,
           a.cause, r.as_of, r.finished_at
    FROM segment_assignment a JOIN segmentation_run r ON r.id = a.decided_by
    WHERE a.standing = 'counts' AND a.counted_from IS DISTINCT FROM a.code
      AND r.state = 'done' AND r.rollback_requested_at IS NULL;
COMMENT ON VIEW segment_move IS 'what may be acted on: moves that count, of runs that are done';
"""

CHECKS = """
CREATE TABLE purchase_check (
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    sample boolean NOT NULL,
    checked integer NOT NULL,
    wrong integer NOT NULL,
    repaired integer NOT NULL,
    members jsonb NOT NULL,
    CONSTRAINT pk_purchase_check PRIMARY KEY (id)
);
COMMENT ON COLUMN purchase_check.wrong IS 'members whose aggregates differed from their orders';
"""

LABELS = """
CREATE TABLE segment_label (
    code text NOT NULL,
    locale text NOT NULL,
    name text NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_segment_label PRIMARY KEY (code, locale),
    CONSTRAINT ck_segment_label_locale CHECK (locale IN ('en', 'zh-Hans', 'zh-Hant')),
    CONSTRAINT ck_segment_label_name CHECK (length(name) BETWEEN 1 AND 40)
);
"""


def upgrade() -> None:
    script(RUNS)
    script(MOVES)
    script(LABELS)
    script(CHECKS)
