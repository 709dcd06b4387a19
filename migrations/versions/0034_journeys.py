"""Journeys: settings in versions, every occasion once for life, counters; and what finds them."""

from crm.migrations import script

revision = "0034"
down_revision = "0033"
branch_labels = depends_on = None

JOURNEYS = """
CREATE TABLE journey (
    code text NOT NULL,
    version integer NOT NULL,
    enabled boolean NOT NULL,
    settings jsonb NOT NULL,
    enabled_at timestamptz,
    done_until timestamptz,
    changed_at timestamptz NOT NULL,
    CONSTRAINT pk_journey PRIMARY KEY (code),
    CONSTRAINT ck_journey_since CHECK (enabled = (enabled_at IS NOT NULL))
);
COMMENT ON COLUMN journey.done_until IS 'every occasion up to this instant was handled';

CREATE TABLE journey_version (
    code text NOT NULL,
    version integer NOT NULL,
    enabled boolean NOT NULL,
    settings jsonb NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_journey_version PRIMARY KEY (code, version)
);
"""

OCCASIONS = """
CREATE FUNCTION journey_occasion_key(occasion text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    -- The same as crm.ids.digest_id('journey', occasion).
    SELECT encode(substr(sha256(
        convert_to('journey', 'UTF8') || '\\x00'::bytea || convert_to(occasion, 'UTF8')
    ), 1, 16), 'hex')::uuid
$$;

CREATE TABLE journey_occasion (
    key uuid NOT NULL,
    id uuid NOT NULL,
    member_id uuid NOT NULL,
    journey text NOT NULL,
    occasion text,
    day date NOT NULL,
    at timestamptz NOT NULL,
    state text NOT NULL,
    reason text,
    points bigint NOT NULL DEFAULT 0,
    coupon_code text,
    told boolean NOT NULL DEFAULT false,
    ref text,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_journey_occasion PRIMARY KEY (key),
    CONSTRAINT fk_journey_occasion_member_id FOREIGN KEY (member_id) REFERENCES member (id),
    CONSTRAINT ck_journey_occasion_state CHECK (state IN ('given', 'skipped', 'expired')),
    CONSTRAINT ck_journey_occasion_why CHECK ((state = 'given') = (reason IS NULL))
);
CREATE INDEX ix_journey_occasion_journey ON journey_occasion (journey, at, id);
CREATE INDEX ix_journey_occasion_member ON journey_occasion (member_id, journey, at);
CREATE INDEX ix_journey_occasion_coupon ON journey_occasion (coupon_code)
    WHERE coupon_code IS NOT NULL;
COMMENT ON COLUMN journey_occasion.key IS 'the narrow key of the occasion; never erased';
COMMENT ON COLUMN journey_occasion.occasion IS 'why, in words that hold for life';
COMMENT ON COLUMN journey_occasion.day IS 'by the member''s own clock';
COMMENT ON COLUMN journey_occasion.ref IS 'what it is about: an order, a tier, a day';

CREATE TABLE journey_count (
    journey text NOT NULL,
    day date NOT NULL,
    state text NOT NULL,
    reason text NOT NULL DEFAULT '',
    n bigint NOT NULL,
    points bigint NOT NULL DEFAULT 0,
    coupons bigint NOT NULL DEFAULT 0,
    CONSTRAINT pk_journey_count PRIMARY KEY (journey, day, state, reason)
);
"""

# What journeys look for: who joined, what was delivered, who rose, whose tier ends.
WHAT_FINDS_THEM = """
CREATE INDEX ix_member_created_at ON member (created_at);
CREATE INDEX ix_orders_delivered_at ON orders (delivered_at)
    WHERE delivered_at IS NOT NULL AND member_id IS NOT NULL;
CREATE INDEX ix_tier_change_at ON tier_change (at) WHERE from_tier IS NOT NULL;
CREATE INDEX ix_tier_standing_valid_until ON tier_standing (valid_until)
    WHERE valid_until IS NOT NULL;
"""


def upgrade() -> None:
    script(JOURNEYS)
    script(OCCASIONS)
    script(WHAT_FINDS_THEM)
