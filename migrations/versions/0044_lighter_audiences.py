"""Rows of audiences are written without looking up each member and each campaign again."""

from crm.migrations import script

revision = "0044"
down_revision = "0043"
branch_labels = depends_on = None

# One statement writes a million of them, from members that it has just read; the messages made of
# them have their foreign keys. Members are never deleted, nor are launched campaigns.
LIGHTER = """
ALTER TABLE campaign_member DROP CONSTRAINT fk_campaign_member_campaign_id;
ALTER TABLE campaign_member DROP CONSTRAINT fk_campaign_member_member_id;
DROP INDEX ix_campaign_member_member;
"""


def upgrade() -> None:
    script(LIGHTER)
