"""Points of an order that last differently: a lot for each policy, opened by one entry.

A lot says by which policy it lasts where that is not the programme's, so that a later release can
tell; a clawback takes from several lots of one entry; and a merge keeps them together.
"""

from crm.migrations import script

revision = "0021"
down_revision = "0020"
branch_labels = depends_on = None

LOTS = """
ALTER TABLE points_lot ADD COLUMN lasts jsonb;
COMMENT ON COLUMN points_lot.lasts IS
    'the policy by which it lapses once it is released; NULL: the one of its programme';
"""

TAKE = """
DROP FUNCTION points_take(uuid, text, bigint, timestamptz, text, text, text, text, jsonb, uuid,
                          boolean, boolean, text);

CREATE FUNCTION points_take(
    p_member uuid, p_kind text, p_points bigint, p_now timestamptz,
    p_source_type text, p_source_id text, p_actor text, p_reason text, p_data jsonb,
    p_first uuid[], p_pending boolean, p_others boolean, p_shortfall text
) RETURNS points_entry LANGUAGE plpgsql AS $$
-- Takes points out of lots: from those of p_first, then (p_others) from the spendable ones, of both
-- earliest expiry first, then oldest. What is short becomes debt or is let go ('floor'); the entry
-- says what was taken in truth. What is held is not taken. The caller holds the account's lock; an
-- entry of nothing is not written.
DECLARE
    v_account points_account;
    v_entry points_entry;
    v_taken bigint;
    v_short bigint;
    v_head bytea;
BEGIN
    SELECT * INTO v_account FROM points_account WHERE member_id = p_member;
    IF v_account.holds > 0 OR v_account.debt > 0 THEN
        PERFORM points_absorb(p_member, p_now);
        SELECT * INTO v_account FROM points_account WHERE member_id = p_member;
    END IF;
    v_entry.seq := v_account.seq + 1;
    WITH open AS (
        SELECT l.id, l.remaining - l.held AS free,
               sum(l.remaining - l.held) OVER (
                   ORDER BY (l.id = ANY (p_first)) DESC, l.expires_at NULLS LAST, l.opened_by,
                            l.id)
               - (l.remaining - l.held) AS before
        FROM points_lot l
        WHERE l.member_id = p_member AND l.remaining > l.held
          AND ((l.id = ANY (p_first) AND (p_pending OR l.available_at <= p_now))
               OR (p_others AND l.available_at <= p_now))
          AND (l.expires_at IS NULL OR l.expires_at > p_now)
    ), taken AS (
        UPDATE points_lot l SET remaining = l.remaining - least(o.free, p_points - o.before)
        FROM open o
        WHERE l.member_id = p_member AND l.id = o.id AND o.before < p_points
        RETURNING l.id, OLD.remaining - NEW.remaining AS points
    ), moved AS (
        INSERT INTO points_movement (member_id, seq, lot_id, points)
        SELECT p_member, v_entry.seq, id, -points FROM taken RETURNING points
    )
    SELECT coalesce(-sum(points), 0) INTO v_taken FROM moved;
    v_short := CASE WHEN p_shortfall = 'debt' THEN p_points - v_taken ELSE 0 END;
    IF v_taken + v_short = 0 THEN
        RETURN NULL;
    END IF;
    v_entry.member_id := p_member;
    v_entry.id := uuidv7();
    v_entry.kind := p_kind;
    v_entry.points := -(v_taken + v_short);
    v_entry.balance_after := v_account.balance + v_entry.points;
    v_entry.occurred_at := p_now;
    v_entry.recorded_at := clock_timestamp();
    v_entry.source_type := p_source_type;
    v_entry.source_id := p_source_id;
    v_entry.actor := p_actor;
    v_entry.reason := p_reason;
    v_entry.data := CASE WHEN v_short > 0
        THEN coalesce(p_data, '{}') || jsonb_build_object('debt', v_short) ELSE p_data END;
    v_entry.hash := points_hash(v_account.head, p_member, v_entry.seq, p_kind, v_entry.points,
                                v_entry.balance_after, p_now, p_source_type, p_source_id);
    INSERT INTO points_entry VALUES (v_entry.*);
    UPDATE points_account
    SET seq = v_entry.seq, balance = v_entry.balance_after, head = v_entry.hash,
        debt = debt + v_short
    WHERE member_id = p_member;
    RETURN v_entry;
END $$;
"""

MERGE = """
CREATE OR REPLACE FUNCTION points_merge_lots(
    p_merge uuid, p_from uuid, p_into uuid, p_lots uuid[], p_now timestamptz, p_actor text,
    OUT lots integer, OUT points bigint
) LANGUAGE plpgsql AS $$
-- Moves what is left of these lots (NULL: of all) and not held into lots of their own at the other
-- account, with their times. Lots that one entry opened stay those of one entry: an order knows its
-- lots by it. The caller holds both locks.
DECLARE
    v_group record;
    v_pair record;
BEGIN
    lots := 0;
    points := 0;
    FOR v_group IN
        SELECT l.opened_by, array_agg(l.id ORDER BY l.id) AS ids,
               sum(l.remaining - l.held)::bigint AS free
        FROM points_lot l
        WHERE l.member_id = p_from AND l.remaining > l.held
          AND (p_lots IS NULL OR l.id = ANY (p_lots))
        GROUP BY l.opened_by ORDER BY l.opened_by
    LOOP
        SELECT * INTO v_pair FROM points_merge_pair(
            p_merge, p_from, p_into, v_group.free, p_now, p_actor, '{}', '{}');
        WITH going AS MATERIALIZED (
            SELECT o.*, uuidv7() AS to_lot FROM (
                SELECT l.*, l.remaining - l.held AS free FROM points_lot l
                WHERE l.member_id = p_from AND l.id = ANY (v_group.ids) ORDER BY l.id
            ) o
        ), emptied AS (
            UPDATE points_lot l SET remaining = l.held FROM going g
            WHERE l.member_id = p_from AND l.id = g.id
        ), moved AS (
            INSERT INTO points_movement (member_id, seq, lot_id, points)
            SELECT p_from, v_pair.from_seq, g.id, -g.free FROM going g
        ), opened AS (
            INSERT INTO points_lot (member_id, id, opened_by, size, remaining, available_at,
                                    released_at, expires_at, idle_months, lasts)
            SELECT p_into, g.to_lot, v_pair.into_seq, g.free, g.free, g.available_at,
                   g.released_at, g.expires_at, g.idle_months, g.lasts
            FROM going g
        )
        INSERT INTO points_merge_lot (merge_id, from_member, from_lot, to_member, to_lot)
        SELECT p_merge, p_from, g.id, p_into, g.to_lot FROM going g;
        lots := lots + cardinality(v_group.ids);
        points := points + v_group.free;
    END LOOP;
    UPDATE points_account a SET active_at = greatest(a.active_at, f.active_at)
    FROM points_account f WHERE a.member_id = p_into AND f.member_id = p_from;
END $$;

CREATE OR REPLACE FUNCTION points_unmerge(
    p_merge uuid, p_from uuid, p_into uuid, p_debt bigint, p_earned bigint, p_followers uuid[],
    p_seqs integer[], p_now timestamptz, p_actor text
) RETURNS TABLE (old_seq integer, new_seq integer) LANGUAGE plpgsql AS $$
-- Gives back what a merge moved from p_from into p_into: of the debt what still stands, of each lot
-- what is left of it and not held by holds that stay, into the lot it came from; and the holds that
-- came along. Lots that p_into opened (p_seqs) for orders that go back move as well; says by which
-- seq each is known now. The caller holds both locks.
DECLARE
    v_lot record;
    v_pair record;
    v_heading integer;
    v_holds uuid[];
BEGIN
    UPDATE points_account SET merged_into = NULL WHERE member_id = p_from;
    UPDATE points_account SET merged_into = p_from WHERE member_id = ANY (p_followers);
    PERFORM points_lapse_now(p_into, p_now);
    SELECT array_agg(h.id) INTO v_holds
    FROM points_hold b JOIN points_hold h ON h.id = b.moved_to
    WHERE b.member_id = p_from AND h.member_id = p_into AND h.state = 'held';
    PERFORM points_merge_lift(p_into, v_holds, p_now, p_actor);
    SELECT p.into_seq INTO v_heading FROM points_merge_pair(
        p_merge, p_into, p_from, 0, p_now, p_actor, jsonb_build_object('earned', -p_earned),
        '{}') p;
    UPDATE points_account SET lifetime_earned = lifetime_earned - p_earned
    WHERE member_id = p_into;
    PERFORM points_merge_debt(p_merge, p_into, p_from, least(p_debt, a.debt), p_now, p_actor)
    FROM points_account a WHERE a.member_id = p_into;
    FOR v_lot IN
        SELECT m.from_lot, l.*, l.remaining - l.held AS free FROM points_merge_lot m
        JOIN points_lot l ON l.member_id = p_into AND l.id = m.to_lot
        WHERE m.merge_id = p_merge AND m.from_member = p_from ORDER BY l.opened_by, l.id
    LOOP
        UPDATE points_lot
        SET available_at = v_lot.available_at, released_at = v_lot.released_at,
            expires_at = v_lot.expires_at
        WHERE member_id = p_from AND id = v_lot.from_lot;
        CONTINUE WHEN v_lot.free = 0;
        SELECT * INTO v_pair FROM points_merge_pair(
            p_merge, p_into, p_from, v_lot.free, p_now, p_actor, '{}', '{}');
        UPDATE points_lot SET remaining = held WHERE member_id = p_into AND id = v_lot.id;
        UPDATE points_lot SET remaining = remaining + v_lot.free
        WHERE member_id = p_from AND id = v_lot.from_lot;
        INSERT INTO points_movement (member_id, seq, lot_id, points)
        VALUES (p_into, v_pair.from_seq, v_lot.id, -v_lot.free),
               (p_from, v_pair.into_seq, v_lot.from_lot, v_lot.free);
    END LOOP;
    PERFORM points_merge_place(p_merge, p_from, v_holds, p_now, p_actor);
    PERFORM points_merge_lots(p_merge, p_into, p_from, (
        SELECT coalesce(array_agg(l.id), '{}') FROM points_lot l
        WHERE l.member_id = p_into AND l.opened_by = ANY (p_seqs)), p_now, p_actor);
    RETURN QUERY
    SELECT s.seq, coalesce(max(n.opened_by), v_heading)
    FROM unnest(p_seqs) AS s (seq)
    LEFT JOIN points_lot o ON o.member_id = p_into AND o.opened_by = s.seq
    LEFT JOIN points_merge_lot m
        ON m.merge_id = p_merge AND m.from_member = p_into AND m.from_lot = o.id
    LEFT JOIN points_lot n ON n.member_id = p_from AND n.id = m.to_lot
    GROUP BY s.seq;
END $$;
"""


def upgrade() -> None:
    for part in (LOTS, TAKE, MERGE):
        script(part)
