"""Giving back what was spent, and moving points to another member."""

from crm.migrations import script

revision = "0015"
down_revision = "0014"

TABLES = """
CREATE TABLE points_restore (
    member_id uuid NOT NULL,
    spent_seq integer NOT NULL,
    lot_id uuid NOT NULL,
    into_member uuid NOT NULL,
    seq integer NOT NULL,
    into_lot uuid NOT NULL,
    points bigint NOT NULL,
    CONSTRAINT pk_points_restore PRIMARY KEY (member_id, spent_seq, lot_id, into_member, seq),
    CONSTRAINT ck_points_restore_points CHECK (points > 0)
);
COMMENT ON TABLE points_restore IS
    'what entry seq of into_member gave back of what spent_seq of member_id took from lot_id; '
    'into_lot is another one after that lot lapsed or its member was merged';

CREATE TRIGGER points_restore_is_fixed BEFORE UPDATE OR DELETE
    ON points_restore FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE INDEX ix_points_entry_spent ON points_entry (id) WHERE kind IN ('redeem', 'capture');
"""

VERBS = """
CREATE FUNCTION points_restore_spent(
    p_member uuid, p_spent_seq integer, p_into uuid, p_points bigint, p_now timestamptz,
    p_source_type text, p_source_id text, p_grace_until timestamptz, p_actor text, p_reason text,
    p_data jsonb
) RETURNS points_entry LANGUAGE plpgsql AS $$
-- Gives back p_points of what entry p_spent_seq of p_member spent, into the lots that it came from,
-- those spent last first: as if fewer had been spent. p_into is the account that has his points
-- now: p_member's own or, after a merge, the other one, which gets lots of its own with the same
-- expiry. What comes from lots that lapsed goes into a new lot valid until p_grace_until; NULL:
-- it lapses at once. The caller holds p_into's lock and knows that so much is left to give back.
DECLARE
    v_seq integer;
    v_entry points_entry;
    v_given bigint;
    v_lots uuid[];
    v_points bigint[];
BEGIN
    SELECT seq + 1 INTO v_seq FROM points_account WHERE member_id = p_into;
    WITH spent AS (
        SELECT m.lot_id, -m.points - coalesce(r.points, 0) AS points, l.expires_at, l.opened_by,
               l.expires_at IS NOT NULL AND l.expires_at <= p_now AS lapsed
        FROM points_movement m
        JOIN points_lot l ON l.member_id = m.member_id AND l.id = m.lot_id
        LEFT JOIN (
            SELECT lot_id, sum(points) AS points FROM points_restore
            WHERE member_id = p_member AND spent_seq = p_spent_seq GROUP BY lot_id
        ) r ON r.lot_id = m.lot_id
        WHERE m.member_id = p_member AND m.seq = p_spent_seq
    ), ranked AS (
        SELECT *, sum(points) OVER (
            ORDER BY expires_at DESC NULLS FIRST, opened_by DESC, lot_id DESC) - points AS before
        FROM spent WHERE points > 0
    ), given AS (
        SELECT lot_id, least(points, p_points - before) AS points, lapsed,
               CASE WHEN lapsed THEN coalesce(p_grace_until, expires_at) ELSE expires_at END
                   AS until,
               p_into <> p_member OR (lapsed AND p_grace_until IS NOT NULL) AS anew
        FROM ranked WHERE before < p_points
    ), back AS (
        UPDATE points_lot l SET remaining = l.remaining + g.points FROM given g
        WHERE l.member_id = p_member AND l.id = g.lot_id AND NOT g.anew
        RETURNING l.id, g.points
    ), moved AS (
        INSERT INTO points_movement (member_id, seq, lot_id, points)
        SELECT p_into, v_seq, id, points FROM back
    ), fresh AS (
        INSERT INTO points_lot (member_id, id, opened_by, size, remaining, available_at,
                                released_at, expires_at)
        SELECT p_into, uuidv7(), v_seq, sum(points), sum(points), p_now, p_now, until
        FROM given WHERE anew GROUP BY until
        RETURNING id, expires_at
    ), said AS (
        INSERT INTO points_restore (member_id, spent_seq, lot_id, into_member, seq, into_lot,
                                    points)
        SELECT p_member, p_spent_seq, g.lot_id, p_into, v_seq, coalesce(f.id, g.lot_id), g.points
        FROM given g
        LEFT JOIN fresh f ON g.anew AND f.expires_at IS NOT DISTINCT FROM g.until
        RETURNING lot_id, into_lot, points
    ), lapsing AS (
        SELECT s.into_lot, sum(s.points)::bigint AS points FROM said s JOIN given g USING (lot_id)
        WHERE g.lapsed GROUP BY s.into_lot
    )
    SELECT (SELECT sum(points) FROM said), array_agg(into_lot), array_agg(points)
    INTO v_given, v_lots, v_points FROM lapsing;
    IF v_given IS DISTINCT FROM p_points THEN
        RAISE EXCEPTION 'only % of % points are left to give back', coalesce(v_given, 0), p_points;
    END IF;
    v_entry := points_write(p_into, 'restore', p_points, p_now, p_source_type, p_source_id,
                            p_actor, p_reason, p_data);
    IF p_grace_until IS NULL AND v_lots IS NOT NULL THEN
        PERFORM points_lapse_freed(p_into, p_now, v_lots, v_points);
    END IF;
    PERFORM points_absorb(p_into, p_now);
    RETURN v_entry;
END $$;

CREATE FUNCTION points_transfer(
    p_from uuid, p_to uuid, p_points bigint, p_now timestamptz, p_id uuid, p_actor text,
    p_reason text, OUT sent points_entry, OUT got points_entry
) LANGUAGE plpgsql AS $$
-- Moves spendable points to another member, earliest expiry first; each keeps its expiry. The
-- caller holds the locks of both accounts and knows that there are enough.
BEGIN
    sent := points_take(p_from, 'transfer', p_points, p_now, 'transfer', p_id::text, p_actor,
                        p_reason, jsonb_build_object('member_id', p_to), NULL, false, true,
                        'floor');
    IF sent.points IS DISTINCT FROM -p_points THEN
        RAISE EXCEPTION 'only % of % points could be moved', sent.points, p_points;
    END IF;
    got := points_write(p_to, 'transfer', p_points, p_now, 'transfer', p_id::text, p_actor,
                        p_reason, jsonb_build_object('member_id', p_from));
    INSERT INTO points_lot (member_id, id, opened_by, size, remaining, available_at, released_at,
                            expires_at)
    SELECT p_to, uuidv7(), got.seq, x.points, x.points, p_now, p_now, x.expires_at
    FROM (
        SELECT l.expires_at, sum(-m.points) AS points
        FROM points_movement m JOIN points_lot l ON l.member_id = m.member_id AND l.id = m.lot_id
        WHERE m.member_id = p_from AND m.seq = sent.seq GROUP BY l.expires_at
    ) x;
    PERFORM points_absorb(p_to, p_now);
END $$;
"""


def upgrade() -> None:
    for part in (TABLES, VERBS):
        script(part)
