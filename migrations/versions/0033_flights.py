"""What workers begin is written down ahead; lists of messages that were held back have an index."""

from crm.migrations import script

revision = "0033"
down_revision = "0032"
branch_labels = depends_on = None

FLIGHTS = """
CREATE TABLE message_flight (
    id uuid NOT NULL,
    ids uuid[] NOT NULL,
    fences integer[] NOT NULL,
    begun bytea NOT NULL,
    taken bytea NOT NULL,
    given_up boolean NOT NULL DEFAULT false,
    opened_at timestamptz NOT NULL,
    CONSTRAINT pk_message_flight PRIMARY KEY (id)
) WITH (fillfactor = 50);
COMMENT ON TABLE message_flight IS 'batches in the hands of workers';
COMMENT ON COLUMN message_flight.begun IS 'a bit for each place of ids: may be on the wire';
COMMENT ON COLUMN message_flight.taken IS 'a bit for each place of ids: the provider took it';
COMMENT ON COLUMN message_flight.given_up IS 'others decided; its worker may begin no more of it';
"""

TROUBLE = """
SET LOCAL lock_timeout = '5s';
ALTER TABLE message_provider ADD COLUMN trouble text;
COMMENT ON COLUMN message_provider.trouble IS 'why it could not be reached the last time';
"""

STATES = """
SET LOCAL lock_timeout = '5s';
DROP INDEX ix_message_state;
CREATE INDEX ix_message_state ON message (state, id)
    WHERE state IN ('failed', 'unknown', 'suppressed');
"""


def upgrade() -> None:
    script(FLIGHTS)
    script(TROUBLE)
    script(STATES)
