"""Campaigns: drafts and their arms, the audience as it was frozen, who is held out."""

from crm.migrations import script

revision = "0037"
down_revision = "0036"
branch_labels = depends_on = None

CAMPAIGNS = """
CREATE TABLE campaign (
    id uuid NOT NULL,
    name text NOT NULL,
    state text NOT NULL DEFAULT 'draft',
    revision integer NOT NULL DEFAULT 1,
    audience_id uuid,
    exclude uuid[] NOT NULL,
    holdout_percent smallint NOT NULL,
    schedule jsonb NOT NULL,
    mode text NOT NULL DEFAULT 'frozen',
    budget bigint,
    attribution_days smallint NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    created_by text NOT NULL,
    launched_at timestamptz,
    launched_by text,
    audience jsonb,
    waterfall jsonb,
    starts_at timestamptz,
    ends_at timestamptz,
    frozen_until timestamptz,
    next_freeze_at timestamptz,
    members bigint NOT NULL DEFAULT 0,
    made bigint NOT NULL DEFAULT 0,
    made_due_at timestamptz,
    made_member_id uuid,
    spent bigint NOT NULL DEFAULT 0,
    finished_at timestamptz,
    cleared_at timestamptz,
    CONSTRAINT pk_campaign PRIMARY KEY (id),
    CONSTRAINT ck_campaign_state CHECK (state IN
        ('draft', 'scheduled', 'launching', 'running', 'paused', 'done', 'cancelled')),
    CONSTRAINT ck_campaign_mode CHECK (mode IN ('frozen', 'live')),
    CONSTRAINT ck_campaign_holdout CHECK (holdout_percent BETWEEN 0 AND 90),
    CONSTRAINT ck_campaign_budget CHECK (spent BETWEEN 0 AND coalesce(budget, spent)),
    CONSTRAINT ck_campaign_made CHECK (made BETWEEN 0 AND members),
    CONSTRAINT ck_campaign_launched CHECK ((state = 'draft') = (launched_at IS NULL))
);
CREATE INDEX ix_campaign_open ON campaign (id)
    WHERE state NOT IN ('draft', 'done') AND cleared_at IS NULL;
CREATE INDEX ix_campaign_starts_at ON campaign (starts_at) WHERE starts_at IS NOT NULL;
COMMENT ON COLUMN campaign.revision IS 'grows with each change of the draft';
COMMENT ON COLUMN campaign.audience IS 'the audience and the exclusions as they were at the launch';
COMMENT ON COLUMN campaign.waterfall IS 'how many the audience had, and why some get nothing';
COMMENT ON COLUMN campaign.frozen_until IS 'members whose time comes up to then have their rows';
COMMENT ON COLUMN campaign.next_freeze_at IS 'when others get theirs; NULL: all have';
COMMENT ON COLUMN campaign.made_due_at IS 'with made_member_id: rows up to here have messages';
COMMENT ON COLUMN campaign.spent IS 'set aside of the budget, minor units';
COMMENT ON COLUMN campaign.cleared_at IS 'after a cancellation: coupons are back';

CREATE TABLE campaign_arm (
    campaign_id uuid NOT NULL,
    no smallint NOT NULL,
    template_id uuid NOT NULL,
    template_version integer,
    coupon_template_id uuid,
    points integer NOT NULL DEFAULT 0,
    weight smallint NOT NULL DEFAULT 1,
    cost_each bigint NOT NULL DEFAULT 0,
    CONSTRAINT pk_campaign_arm PRIMARY KEY (campaign_id, no),
    CONSTRAINT fk_campaign_arm_campaign_id FOREIGN KEY (campaign_id) REFERENCES campaign (id),
    CONSTRAINT fk_campaign_arm_template_id
        FOREIGN KEY (template_id) REFERENCES message_template (id),
    CONSTRAINT fk_campaign_arm_template_id_template_version
        FOREIGN KEY (template_id, template_version)
        REFERENCES message_template_version (template_id, version),
    CONSTRAINT fk_campaign_arm_coupon_template_id
        FOREIGN KEY (coupon_template_id) REFERENCES coupon_template (id),
    CONSTRAINT ck_campaign_arm_no CHECK (no BETWEEN 1 AND 4),
    CONSTRAINT ck_campaign_arm_weight CHECK (weight BETWEEN 1 AND 1000),
    CONSTRAINT ck_campaign_arm_points CHECK (points BETWEEN 0 AND 1000000)
);
COMMENT ON COLUMN campaign_arm.template_version IS 'kept from the launch on';
COMMENT ON COLUMN campaign_arm.cost_each IS 'the most that one member costs, minor units';

CREATE TABLE campaign_member (
    campaign_id uuid NOT NULL,
    member_id uuid NOT NULL,
    arm smallint,
    reason text,
    due_at timestamptz NOT NULL,
    CONSTRAINT pk_campaign_member PRIMARY KEY (campaign_id, member_id),
    CONSTRAINT fk_campaign_member_campaign_id FOREIGN KEY (campaign_id) REFERENCES campaign (id),
    CONSTRAINT fk_campaign_member_member_id FOREIGN KEY (member_id) REFERENCES member (id),
    CONSTRAINT ck_campaign_member_arm CHECK ((arm IS NULL) = (reason IS NOT NULL))
);
CREATE INDEX ix_campaign_member_due ON campaign_member (campaign_id, due_at, member_id);
CREATE INDEX ix_campaign_member_member ON campaign_member (member_id);
COMMENT ON TABLE campaign_member IS 'an audience as it was frozen, and who is held out';
COMMENT ON COLUMN campaign_member.arm IS '0: held out; NULL: gets nothing, for the reason';

CREATE TABLE campaign_policy (
    version integer NOT NULL,
    document jsonb NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_campaign_policy PRIMARY KEY (version)
);
"""

ASSIGNMENT = """
CREATE FUNCTION campaign_draw(campaign uuid, member uuid, lot bytea) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- A number in [0, 1) that is the same for ever; crm.campaigns.assignment.draw makes the same.
    SELECT ('x' || encode(substr(sha256(uuid_send(campaign) || uuid_send(member) || lot), 1, 6),
                          'hex'))::bit(48)::bigint / 281474976710656::double precision
$$;
"""


def upgrade() -> None:
    script(CAMPAIGNS)
    script(ASSIGNMENT)
