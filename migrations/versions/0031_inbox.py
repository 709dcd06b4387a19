"""The in-app inbox, and what members reply by text message."""

from crm.migrations import script

revision = "0031"
down_revision = "0030"
branch_labels = depends_on = None

INBOX = """
CREATE TABLE inbox_message (
    id uuid NOT NULL,
    member_id uuid NOT NULL,
    purpose text NOT NULL,
    locale text NOT NULL,
    subject text,
    text text NOT NULL,
    at timestamptz NOT NULL,
    read_at timestamptz,
    CONSTRAINT pk_inbox_message PRIMARY KEY (id),
    CONSTRAINT fk_inbox_message_id FOREIGN KEY (id) REFERENCES message (id),
    CONSTRAINT fk_inbox_message_member_id FOREIGN KEY (member_id) REFERENCES member (id)
);
CREATE INDEX ix_inbox_message_member_id_id ON inbox_message (member_id, id);
CREATE INDEX ix_inbox_message_unread ON inbox_message (member_id) WHERE read_at IS NULL;
COMMENT ON COLUMN inbox_message.id IS 'the message''s';
"""

REPLIES = """
CREATE TABLE message_reply (
    id uuid NOT NULL,
    channel text NOT NULL,
    provider text NOT NULL,
    provider_event text NOT NULL,
    member_id uuid,
    hint text NOT NULL,
    text text NOT NULL,
    opted_out boolean NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT pk_message_reply PRIMARY KEY (id),
    CONSTRAINT uq_message_reply_provider_provider_event UNIQUE (provider, provider_event),
    CONSTRAINT fk_message_reply_member_id FOREIGN KEY (member_id) REFERENCES member (id)
);
CREATE INDEX ix_message_reply_member_id_id ON message_reply (member_id, id);
COMMENT ON COLUMN message_reply.hint IS 'the address in part';
COMMENT ON COLUMN message_reply.opted_out IS 'whether it asks for no more marketing';
"""


def upgrade() -> None:
    script(INBOX)
    script(REPLIES)
