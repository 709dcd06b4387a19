"""Approvals: what waits for a second person. Adjustments of points, and the limits of a day."""

from crm.migrations import script

revision = "0008"
down_revision = "0007"

APPROVALS = """
CREATE TABLE approval (
    id uuid NOT NULL,
    kind text NOT NULL,
    subject_type text NOT NULL,
    subject_id text NOT NULL,
    payload jsonb NOT NULL,
    requester_kind text NOT NULL,
    requester_id uuid,
    requester_name text NOT NULL,
    requested_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'pending',
    decider_kind text,
    decider_id uuid,
    decider_name text,
    decided_at timestamptz,
    reason text,
    result jsonb,
    CONSTRAINT pk_approval PRIMARY KEY (id),
    CONSTRAINT ck_approval_state
        CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'cancelled')),
    CONSTRAINT ck_approval_decided CHECK ((state = 'pending') = (decided_at IS NULL)),
    CONSTRAINT ck_approval_result CHECK ((state = 'approved') = (result IS NOT NULL)),
    CONSTRAINT ck_approval_reason CHECK (state <> 'denied' OR reason IS NOT NULL),
    CONSTRAINT ck_approval_four_eyes CHECK (
        state NOT IN ('approved', 'denied') OR decider_id IS DISTINCT FROM requester_id),
    CONSTRAINT ck_approval_time CHECK (expires_at > requested_at)
);
CREATE INDEX ix_approval_pending ON approval (expires_at) WHERE state = 'pending';
CREATE INDEX ix_approval_subject ON approval (subject_type, subject_id, id);
CREATE INDEX ix_approval_requester_id_id ON approval (requester_id, id);
COMMENT ON TABLE approval IS 'what waits, or waited, for the decision of a second person';
COMMENT ON COLUMN approval.expires_at IS 'exclusive; a pending row past it counts as expired';

CREATE TRIGGER approval_is_decided_once BEFORE UPDATE ON approval
    FOR EACH ROW WHEN (OLD.state <> 'pending') EXECUTE FUNCTION refuse_change();
CREATE TRIGGER approval_stays_as_asked
    BEFORE UPDATE OF id, kind, subject_type, subject_id, payload, requester_kind, requester_id,
        requester_name, requested_at, expires_at OR DELETE ON approval
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""

ADJUSTMENTS = """
CREATE TABLE points_adjustment_day (
    actor_id uuid NOT NULL,
    day date NOT NULL,
    points bigint NOT NULL DEFAULT 0,
    CONSTRAINT pk_points_adjustment_day PRIMARY KEY (actor_id, day),
    CONSTRAINT ck_points_adjustment_day_points CHECK (points >= 0)
) WITH (fillfactor = 80);
COMMENT ON TABLE points_adjustment_day IS
    'what one person, or key, answered for on a day: given plus taken; the row is the lock';

CREATE OR REPLACE FUNCTION points_give(
    p_member uuid, p_kind text, p_points bigint, p_now timestamptz,
    p_source_type text, p_source_id text, p_available_at timestamptz, p_expires_at timestamptz,
    p_actor text, p_reason text, p_data jsonb, p_account points_account, p_lot uuid
) RETURNS points_entry LANGUAGE plpgsql AS $$
-- Opens lot p_lot with an entry of its own. The caller holds the lock of p_account.
DECLARE
    v_entry points_entry;
BEGIN
    v_entry.member_id := p_member;
    v_entry.seq := p_account.seq + 1;
    v_entry.id := uuidv7();
    v_entry.kind := p_kind;
    v_entry.points := p_points;
    v_entry.balance_after := p_account.balance + p_points;
    v_entry.occurred_at := p_now;
    v_entry.recorded_at := clock_timestamp();
    v_entry.source_type := p_source_type;
    v_entry.source_id := p_source_id;
    v_entry.actor := p_actor;
    v_entry.reason := p_reason;
    v_entry.data := p_data;
    v_entry.hash := points_hash(p_account.head, p_member, v_entry.seq, p_kind, p_points,
                                v_entry.balance_after, p_now, p_source_type, p_source_id);
    INSERT INTO points_entry VALUES (v_entry.*);
    INSERT INTO points_lot (member_id, id, opened_by, size, remaining, available_at, released_at,
                            expires_at)
    VALUES (p_member, p_lot, v_entry.seq, p_points, p_points, p_available_at,
            CASE WHEN p_available_at <= p_now THEN p_available_at END, p_expires_at);
    UPDATE points_account
    SET seq = v_entry.seq, balance = v_entry.balance_after, head = v_entry.hash,
        -- what was put right by hand, moved or given back was not earned
        lifetime_earned = lifetime_earned
            + CASE WHEN p_kind IN ('earn', 'award') THEN p_points ELSE 0 END
    WHERE member_id = p_member;
    IF p_account.debt > 0 AND p_available_at <= p_now THEN
        PERFORM points_absorb(p_member, p_now);
    END IF;
    RETURN v_entry;
END $$;

"""


def upgrade() -> None:
    script(APPROVALS)
    script(ADJUSTMENTS)
