"""Referrals: what was promised to both sides, and what came of it."""

from crm.migrations import script

revision = "0016"
down_revision = "0015"
branch_labels = depends_on = None

TABLES = """
CREATE TABLE referral (
    referee_id uuid NOT NULL,
    referrer_id uuid NOT NULL,
    joined_at timestamptz NOT NULL,
    promised jsonb NOT NULL,
    state text NOT NULL DEFAULT 'open',
    reason text,
    flags text[] NOT NULL DEFAULT '{}',
    order_id uuid,
    capped boolean NOT NULL DEFAULT false,
    decided_at timestamptz,
    decided_by text,
    note text,
    settled_at timestamptz,
    CONSTRAINT pk_referral PRIMARY KEY (referee_id),
    CONSTRAINT fk_referral_referee_id FOREIGN KEY (referee_id) REFERENCES member (id),
    CONSTRAINT fk_referral_referrer_id FOREIGN KEY (referrer_id) REFERENCES member (id),
    CONSTRAINT ck_referral_state
        CHECK (state IN ('open', 'review', 'released', 'void', 'rejected')),
    CONSTRAINT ck_referral_two CHECK (referrer_id <> referee_id)
);
CREATE INDEX ix_referral_open ON referral (referee_id) WHERE state = 'open';
CREATE INDEX ix_referral_referrer_id ON referral (referrer_id, settled_at);
CREATE INDEX ix_referral_joined_at ON referral (joined_at, referee_id);
"""


def upgrade() -> None:
    script(TABLES)
