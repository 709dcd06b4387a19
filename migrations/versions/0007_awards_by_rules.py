"""What awards by rules gave is found by member and time; their verb is in 0017."""

from crm.migrations import script

revision = "0007"
down_revision = "0006"
branch_labels = depends_on = None

REWARD = """

CREATE INDEX ix_points_entry_by_rules ON points_entry (member_id, occurred_at)
    WHERE kind = 'award' AND data IS NOT NULL;
"""


def upgrade() -> None:
    script(REWARD)
