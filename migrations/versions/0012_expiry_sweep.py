"""The expiry sweep by lists: who lapses when is read once, then closed in chunks of one instant.

Read anew for each chunk, the list costs more than the closing: every chunk passes over the dead
entries that the chunks before it left in the index. One instant a chunk makes the statement that
closes as plain as it can be, and an entry says one instant anyway.
"""

from crm.migrations import script

revision = "0012"
down_revision = "0011"

SWEEP = """
CREATE FUNCTION points_lapse_lots(p_at timestamptz, p_members uuid[], p_opened_by integer)
RETURNS bigint LANGUAGE plpgsql AS $$
-- Closes the lots of these members that lapse at p_at (with p_opened_by: only those opened by that
-- entry), an entry each, which may not say more than a thousand million. What is held stays until
-- its hold is resolved. The caller holds the accounts' locks. Returns how many entries.
DECLARE
    v_said text := rfc3339(p_at);
    v_done bigint;
BEGIN
    WITH closed AS (
        UPDATE points_lot l SET remaining = l.held
        WHERE l.member_id = ANY (p_members) AND l.expires_at = p_at AND l.remaining > l.held
          AND (p_opened_by IS NULL OR l.opened_by = p_opened_by)
        RETURNING l.member_id, l.id, OLD.remaining - NEW.remaining AS points
    ), lapsed AS (
        SELECT member_id, sum(points)::bigint AS points FROM closed GROUP BY member_id
    ), accounts AS (
        UPDATE points_account a
        SET seq = a.seq + 1, balance = a.balance - d.points,
            head = points_hash(a.head, a.member_id, a.seq + 1, 'expire', -d.points,
                               a.balance - d.points, p_at, 'expiry', v_said)
        FROM lapsed d WHERE a.member_id = d.member_id
        RETURNING a.member_id, a.seq, a.balance, a.head, d.points
    ), moved AS (
        INSERT INTO points_movement (member_id, seq, lot_id, points)
        SELECT c.member_id, a.seq, c.id, -c.points FROM closed c JOIN accounts a USING (member_id)
    ), written AS (
        INSERT INTO points_entry (member_id, seq, kind, points, balance_after, occurred_at,
                                  source_type, source_id, hash)
        SELECT member_id, seq, 'expire', -points, balance, p_at, 'expiry', v_said, head
        FROM accounts RETURNING 1
    )
    SELECT count(*) INTO v_done FROM written;
    RETURN v_done;
END $$;

CREATE FUNCTION points_lapse(p_at timestamptz, p_members uuid[]) RETURNS bigint
LANGUAGE plpgsql AS $$
-- Closes what lapsed at p_at of those of these members that nobody else is writing; the others are
-- left for the next list. Returns how many entries that took.
DECLARE
    v_members uuid[];
    v_rich uuid[];
    v_lot record;
    v_done bigint := 0;
BEGIN
    -- Who holds more than an entry may say has lots closed one opening at a time.
    SELECT array_agg(a.member_id) FILTER (WHERE a.balance + a.debt <= 1000000000),
           array_agg(a.member_id) FILTER (WHERE a.balance + a.debt > 1000000000)
    INTO v_members, v_rich FROM (
        SELECT member_id, balance, debt FROM points_account WHERE member_id = ANY (p_members)
        ORDER BY member_id FOR UPDATE SKIP LOCKED
    ) a;
    IF v_members IS NOT NULL THEN
        v_done := points_lapse_lots(p_at, v_members, NULL);
    END IF;
    IF v_rich IS NOT NULL THEN
        FOR v_lot IN
            SELECT DISTINCT member_id, opened_by FROM points_lot
            WHERE member_id = ANY (v_rich) AND expires_at = p_at AND remaining > held ORDER BY 1, 2
        LOOP
            v_done := v_done
                + points_lapse_lots(p_at, ARRAY[v_lot.member_id], v_lot.opened_by);
        END LOOP;
    END IF;
    RETURN v_done;
END $$;

CREATE FUNCTION points_lapsing(p_now timestamptz, p_members integer, p_most integer)
RETURNS TABLE (expires_at timestamptz, members uuid[]) LANGUAGE sql STABLE AS $$
    -- What has lapsed and is not closed, the earliest p_most of it: an instant and at most
    -- p_members members of it a row, in the order of members, which is that of the tables.
    SELECT x.expires_at, array_agg(x.member_id ORDER BY x.member_id)
    FROM (
        SELECT d.expires_at, d.member_id,
               (row_number() OVER (PARTITION BY d.expires_at ORDER BY d.member_id) - 1) / p_members
                   AS chunk
        FROM (
            SELECT DISTINCT f.expires_at, f.member_id FROM (
                SELECT l.expires_at, l.member_id FROM points_lot l
                WHERE l.remaining > 0 AND l.remaining > l.held AND l.expires_at <= p_now
                ORDER BY l.expires_at LIMIT p_most
            ) f
        ) d
    ) x GROUP BY x.expires_at, x.chunk ORDER BY x.expires_at, x.chunk
$$;

CREATE OR REPLACE FUNCTION points_expire(p_now timestamptz, p_members integer) RETURNS bigint
LANGUAGE plpgsql AS $$
-- Closes the earliest lapsed lots, of at most p_members members, that nobody else is writing.
-- Returns how many entries; 0 means that nothing is left but what others are writing.
DECLARE
    v_chunk record;
    v_done bigint := 0;
BEGIN
    FOR v_chunk IN SELECT * FROM points_lapsing(p_now, p_members, p_members) LOOP
        v_done := v_done + points_lapse(v_chunk.expires_at, v_chunk.members);
    END LOOP;
    RETURN v_done;
END $$;
"""


def upgrade() -> None:
    script(SWEEP)
