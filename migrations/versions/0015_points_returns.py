"""Giving back what was spent, and moving points to another member."""

from crm.migrations import script

revision = "0015"
down_revision = "0014"

TABLES = """
CREATE TABLE points_restore (
    member_id uuid NOT NULL,
    spent_seq integer NOT NULL,
    lot_id uuid NOT NULL,
    into_member uuid NOT NULL,
    seq integer NOT NULL,
    into_lot uuid NOT NULL,
    points bigint NOT NULL,
    CONSTRAINT pk_points_restore PRIMARY KEY (member_id, spent_seq, lot_id, into_member, seq),
    CONSTRAINT ck_points_restore_points CHECK (points > 0)
);
COMMENT ON TABLE points_restore IS
    'what entry seq of into_member gave back of what spent_seq of member_id took from lot_id; '
    'into_lot is another one after that lot lapsed or its member was merged';

CREATE TRIGGER points_restore_is_fixed BEFORE UPDATE OR DELETE
    ON points_restore FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE INDEX ix_points_entry_spent ON points_entry (id) WHERE kind IN ('redeem', 'capture');
"""


def upgrade() -> None:
    for part in (TABLES,):
        script(part)
