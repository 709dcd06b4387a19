"""The expiry sweep by lists: who lapses when is read once, then closed in chunks of one instant.

Read anew for each chunk, the list costs more than the closing: every chunk passes over the dead
entries that the chunks before it left in the index. One instant a chunk makes the statement that
closes as plain as it can be, and an entry says one instant anyway.
"""

from crm.migrations import script

revision = "0012"
down_revision = "0011"

SWEEP = """

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
