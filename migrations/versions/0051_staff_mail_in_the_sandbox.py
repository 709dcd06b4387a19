"""The sandbox shows mail to staff too, which is no member's."""

from crm.migrations import script

revision = "0051"
down_revision = "0050"
branch_labels = depends_on = None

NOBODYS = """
SET LOCAL lock_timeout = '5s';
ALTER TABLE sandbox_message ALTER COLUMN member_id DROP NOT NULL;
COMMENT ON TABLE sandbox_message IS
    'what would have been sent; id: the message''s; mail to staff has no member';
"""


def upgrade() -> None:
    script(NOBODYS)
