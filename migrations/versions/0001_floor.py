"""The floor: idempotency keys, the outbox, schedules, the audit trail, the sandbox clock."""

from crm.migrations import script

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE idempotency_key (
    key uuid NOT NULL,
    fingerprint uuid NOT NULL,
    status smallint,
    body text,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_idempotency_key PRIMARY KEY (key)
) WITH (fillfactor = 80);
CREATE INDEX ix_idempotency_key_created_at ON idempotency_key USING brin (created_at);
COMMENT ON TABLE idempotency_key IS 'answers to requests, kept 72 hours; narrow on purpose';

CREATE TABLE task (
    id uuid NOT NULL,
    job text NOT NULL,
    queue text NOT NULL,
    key text NOT NULL,
    args jsonb NOT NULL,
    due_at timestamptz NOT NULL,
    state text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    error text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    CONSTRAINT pk_task PRIMARY KEY (id),
    CONSTRAINT uq_task_key UNIQUE (key),
    CONSTRAINT ck_task_state CHECK (state IN ('waiting', 'done', 'failed'))
);
CREATE INDEX ix_task_open ON task (queue, due_at) WHERE state = 'waiting';
CREATE INDEX ix_task_finished ON task (finished_at);

CREATE TABLE schedule (
    job text NOT NULL,
    last_slot timestamptz NOT NULL,
    CONSTRAINT pk_schedule PRIMARY KEY (job)
);

CREATE TABLE audit_entry (
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    actor_kind text NOT NULL,
    actor_id uuid,
    actor_name text NOT NULL,
    action text NOT NULL,
    object_type text NOT NULL,
    object_id text NOT NULL,
    before jsonb,
    after jsonb,
    reason text,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_audit_entry PRIMARY KEY (id)
);
CREATE INDEX ix_audit_entry_object ON audit_entry (object_type, object_id, id);

CREATE TABLE installation (
    key text NOT NULL,
    value jsonb NOT NULL,
    CONSTRAINT pk_installation PRIMARY KEY (key)
);
COMMENT ON TABLE installation IS 'facts of this installation, such as how far the demo is loaded';

CREATE TABLE sandbox_clock (
    one boolean NOT NULL DEFAULT true,
    now timestamptz NOT NULL,
    CONSTRAINT pk_sandbox_clock PRIMARY KEY (one),
    CONSTRAINT ck_sandbox_clock_one_row CHECK (one)
);
"""

FUNCTIONS = """
CREATE FUNCTION sandbox_now(system timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    -- The time that rules go by: the sandbox's once it was moved. The table is empty elsewhere.
    SELECT coalesce((SELECT s.now FROM sandbox_clock s), system)
$$;

CREATE FUNCTION idempotency_claim(
    p_key uuid, p_fingerprint uuid, p_now timestamptz, OUT status smallint, OUT body text
) LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
-- Claims a key: status NULL means it is yours; 0 means that it belongs to another request;
-- anything else is the stored answer. Waits for a request in flight, two seconds at most.
DECLARE
    v_fingerprint uuid;
BEGIN
    INSERT INTO idempotency_key (key, fingerprint, created_at)
    VALUES (p_key, p_fingerprint, p_now) ON CONFLICT (key) DO NOTHING;
    IF FOUND THEN
        RETURN;
    END IF;
    SELECT k.fingerprint, k.status, k.body INTO v_fingerprint, status, body
    FROM idempotency_key k WHERE k.key = p_key;
    IF v_fingerprint IS DISTINCT FROM p_fingerprint THEN
        status := 0;
        body := NULL;
    END IF;
END $$;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: put a mistake right with a new row', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    script(TABLES)
    script(FUNCTIONS)
