"""Messages: templates, one row per message, what stops one, what became of it, counters."""

from crm.migrations import script

revision = "0022"
down_revision = "0021"
branch_labels = depends_on = None

TEMPLATES = """
CREATE TABLE message_template (
    id uuid NOT NULL,
    code text NOT NULL,
    channel text NOT NULL,
    purpose text NOT NULL,
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    archived_at timestamptz,
    CONSTRAINT pk_message_template PRIMARY KEY (id),
    CONSTRAINT uq_message_template_code UNIQUE (code),
    CONSTRAINT ck_message_template_channel
        CHECK (channel IN ('email', 'sms', 'webhook', 'inbox')),
    CONSTRAINT ck_message_template_purpose CHECK (purpose IN ('marketing', 'service')),
    CONSTRAINT ck_message_template_version CHECK (version >= 1)
);
COMMENT ON COLUMN message_template.version IS 'the newest; what is planned from now on uses it';

CREATE TABLE message_template_version (
    template_id uuid NOT NULL,
    version integer NOT NULL,
    languages jsonb NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_message_template_version PRIMARY KEY (template_id, version),
    CONSTRAINT fk_message_template_version_template_id
        FOREIGN KEY (template_id) REFERENCES message_template (id),
    CONSTRAINT ck_message_template_version_version CHECK (version >= 1)
);
CREATE FUNCTION message_template_version_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'versions of templates never change: messages refer to them';
END $$;
CREATE TRIGGER message_template_version_is_kept BEFORE UPDATE OR DELETE
    ON message_template_version
    FOR EACH ROW EXECUTE FUNCTION message_template_version_is_kept();
"""

MESSAGES = """
CREATE TABLE message (
    id uuid NOT NULL,
    member_id uuid NOT NULL,
    occasion text,
    occasion_key uuid NOT NULL,
    channel text NOT NULL,
    purpose text NOT NULL,
    priority smallint NOT NULL DEFAULT 0,
    template_id uuid,
    template_version integer,
    variables jsonb NOT NULL DEFAULT '{}',
    source_type text NOT NULL,
    source_id text NOT NULL,
    zone text NOT NULL,
    state text NOT NULL,
    reason text,
    due_at timestamptz,
    not_after timestamptz,
    attempts smallint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    fence integer NOT NULL DEFAULT 0,
    local_day date,
    locale text,
    address text,
    provider text,
    provider_ref text,
    segments smallint,
    price numeric(12, 4),
    created_at timestamptz NOT NULL,
    sent_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT pk_message PRIMARY KEY (id),
    CONSTRAINT uq_message_occasion_key UNIQUE (occasion_key),
    CONSTRAINT fk_message_member_id FOREIGN KEY (member_id) REFERENCES member (id),
    CONSTRAINT fk_message_template_id_template_version
        FOREIGN KEY (template_id, template_version)
        REFERENCES message_template_version (template_id, version),
    CONSTRAINT ck_message_channel CHECK (channel IN ('email', 'sms', 'webhook', 'inbox')),
    CONSTRAINT ck_message_purpose CHECK (purpose IN ('marketing', 'service')),
    CONSTRAINT ck_message_state CHECK (state IN ('waiting', 'sending', 'sent', 'delivered',
        'failed', 'suppressed', 'cancelled', 'holdout', 'unknown')),
    CONSTRAINT ck_message_why CHECK (reason IS NOT NULL OR state NOT IN ('failed', 'suppressed')),
    CONSTRAINT ck_message_lease CHECK ((state = 'sending') = (lease_until IS NOT NULL)),
    CONSTRAINT ck_message_template CHECK (template_id IS NOT NULL
        OR state IN ('holdout', 'suppressed', 'cancelled'))
);
CREATE INDEX ix_message_due ON message (channel, purpose, due_at, id) WHERE state = 'waiting';
CREATE INDEX ix_message_waiting ON message (member_id) WHERE state = 'waiting';
CREATE INDEX ix_message_lease ON message (lease_until) WHERE state = 'sending';
CREATE INDEX ix_message_member ON message (member_id, id);
CREATE INDEX ix_message_source ON message (source_type, source_id, id);
CREATE INDEX ix_message_state ON message (state, id) WHERE state IN ('failed', 'unknown');
CREATE INDEX ix_message_provider_ref ON message (provider, provider_ref)
    WHERE provider_ref IS NOT NULL;
COMMENT ON COLUMN message.occasion IS 'why, in words that hold for life; erasure empties it';
COMMENT ON COLUMN message.occasion_key IS 'the narrow key of the occasion; never erased';
COMMENT ON COLUMN message.zone IS 'the zone of members who have none, nor a home store with one';
COMMENT ON COLUMN message.due_at IS 'not before; NULL while its source is paused';
COMMENT ON COLUMN message.not_after IS 'too late from then on; NULL: never';
COMMENT ON COLUMN message.fence IS 'grows with each attempt: only the newest may record';
COMMENT ON COLUMN message.local_day IS 'the day by the member''s clock on which it was sent';
COMMENT ON COLUMN message.price IS 'what the provider took, minor units';

CREATE FUNCTION message_occasion_key(occasion text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    -- The same as crm.ids.digest_id('message', occasion).
    SELECT encode(substr(sha256(
        convert_to('message', 'UTF8') || '\\x00'::bytea || convert_to(occasion, 'UTF8')
    ), 1, 16), 'hex')::uuid
$$;

CREATE TABLE message_event (
    message_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    at timestamptz NOT NULL,
    provider text,
    provider_event text,
    data jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT pk_message_event PRIMARY KEY (message_id, id),
    CONSTRAINT fk_message_event_message_id FOREIGN KEY (message_id) REFERENCES message (id)
);
CREATE UNIQUE INDEX uq_message_event_provider_event ON message_event (provider, provider_event)
    WHERE provider_event IS NOT NULL;
"""

WHAT_STOPS = """
CREATE TABLE suppression (
    channel text NOT NULL,
    address_key uuid NOT NULL,
    scope text NOT NULL,
    reason text NOT NULL,
    hint text,
    at timestamptz NOT NULL,
    CONSTRAINT pk_suppression PRIMARY KEY (channel, address_key),
    CONSTRAINT ck_suppression_scope CHECK (scope IN ('all', 'marketing'))
);
COMMENT ON TABLE suppression IS 'addresses that must not be written to any more';
COMMENT ON COLUMN suppression.hint IS 'the address in part, for people';
CREATE FUNCTION message_address_key(channel text, address text)
RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    -- The same as crm.ids.digest_id(channel, address).
    SELECT encode(substr(sha256(
        convert_to(channel, 'UTF8') || '\\x00'::bytea || convert_to(address, 'UTF8')
    ), 1, 16), 'hex')::uuid
$$;

CREATE TABLE message_block (
    member_id uuid NOT NULL,
    reason text NOT NULL,
    ref text NOT NULL,
    since timestamptz NOT NULL,
    CONSTRAINT pk_message_block PRIMARY KEY (member_id, reason, ref),
    CONSTRAINT fk_message_block_member_id FOREIGN KEY (member_id) REFERENCES member (id)
);
COMMENT ON TABLE message_block IS 'members who get no marketing for now, such as for a complaint';

CREATE TABLE message_source (
    type text NOT NULL,
    id text NOT NULL,
    state text NOT NULL,
    reason text,
    changed_at timestamptz NOT NULL,
    CONSTRAINT pk_message_source PRIMARY KEY (type, id),
    CONSTRAINT ck_message_source_state CHECK (state IN ('running', 'paused', 'stopped'))
);
COMMENT ON TABLE message_source IS 'sources that were paused or stopped; no row: running';

CREATE TABLE message_day (
    member_id uuid NOT NULL,
    day date NOT NULL,
    sent smallint NOT NULL DEFAULT 0,
    CONSTRAINT pk_message_day PRIMARY KEY (member_id, day),
    CONSTRAINT fk_message_day_member_id FOREIGN KEY (member_id) REFERENCES member (id)
) WITH (fillfactor = 70);
COMMENT ON TABLE message_day IS 'marketing messages per member and local day, for the caps';

CREATE TABLE message_policy (
    version integer NOT NULL,
    document jsonb NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_message_policy PRIMARY KEY (version)
);
"""

CHANNELS = """
CREATE TABLE message_provider (
    name text NOT NULL,
    per_second double precision NOT NULL,
    burst integer NOT NULL,
    tokens double precision NOT NULL,
    refilled_at timestamptz NOT NULL,
    away_until timestamptz,
    failures integer NOT NULL DEFAULT 0,
    CONSTRAINT pk_message_provider PRIMARY KEY (name),
    CONSTRAINT ck_message_provider_rate CHECK (per_second > 0 AND burst >= 1)
);
COMMENT ON TABLE message_provider IS 'the token bucket of each provider, shared by all workers';

CREATE TABLE sandbox_message (
    id uuid NOT NULL,
    member_id uuid NOT NULL,
    channel text NOT NULL,
    address text,
    locale text NOT NULL,
    subject text,
    text text,
    html text,
    headers jsonb NOT NULL DEFAULT '{}',
    at timestamptz NOT NULL,
    CONSTRAINT pk_sandbox_message PRIMARY KEY (id)
);
CREATE INDEX ix_sandbox_message_member ON sandbox_message (member_id, id);
COMMENT ON TABLE sandbox_message IS 'what would have been sent; id: the message''s';
"""

COUNTERS = """
CREATE TABLE message_count (
    id bigint GENERATED ALWAYS AS IDENTITY,
    source_type text NOT NULL,
    source_id text NOT NULL,
    figure text NOT NULL,
    reason text NOT NULL DEFAULT '',
    n bigint NOT NULL,
    CONSTRAINT pk_message_count PRIMARY KEY (id)
);
CREATE INDEX ix_message_count_source ON message_count (source_type, source_id, id);
COMMENT ON TABLE message_count IS
    'what messages of a source became: parts that add up, so that no two writers wait';

CREATE FUNCTION message_figure(state text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN state IN ('waiting', 'sending') THEN 'pending' ELSE state END
$$;

CREATE FUNCTION message_count_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO message_count (source_type, source_id, figure, reason, n)
    SELECT source_type, source_id, message_figure(state),
           CASE WHEN state = 'suppressed' THEN reason ELSE '' END, count(*)
    FROM new_rows GROUP BY 1, 2, 3, 4;
    RETURN NULL;
END $$;
CREATE TRIGGER message_count_new AFTER INSERT ON message
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION message_count_new();

CREATE FUNCTION message_count_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO message_count (source_type, source_id, figure, reason, n)
    SELECT source_type, source_id, figure, reason, sum(step) FROM (
        SELECT source_type, source_id, message_figure(state) AS figure,
               CASE WHEN state = 'suppressed' THEN reason ELSE '' END AS reason, -1 AS step
        FROM old_rows
        UNION ALL
        SELECT source_type, source_id, message_figure(state),
               CASE WHEN state = 'suppressed' THEN reason ELSE '' END, 1
        FROM new_rows
    ) AS steps GROUP BY 1, 2, 3, 4 HAVING sum(step) <> 0;
    RETURN NULL;
END $$;
CREATE TRIGGER message_count_changed AFTER UPDATE ON message
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION message_count_changed();

CREATE FUNCTION message_count_fold() RETURNS integer LANGUAGE sql AS $$
    -- Add up the parts: one row per source and figure stays. Readers see the same sums throughout.
    WITH crowded AS (
        SELECT source_type, source_id FROM message_count
        GROUP BY 1, 2, figure, reason HAVING count(*) > 1
    ), gone AS (
        DELETE FROM message_count c USING (SELECT DISTINCT * FROM crowded) AS w
        WHERE c.source_type = w.source_type AND c.source_id = w.source_id
        RETURNING c.*
    ), folded AS (
        INSERT INTO message_count (source_type, source_id, figure, reason, n)
        SELECT source_type, source_id, figure, reason, sum(n) FROM gone
        GROUP BY 1, 2, 3, 4 HAVING sum(n) <> 0
    )
    SELECT count(*)::integer FROM gone
$$;
"""


def upgrade() -> None:
    script(TEMPLATES)
    script(MESSAGES)
    script(WHAT_STOPS)
    script(CHANNELS)
    script(COUNTERS)
