"""Members come into another segment without an index by segment, and without looking up the run.

A fifth of a million members in one night: nine tenths of it were indexes of `member` that had to
learn where each row had gone, and a look at the run for each move. Without an index that holds the
segment, a row stays on its page, and no index learns anything. Runs are never deleted, and their
moves are written in the order of runs, so that the smallest and largest run of each range of pages
says where a run's moves are.
"""

from crm.migrations import script

revision = "0047"
down_revision = "0046"
branch_labels = depends_on = None

LIGHTER = """
SET LOCAL lock_timeout = '5s';
DROP INDEX ix_member_segment;
ALTER TABLE segment_assignment DROP CONSTRAINT fk_segment_assignment_run_id;
DROP INDEX ix_segment_assignment_run_id;
CREATE INDEX ix_segment_assignment_run_id ON segment_assignment USING brin (run_id);
"""


def upgrade() -> None:
    script(LIGHTER)
