"""What messages refer to is checked once for all rows of a statement, not row by row.

Members and versions of templates are never deleted, so the check has to be made only when messages
are written. Row by row it was a third of planning, and wrote to every member's row.
"""

from crm.migrations import script

revision = "0042"
down_revision = "0041"
branch_labels = depends_on = None

CHECKS = """
SET LOCAL lock_timeout = '5s';
ALTER TABLE message
    DROP CONSTRAINT fk_message_member_id,
    DROP CONSTRAINT fk_message_template_id_template_version;
ALTER TABLE message_day DROP CONSTRAINT fk_message_day_member_id;

CREATE FUNCTION message_refers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM new_rows n
               WHERE NOT EXISTS (SELECT FROM member m WHERE m.id = n.member_id)) THEN
        RAISE foreign_key_violation USING MESSAGE = 'a message is for nobody';
    END IF;
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT template_id, template_version FROM new_rows
                     WHERE template_id IS NOT NULL) n
        WHERE NOT EXISTS (
            SELECT FROM message_template_version v
            WHERE v.template_id = n.template_id AND v.version = n.template_version)) THEN
        RAISE foreign_key_violation USING MESSAGE = 'a message says no version of a template';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER message_refers AFTER INSERT ON message
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION message_refers();
"""

KEY = """
CREATE OR REPLACE FUNCTION message_occasion_key(occasion text)
RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    -- The same as crm.ids.digest_id('message', occasion): 'message' and a zero byte go before it.
    SELECT encode(substr(sha256(
        '\\x6d65737361676500'::bytea || convert_to(occasion, 'UTF8')
    ), 1, 16), 'hex')::uuid
$$;
"""


def upgrade() -> None:
    script(CHECKS)
    script(KEY)
