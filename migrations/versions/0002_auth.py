"""Who may do what: API keys, staff, their sessions, and the throttle of sign-ins."""

from crm.migrations import script

revision = "0002"
down_revision = "0001"

TABLES = """
CREATE TABLE api_key (
    id uuid NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    secret_hash bytea NOT NULL,
    kind text NOT NULL,
    scopes text[] NOT NULL,
    replaces uuid,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT pk_api_key PRIMARY KEY (id),
    CONSTRAINT uq_api_key_secret_hash UNIQUE (secret_hash),
    CONSTRAINT fk_api_key_replaces FOREIGN KEY (replaces) REFERENCES api_key (id),
    CONSTRAINT ck_api_key_kind CHECK (kind IN ('live', 'test')),
    CONSTRAINT ck_api_key_scopes CHECK (cardinality(scopes) > 0),
    CONSTRAINT ck_api_key_hash CHECK (octet_length(secret_hash) = 32)
) WITH (fillfactor = 80);
COMMENT ON COLUMN api_key.secret_hash IS 'SHA-256 of the secret; the secret itself is not kept';

CREATE TABLE staff (
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    password_hash text NOT NULL,
    role text NOT NULL,
    store text,
    locale text NOT NULL,
    member_id uuid,
    active boolean NOT NULL,
    created_at timestamptz NOT NULL,
    password_changed_at timestamptz NOT NULL,
    last_login_at timestamptz,
    CONSTRAINT pk_staff PRIMARY KEY (id),
    CONSTRAINT uq_staff_email UNIQUE (email),
    CONSTRAINT ck_staff_email CHECK (email = lower(email)),
    CONSTRAINT ck_staff_role
        CHECK (role IN ('clerk', 'manager', 'marketer', 'analyst', 'admin')),
    CONSTRAINT ck_staff_locale CHECK (locale IN ('en', 'zh-Hans', 'zh-Hant'))
);
COMMENT ON COLUMN staff.store IS 'the only store this account sees; null for all of them';

CREATE TABLE staff_session (
    token_hash bytea NOT NULL,
    staff_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    user_agent text NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT pk_staff_session PRIMARY KEY (token_hash),
    CONSTRAINT fk_staff_session_staff_id FOREIGN KEY (staff_id) REFERENCES staff (id),
    CONSTRAINT ck_staff_session_hash CHECK (octet_length(token_hash) = 32)
) WITH (fillfactor = 80);
CREATE INDEX ix_staff_session_staff_id ON staff_session (staff_id);

CREATE TABLE login_attempt (
    id uuid NOT NULL,
    account text NOT NULL,
    address text NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT pk_login_attempt PRIMARY KEY (id)
);
CREATE INDEX ix_login_attempt_account_at ON login_attempt (account, at);
CREATE INDEX ix_login_attempt_address_at ON login_attempt (address, at);
COMMENT ON TABLE login_attempt IS 'tries to sign in that have not succeeded';
"""

FUNCTIONS = """
CREATE FUNCTION api_key_valid(p_key_id uuid, p_now timestamptz) RETURNS boolean
LANGUAGE sql STABLE AS $$
    -- For statements that check the key themselves, so that a revoked key ends with its revocation.
    SELECT EXISTS (
        SELECT FROM api_key k
        WHERE k.id = p_key_id AND k.revoked_at IS NULL
          AND (k.expires_at IS NULL OR k.expires_at > p_now)
    )
$$;

CREATE FUNCTION login_attempt_begin(
    p_id uuid, p_account text, p_address text, p_now timestamptz, p_window interval,
    p_account_most integer, p_address_most integer
) RETURNS integer LANGUAGE plpgsql AS $$
-- Counts a try before the password is looked at, so that tries side by side count each other.
-- Returns 0, or the seconds to wait when an account or an address has had its share of failures.
DECLARE
    v_frees_at timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('login account ' || p_account, 0));
    PERFORM pg_advisory_xact_lock(hashtextextended('login address ' || p_address, 0));
    SELECT max(oldest.at) + p_window INTO v_frees_at FROM (
        (SELECT a.at FROM login_attempt a
         WHERE a.account = p_account AND a.at > p_now - p_window
         ORDER BY a.at DESC OFFSET p_account_most - 1 LIMIT 1)
        UNION ALL
        (SELECT a.at FROM login_attempt a
         WHERE a.address = p_address AND a.at > p_now - p_window
         ORDER BY a.at DESC OFFSET p_address_most - 1 LIMIT 1)
    ) oldest;
    IF v_frees_at IS NOT NULL THEN
        RETURN greatest(1, ceil(extract(epoch FROM v_frees_at - p_now)))::integer;
    END IF;
    INSERT INTO login_attempt (id, account, address, at)
    VALUES (p_id, p_account, p_address, p_now);
    RETURN 0;
END $$;
"""


def upgrade() -> None:
    script(TABLES)
    script(FUNCTIONS)
