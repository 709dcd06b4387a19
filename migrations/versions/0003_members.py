"""Members: stores, profiles, identities, tags, consents, notes, events; the ladder of tiers."""

import json

from alembic import op
from sqlalchemy import text

from crm.migrations import script

revision = "0003"
down_revision = "0002"

STORES = """
CREATE TABLE store (
    code text NOT NULL,
    name jsonb NOT NULL,
    timezone text,
    kind text NOT NULL,
    created_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT pk_store PRIMARY KEY (code),
    CONSTRAINT ck_store_kind CHECK (kind IN ('shop', 'web'))
);
"""

MEMBERS = """
CREATE TABLE member (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    last_seen_at timestamptz,
    status text NOT NULL DEFAULT 'active',
    member_no text NOT NULL,
    home_store text,
    segment text,
    name text,
    name_sort text,
    name_keys text[] NOT NULL DEFAULT '{}',
    gender text,
    birthday_month smallint,
    birthday_day smallint,
    birthday_year smallint,
    birthday_calendar text,
    locale text,
    timezone text,
    source text,
    referred_by uuid,
    attributes jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT pk_member PRIMARY KEY (id),
    CONSTRAINT uq_member_member_no UNIQUE (member_no),
    CONSTRAINT fk_member_home_store FOREIGN KEY (home_store) REFERENCES store (code),
    CONSTRAINT fk_member_referred_by FOREIGN KEY (referred_by) REFERENCES member (id),
    CONSTRAINT ck_member_status CHECK (status IN ('active', 'merged', 'erased')),
    CONSTRAINT ck_member_member_no CHECK (member_no ~ '^[0-9]{10}$'),
    CONSTRAINT ck_member_gender CHECK (gender IN ('female', 'male', 'other')),
    CONSTRAINT ck_member_locale CHECK (locale IN ('en', 'zh-Hans', 'zh-Hant')),
    CONSTRAINT ck_member_not_own_referrer CHECK (referred_by <> id),
    CONSTRAINT ck_member_birthday CHECK (
        CASE WHEN birthday_month IS NULL
             THEN num_nonnulls(birthday_day, birthday_year, birthday_calendar) = 0
             ELSE birthday_month BETWEEN 1 AND 12 AND birthday_day BETWEEN 1 AND 31
                  AND num_nonnulls(birthday_day, birthday_calendar) = 2
                  AND birthday_calendar IN ('solar', 'lunar')
        END)
) WITH (fillfactor = 60);
CREATE INDEX ix_member_name_keys ON member USING gin (name_keys);
CREATE INDEX ix_member_segment ON member (segment, id) WHERE segment IS NOT NULL;
CREATE INDEX ix_member_referred_by ON member (referred_by) WHERE referred_by IS NOT NULL;

CREATE TABLE member_identity (
    kind text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    member_id uuid NOT NULL,
    CONSTRAINT pk_member_identity PRIMARY KEY (kind, value),
    CONSTRAINT fk_member_identity_member_id FOREIGN KEY (member_id) REFERENCES member (id)
);
CREATE INDEX ix_member_identity_member_id ON member_identity (member_id);

CREATE TABLE member_find (
    key text COLLATE "C" NOT NULL,
    store text COLLATE "C" NOT NULL,
    seen_on date NOT NULL,
    member_id uuid NOT NULL,
    CONSTRAINT pk_member_find PRIMARY KEY (key, store, seen_on, member_id),
    CONSTRAINT fk_member_find_member_id FOREIGN KEY (member_id) REFERENCES member (id)
);
CREATE INDEX ix_member_find_member_id ON member_find (member_id);

CREATE TABLE member_tag (
    member_id uuid NOT NULL,
    tag text NOT NULL,
    added_at timestamptz NOT NULL,
    CONSTRAINT pk_member_tag PRIMARY KEY (member_id, tag),
    CONSTRAINT fk_member_tag_member_id FOREIGN KEY (member_id) REFERENCES member (id)
);
CREATE INDEX ix_member_tag_tag ON member_tag (tag, member_id);

CREATE TABLE member_consent (
    member_id uuid NOT NULL,
    id uuid NOT NULL,
    channel text NOT NULL,
    purpose text NOT NULL,
    granted boolean NOT NULL,
    at timestamptz NOT NULL,
    wording text,
    source text,
    proof text,
    actor text NOT NULL,
    superseded_at timestamptz,
    CONSTRAINT pk_member_consent PRIMARY KEY (member_id, id),
    CONSTRAINT fk_member_consent_member_id FOREIGN KEY (member_id) REFERENCES member (id)
);
CREATE UNIQUE INDEX uq_member_consent_current ON member_consent (member_id, channel, purpose)
    WHERE superseded_at IS NULL;

CREATE TABLE member_note (
    member_id uuid NOT NULL,
    id uuid NOT NULL,
    text text NOT NULL,
    at timestamptz NOT NULL,
    author text NOT NULL,
    author_id uuid,
    CONSTRAINT pk_member_note PRIMARY KEY (member_id, id),
    CONSTRAINT fk_member_note_member_id FOREIGN KEY (member_id) REFERENCES member (id)
);

CREATE TABLE member_event (
    member_id uuid NOT NULL,
    at timestamptz NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    data jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT pk_member_event PRIMARY KEY (member_id, at, id),
    CONSTRAINT fk_member_event_member_id FOREIGN KEY (member_id) REFERENCES member (id)
);
"""

TIERS = """
CREATE TABLE tier_ladder (
    version integer NOT NULL,
    effective_at timestamptz NOT NULL,
    document jsonb NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_tier_ladder PRIMARY KEY (version)
);

CREATE TABLE tier_standing (
    member_id uuid NOT NULL,
    held text NOT NULL,
    tier text NOT NULL,
    since timestamptz NOT NULL,
    valid_until timestamptz,
    grace_until timestamptz,
    won_by uuid,
    beneath jsonb NOT NULL DEFAULT '[]',
    floor text,
    floor_since timestamptz,
    floor_until timestamptz,
    floor_reason text,
    ladder_version integer NOT NULL,
    reviewed_at timestamptz,
    CONSTRAINT pk_tier_standing PRIMARY KEY (member_id),
    CONSTRAINT fk_tier_standing_member_id FOREIGN KEY (member_id) REFERENCES member (id),
    CONSTRAINT fk_tier_standing_ladder_version
        FOREIGN KEY (ladder_version) REFERENCES tier_ladder (version)
) WITH (fillfactor = 60);
CREATE INDEX ix_tier_standing_held ON tier_standing (held, member_id);
CREATE INDEX ix_tier_standing_due ON tier_standing
    (LEAST(COALESCE(grace_until, valid_until), floor_until))
    WHERE LEAST(COALESCE(grace_until, valid_until), floor_until) IS NOT NULL;
COMMENT ON COLUMN tier_standing.tier IS 'the tier earned';
COMMENT ON COLUMN tier_standing.held IS 'the tier held: the higher of the earned one and the floor';
COMMENT ON COLUMN tier_standing.beneath IS 'what a full refund of won_by falls back to';

CREATE TABLE tier_change (
    member_id uuid NOT NULL,
    at timestamptz NOT NULL,
    id uuid NOT NULL,
    from_tier text,
    to_tier text NOT NULL,
    earned text NOT NULL,
    cause text NOT NULL,
    order_id uuid,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_tier_change PRIMARY KEY (member_id, at, id),
    CONSTRAINT fk_tier_change_member_id FOREIGN KEY (member_id) REFERENCES member (id),
    CONSTRAINT ck_tier_change_cause CHECK (cause IN ('first', 'upgrade', 'kept', 'downgrade',
        'refund', 'manual', 'floor_ended', 'ladder'))
);
"""


def _tier(code: str, names: str, at_least: tuple[int, int], keep: int, multiplier: str) -> dict:
    english, simplified, traditional = names.split()
    spend, orders = at_least
    qualify = [
        {"metric": "spend", "at_least": spend},
        {"metric": "orders", "at_least": orders},
    ]
    return {
        "code": code,
        "name": {"en": english, "zh-Hans": simplified, "zh-Hant": traditional},
        "qualify": {"any": qualify if orders else []},
        "keep": {"any": [{"metric": "spend", "at_least": keep}]} if keep else None,
        "multiplier": multiplier,
        "benefits": {},
    }


LADDER = {
    "tiers": [
        _tier("new", "New 新会员 新會員", (0, 0), 0, "1"),
        _tier("bronze", "Bronze 铜牌 銅牌", (30_000, 3), 24_000, "1.1"),
        _tier("silver", "Silver 银牌 銀牌", (100_000, 10), 80_000, "1.2"),
        _tier("gold", "Gold 金牌 金牌", (300_000, 20), 240_000, "1.5"),
        _tier("diamond", "Diamond 钻石 鑽石", (600_000, 40), 480_000, "2"),
    ],
    "window": {"kind": "rolling_months", "months": 12},
    "validity_months": 12,
    "downgrade": "one_step",
    "grace_days": 0,
    "refund_fallback": True,
}


FIRST_LADDER = text("""
    INSERT INTO tier_ladder (version, effective_at, document, created_by, created_at)
    VALUES (1, '1970-01-01Z', CAST(:document AS jsonb), 'system', now())
""")


def upgrade() -> None:
    script(STORES)
    script(MEMBERS)
    script(TIERS)
    document = json.dumps(LADDER, ensure_ascii=False)
    op.get_bind().execute(FIRST_LADDER, {"document": document})
