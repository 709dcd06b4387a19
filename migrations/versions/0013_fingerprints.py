"""Devices and means of payment that members share."""

from crm.migrations import script

revision = "0013"
down_revision = "0012"
branch_labels = depends_on = None

TABLES = """
CREATE TABLE member_fingerprint (
    member_id uuid NOT NULL,
    value uuid NOT NULL,
    first_seen_at timestamptz NOT NULL,
    CONSTRAINT pk_member_fingerprint PRIMARY KEY (member_id, value),
    CONSTRAINT fk_member_fingerprint_member_id FOREIGN KEY (member_id) REFERENCES member (id)
);
CREATE INDEX ix_member_fingerprint_value ON member_fingerprint (value);
COMMENT ON COLUMN member_fingerprint.value IS 'digest of the hash that the shop sent';
"""


def upgrade() -> None:
    script(TABLES)
