"""The statement that closes lapsed lots joins by hash, whatever the planner believes.

How many lots hold more than is held of them can't be guessed from statistics, and a guess of three
makes a loop of what are a thousand rows twice.
"""

from crm.migrations import script

revision = "0018"
down_revision = "0017"

CLOSE = """
CREATE OR REPLACE FUNCTION points_lapse_lots(
    p_at timestamptz, p_members uuid[], p_opened_by integer
) RETURNS bigint LANGUAGE plpgsql SET enable_nestloop = off AS $$
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
        FROM lapsed d WHERE a.member_id = d.member_id AND a.member_id = ANY (p_members)
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
"""


def upgrade() -> None:
    script(CLOSE)
