"""The members of a store, without a look at all others."""

from crm.migrations import script

revision = "0056"
down_revision = "0055"
branch_labels = depends_on = None

OF_A_STORE = """
CREATE INDEX ix_member_home_store ON member (home_store, id)
    WHERE status = 'active' AND home_store IS NOT NULL;
"""


def upgrade() -> None:
    script(OF_A_STORE)
