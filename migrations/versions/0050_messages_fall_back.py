"""A message keeps by which template it goes instead, should the first not reach its member."""

from crm.migrations import script

revision = "0050"
down_revision = "0049"
branch_labels = depends_on = None

FALLBACK = """
SET LOCAL lock_timeout = '5s';
ALTER TABLE message
    ADD COLUMN fallback_template_id uuid,
    ADD COLUMN fallback_version integer;
"""


def upgrade() -> None:
    script(FALLBACK)
