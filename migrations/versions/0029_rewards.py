"""Rewards for points, and who redeemed them."""

from crm.migrations import script

revision = "0029"
down_revision = "0028"

TABLES = """
CREATE TABLE reward (
    id uuid NOT NULL,
    kind text NOT NULL,
    names jsonb NOT NULL,
    descriptions jsonb,
    sku text,
    coupon_template uuid,
    points bigint NOT NULL,
    tier_prices jsonb NOT NULL DEFAULT '{}',
    stock bigint,
    per_member_limit integer,
    redeemed bigint NOT NULL DEFAULT 0,
    starts_at timestamptz,
    ends_at timestamptz,
    ended_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text NOT NULL,
    CONSTRAINT pk_reward PRIMARY KEY (id),
    CONSTRAINT fk_reward_coupon_template FOREIGN KEY (coupon_template)
        REFERENCES coupon_template (id),
    CONSTRAINT ck_reward_kind CHECK (
        kind IN ('coupon', 'good', 'gift')
        AND (kind = 'coupon') = (coupon_template IS NOT NULL)
        AND (kind <> 'coupon' OR sku IS NULL)),
    CONSTRAINT ck_reward_points CHECK (points > 0),
    CONSTRAINT ck_reward_window CHECK (starts_at < ends_at),
    CONSTRAINT ck_reward_counters CHECK (
        redeemed BETWEEN 0 AND coalesce(stock, redeemed) AND per_member_limit >= 1)
);
COMMENT ON COLUMN reward.redeemed IS 'redemptions that were not cancelled';
COMMENT ON COLUMN reward.tier_prices IS 'points by code of a tier; holds for the tiers above it';

CREATE TABLE reward_redemption (
    id uuid NOT NULL,
    reward_id uuid NOT NULL,
    member_id uuid NOT NULL,
    points bigint NOT NULL,
    spent_seq integer NOT NULL,
    tier text NOT NULL,
    coupon_code text,
    state text NOT NULL DEFAULT 'redeemed',
    redeemed_at timestamptz NOT NULL,
    redeemed_by text NOT NULL,
    handed_over_at timestamptz,
    handed_over_by text,
    cancelled_at timestamptz,
    cancelled_by text,
    cancel_reason text,
    restored_to uuid,
    restored_seq integer,
    CONSTRAINT pk_reward_redemption PRIMARY KEY (id),
    CONSTRAINT fk_reward_redemption_reward_id FOREIGN KEY (reward_id) REFERENCES reward (id),
    CONSTRAINT fk_reward_redemption_member_id FOREIGN KEY (member_id) REFERENCES member (id),
    CONSTRAINT fk_reward_redemption_coupon_code FOREIGN KEY (coupon_code) REFERENCES coupon (code),
    CONSTRAINT ck_reward_redemption_points CHECK (points > 0),
    CONSTRAINT ck_reward_redemption_state CHECK (
        state IN ('redeemed', 'handed_over', 'cancelled')
        AND (state = 'handed_over') = (handed_over_at IS NOT NULL)
        AND (state = 'cancelled') = (cancelled_at IS NOT NULL)
        AND (state = 'cancelled') = (restored_to IS NOT NULL AND restored_seq IS NOT NULL))
);
CREATE UNIQUE INDEX uq_reward_redemption_spent ON reward_redemption (member_id, spent_seq);
CREATE INDEX ix_reward_redemption_reward ON reward_redemption (reward_id, id);
CREATE INDEX ix_reward_redemption_member ON reward_redemption (member_id, id);
COMMENT ON COLUMN reward_redemption.member_id IS 'the record that paid, merged since or not';
"""


def upgrade() -> None:
    script(TABLES)
