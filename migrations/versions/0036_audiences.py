"""Audiences: saved filters, and lists of members."""

from crm.migrations import script

revision = "0036"
down_revision = "0035"
branch_labels = depends_on = None

TABLES = """
CREATE TABLE audience (
    id uuid NOT NULL,
    name text NOT NULL,
    description text,
    kind text NOT NULL,
    filter jsonb,
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    created_by text NOT NULL,
    archived_at timestamptz,
    members integer,
    counted_at timestamptz,
    CONSTRAINT pk_audience PRIMARY KEY (id),
    CONSTRAINT ck_audience_kind CHECK (kind IN ('filter', 'list')),
    CONSTRAINT ck_audience_filter CHECK ((kind = 'filter') = (filter IS NOT NULL))
);
CREATE UNIQUE INDEX uq_audience_name ON audience (name) WHERE archived_at IS NULL;
COMMENT ON TABLE audience IS 'members by a saved filter, or by a list';
COMMENT ON COLUMN audience.members IS 'what was counted last, at counted_at';

CREATE TABLE audience_member (
    audience_id uuid NOT NULL,
    member_id uuid NOT NULL,
    added_at timestamptz NOT NULL,
    CONSTRAINT pk_audience_member PRIMARY KEY (audience_id, member_id),
    CONSTRAINT fk_audience_member_audience_id FOREIGN KEY (audience_id) REFERENCES audience (id),
    CONSTRAINT fk_audience_member_member_id FOREIGN KEY (member_id) REFERENCES member (id)
);
CREATE INDEX ix_audience_member_member_id ON audience_member (member_id);
COMMENT ON TABLE audience_member IS 'the members of audiences that are lists';
"""


def upgrade() -> None:
    script(TABLES)
