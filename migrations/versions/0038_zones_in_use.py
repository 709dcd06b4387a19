"""Which time zones members live in is asked every few minutes: found by their index, not a scan."""

from crm.migrations import script

revision = "0038"
down_revision = "0037"
branch_labels = depends_on = None

INDEX = """
CREATE INDEX ix_member_timezone ON member (timezone) WHERE timezone IS NOT NULL;
"""


def upgrade() -> None:
    script(INDEX)
