"""Awards by rules: one entry, a lot for each expiry, no lot where caps left nothing."""

from crm.migrations import script

revision = "0007"
down_revision = "0006"
branch_labels = depends_on = None

REWARD = """
CREATE FUNCTION points_reward(
    p_member uuid, p_activity text, p_source_key text, p_now timestamptz, p_zone text,
    p_lots jsonb, p_actor text, p_reason text, p_data jsonb
) RETURNS points_entry LANGUAGE plpgsql AS $$
-- An award by rules, once per (activity, source key) for ever. The caller holds the account's lock
-- and has looked for the source. p_lots: [{"points", "expires_at"} or {"points", "expiry"}], the
-- latter a policy; none when caps left nothing: the entry of no points says so, once for ever.
DECLARE
    v_account points_account;
    v_entry points_entry;
    v_type text := 'award:' || p_activity;
BEGIN
    SELECT * INTO v_account FROM points_account WHERE member_id = p_member;
    SELECT coalesce(sum((l ->> 'points')::bigint), 0) INTO v_entry.points
    FROM jsonb_array_elements(p_lots) AS l;
    v_entry.member_id := p_member;
    v_entry.seq := v_account.seq + 1;
    v_entry.id := uuidv7();
    v_entry.kind := 'award';
    v_entry.balance_after := v_account.balance + v_entry.points;
    v_entry.occurred_at := p_now;
    v_entry.recorded_at := clock_timestamp();
    v_entry.source_type := v_type;
    v_entry.source_id := p_source_key;
    v_entry.actor := p_actor;
    v_entry.reason := p_reason;
    v_entry.data := p_data;
    v_entry.hash := points_hash(v_account.head, p_member, v_entry.seq, 'award', v_entry.points,
                                v_entry.balance_after, p_now, v_type, p_source_key);
    INSERT INTO points_entry (member_id, seq, id, kind, points, balance_after, occurred_at,
                              recorded_at, source_type, source_id, actor, reason, data, hash)
    VALUES (p_member, v_entry.seq, v_entry.id, v_entry.kind, v_entry.points,
            v_entry.balance_after, p_now, v_entry.recorded_at, v_type, p_source_key, p_actor,
            p_reason, p_data, v_entry.hash);
    INSERT INTO points_lot (member_id, id, opened_by, size, remaining, available_at, released_at,
                            expires_at)
    SELECT p_member, uuidv7(), v_entry.seq, sum(x.points), sum(x.points), p_now, p_now, x.expires_at
    FROM (
        SELECT (l ->> 'points')::bigint AS points,
               CASE WHEN l ? 'expiry' THEN points_expiry(l -> 'expiry', p_now, p_zone)
                    ELSE (l ->> 'expires_at')::timestamptz END AS expires_at
        FROM jsonb_array_elements(p_lots) AS l
    ) x GROUP BY x.expires_at;
    INSERT INTO points_source (key, member_id, seq)
    VALUES (points_source_key(v_type, p_source_key), p_member, v_entry.seq);
    UPDATE points_account
    SET seq = v_entry.seq, balance = v_entry.balance_after, head = v_entry.hash,
        lifetime_earned = lifetime_earned + v_entry.points
    WHERE member_id = p_member;
    IF v_account.debt > 0 AND v_entry.points > 0 THEN
        PERFORM points_absorb(p_member, p_now);
    END IF;
    RETURN v_entry;
END $$;

CREATE INDEX ix_points_entry_by_rules ON points_entry (member_id, occurred_at)
    WHERE kind = 'award' AND data IS NOT NULL;
"""


def upgrade() -> None:
    script(REWARD)
