"""Merged and erased records by themselves: who is asked for is looked for among these few."""

from crm.migrations import script

revision = "0055"
down_revision = "0054"
branch_labels = depends_on = None

INACTIVE = "CREATE INDEX ix_member_inactive ON member (id) WHERE status <> 'active';"


def upgrade() -> None:
    script(INACTIVE)
