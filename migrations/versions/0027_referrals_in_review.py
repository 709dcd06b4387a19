"""Referrals that wait for somebody to look at them are found, and counted, without the others."""

from crm.migrations import script

revision = "0027"
down_revision = "0026"
branch_labels = depends_on = None

REVIEW = """
CREATE INDEX ix_referral_review ON referral (joined_at, referee_id) WHERE state = 'review';
"""


def upgrade() -> None:
    script(REVIEW)
