"""Coupons: templates with their counters, codes, and misses of those who guess them."""

from crm.migrations import script

revision = "0023"
down_revision = "0022"

TABLES = """
CREATE TABLE coupon_template (
    id uuid NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    value bigint NOT NULL DEFAULT 0,
    factor numeric(6, 3),
    gift jsonb,
    max_discount bigint,
    min_basis bigint NOT NULL DEFAULT 0,
    skus text[] NOT NULL DEFAULT '{}',
    categories text[] NOT NULL DEFAULT '{}',
    valid_days integer,
    valid_from timestamptz,
    valid_until timestamptz,
    per_member_limit integer,
    stock bigint,
    budget bigint,
    stackable boolean NOT NULL DEFAULT false,
    returns_on_refund boolean NOT NULL DEFAULT true,
    has_pool boolean NOT NULL DEFAULT false,
    pool bigint NOT NULL DEFAULT 0,
    issued bigint NOT NULL DEFAULT 0,
    used bigint NOT NULL DEFAULT 0,
    value_used bigint NOT NULL DEFAULT 0,
    committed bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text NOT NULL,
    ended_at timestamptz,
    CONSTRAINT pk_coupon_template PRIMARY KEY (id),
    CONSTRAINT ck_coupon_template_kind CHECK (
        kind IN ('amount', 'percent', 'gift', 'free_shipping', 'points_multiplier')),
    CONSTRAINT ck_coupon_template_value CHECK (
        value >= 0 AND (kind <> 'percent' OR value BETWEEN 1 AND 100)
        AND (kind <> 'amount' OR value > 0)
        AND (kind = 'points_multiplier') = (factor IS NOT NULL)),
    CONSTRAINT ck_coupon_template_validity CHECK (
        (valid_days IS NULL OR (valid_from IS NULL AND valid_until IS NULL AND valid_days >= 0))
        AND (valid_from IS NULL OR valid_until IS NULL OR valid_from < valid_until)),
    CONSTRAINT ck_coupon_template_limits CHECK (
        min_basis >= 0 AND max_discount >= 0 AND per_member_limit >= 1 AND stock >= 0
        AND budget >= 0),
    CONSTRAINT ck_coupon_template_counters CHECK (
        issued BETWEEN 0 AND coalesce(stock, issued) AND used BETWEEN 0 AND issued
        AND value_used >= 0 AND committed >= 0 AND pool >= 0
        AND value_used + committed <= coalesce(budget, value_used + committed))
);
COMMENT ON COLUMN coupon_template.pool IS 'codes that nobody has: neither issued, used nor void';
COMMENT ON COLUMN coupon_template.issued IS
    'issued to a member, or used without having been issued; void ones do not count';
COMMENT ON COLUMN coupon_template.value_used IS 'what the used ones took off, minor units';
COMMENT ON COLUMN coupon_template.committed IS
    'what the open ones of members can still take off, as far as that is bounded, minor units';

CREATE TABLE coupon (
    code text NOT NULL,
    template_id uuid NOT NULL,
    state text NOT NULL DEFAULT 'issued',
    member_id uuid,
    occasion text,
    source_type text,
    source_id text,
    bought_with_points boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    issued_at timestamptz,
    expires_at timestamptz,
    committed bigint NOT NULL DEFAULT 0,
    reserved_for text,
    reserved_until timestamptz,
    used_at timestamptz,
    used_channel text,
    used_order_no text,
    used_member uuid,
    value_used bigint NOT NULL DEFAULT 0,
    voided_at timestamptz,
    void_reason text,
    came_with uuid,
    CONSTRAINT pk_coupon PRIMARY KEY (code),
    CONSTRAINT fk_coupon_template_id FOREIGN KEY (template_id) REFERENCES coupon_template (id),
    CONSTRAINT ck_coupon_state CHECK (
        state IN ('issued', 'reserved', 'used', 'void')
        AND (state = 'reserved') = (reserved_for IS NOT NULL AND reserved_until IS NOT NULL)
        AND (state = 'used') = (used_at IS NOT NULL AND used_order_no IS NOT NULL
                                AND used_channel IS NOT NULL)
        AND (state = 'void') = (voided_at IS NOT NULL)),
    CONSTRAINT ck_coupon_owner CHECK (
        (member_id IS NULL) = (issued_at IS NULL) AND (occasion IS NULL OR member_id IS NOT NULL)),
    CONSTRAINT ck_coupon_amounts CHECK (
        committed >= 0 AND value_used >= 0 AND (state = 'used' OR value_used = 0)
        AND (committed = 0 OR (member_id IS NOT NULL AND state IN ('issued', 'reserved'))))
);
CREATE UNIQUE INDEX uq_coupon_occasion ON coupon (template_id, member_id, occasion)
    WHERE occasion IS NOT NULL;
CREATE INDEX ix_coupon_template ON coupon (template_id, code);
CREATE INDEX ix_coupon_pool ON coupon (template_id, code)
    WHERE member_id IS NULL AND state IN ('issued', 'reserved');
CREATE INDEX ix_coupon_member ON coupon (member_id, template_id) WHERE member_id IS NOT NULL;
CREATE INDEX ix_coupon_used_member ON coupon (used_member, template_id)
    WHERE used_member IS NOT NULL;
CREATE INDEX ix_coupon_used_order ON coupon (used_channel, used_order_no)
    WHERE used_order_no IS NOT NULL;
CREATE INDEX ix_coupon_reserved ON coupon (reserved_until) WHERE state = 'reserved';
CREATE INDEX ix_coupon_committed ON coupon (expires_at) WHERE committed > 0;
COMMENT ON COLUMN coupon.member_id IS 'whose it is; none: in the pool, good for who has the code';
COMMENT ON COLUMN coupon.came_with IS 'the merged record that it came with';

CREATE TABLE coupon_miss (
    id uuid NOT NULL,
    credential text NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT pk_coupon_miss PRIMARY KEY (id)
);
CREATE INDEX ix_coupon_miss_credential_at ON coupon_miss (credential, at);
COMMENT ON TABLE coupon_miss IS 'codes asked for that do not exist, by who asked';
"""

FUNCTIONS = """
CREATE FUNCTION shop_timezone(p_at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    -- The zone of the programme in force, for rooms below the one that owns the programme.
    SELECT p.document ->> 'timezone' FROM points_programme p
    WHERE p.effective_at <= p_at ORDER BY p.effective_at DESC, p.version DESC LIMIT 1
$$;

CREATE FUNCTION coupon_miss_note(
    p_id uuid, p_credential text, p_now timestamptz, p_window interval, p_most integer
) RETURNS integer LANGUAGE plpgsql AS $$
-- Counts a miss, so that misses side by side count each other. Returns as coupon_miss_wait; a miss
-- above the share is not kept: who goes on guessing does not wait for ever.
DECLARE
    v_wait integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('coupon miss ' || p_credential, 0));
    v_wait := coupon_miss_wait(p_credential, p_now, p_window, p_most);
    IF v_wait = 0 THEN
        INSERT INTO coupon_miss (id, credential, at) VALUES (p_id, p_credential, p_now);
    END IF;
    RETURN v_wait;
END $$;
"""


def upgrade() -> None:
    script(TABLES)
    script(FUNCTIONS)
