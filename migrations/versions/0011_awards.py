"""What awards of any number in one statement need; the statement itself is in 0017."""

from crm.migrations import script

revision = "0011"
down_revision = "0010"

LIFT = """
ALTER TABLE tier_ladder ADD COLUMN counts_points boolean NOT NULL
    GENERATED ALWAYS AS (document @? '$.tiers[*].**.metric ? (@ == "points_earned")') STORED;

CREATE FUNCTION points_lift(p_members uuid[], p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
-- Puts the task that lets awarded points lift tiers, where the ladder in force counts points;
-- whether it did.
BEGIN
    IF NOT (SELECT l.counts_points FROM tier_ladder l
            WHERE l.effective_at <= p_now ORDER BY l.effective_at DESC, l.version DESC LIMIT 1) THEN
        RETURN false;
    END IF;
    INSERT INTO task (id, job, queue, key, args, due_at, state)
    VALUES (uuidv7(), 'tiers.lift', 'default', 'tiers.lift:' || uuidv7(),
            jsonb_build_array(to_jsonb(p_members)), p_now, 'waiting');
    RETURN true;
END $$;
"""

CHAIN = """
CREATE FUNCTION points_said(
    member uuid, seq integer, kind text, points bigint, balance bigint, at timestamptz,
    source_type text, source_id text
) RETURNS text LANGUAGE sql STABLE AS $$
    -- What an entry says, as the chain of hashes signs it. (STABLE because extract() is.)
    SELECT member::text || '|' || seq || '|' || kind || '|' || points || '|' || balance || '|'
        || (extract(epoch FROM at) * 1000000)::bigint || '|' || source_type || '|' || source_id
$$;

CREATE FUNCTION points_link(state bytea, head bytea, said text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN sha256(coalesce(state, head) || convert_to(said, 'UTF8'));
END $$;

CREATE AGGREGATE points_chain(head bytea, said text) (sfunc = points_link, stype = bytea);
COMMENT ON AGGREGATE points_chain(bytea, text) IS
    'over a window: the hashes of several entries that follow the account''s head';
"""

AWARD = """
DROP FUNCTION points_award(uuid, uuid, uuid, timestamptz, boolean, text, text, bigint, text, text,
                           uuid, text, timestamptz, text);

"""


def upgrade() -> None:
    script(LIFT)
    script(CHAIN)
    script(AWARD)
