"""Holds: points of some lots reserved for a while, then captured or given free.

A lot's `held` is what holds not yet resolved keep of it, so that takers and sweeps look at the lot
alone. A hold past its end keeps nothing: readers compare with the instant, and whoever writes to
the account ends such holds first, by an entry dated at the hold's own end. The verbs are in 0020.
"""

from crm.migrations import script

revision = "0010"
down_revision = "0009"

TABLES = """
ALTER TABLE points_account ADD COLUMN holds integer NOT NULL DEFAULT 0;
ALTER TABLE points_account ADD CONSTRAINT ck_points_account_holds CHECK (holds >= 0);
COMMENT ON COLUMN points_account.holds IS 'how many holds are not resolved';

ALTER TABLE points_lot ADD COLUMN held bigint NOT NULL DEFAULT 0;
ALTER TABLE points_lot ADD CONSTRAINT ck_points_lot_held CHECK (held BETWEEN 0 AND remaining);
COMMENT ON COLUMN points_lot.held IS 'of remaining: what holds not yet resolved keep';

CREATE TABLE points_hold (
    id uuid NOT NULL,
    member_id uuid NOT NULL,
    points bigint NOT NULL,
    captured bigint NOT NULL DEFAULT 0,
    reference text NOT NULL,
    state text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    resolved_at timestamptz,
    opened_by integer NOT NULL,
    resolved_by integer,
    CONSTRAINT pk_points_hold PRIMARY KEY (id),
    CONSTRAINT ck_points_hold_points CHECK (points > 0),
    CONSTRAINT ck_points_hold_captured CHECK (captured BETWEEN 0 AND points),
    CONSTRAINT ck_points_hold_state CHECK (state IN ('held', 'captured', 'void')),
    CONSTRAINT ck_points_hold_resolved CHECK (
        (state = 'held') = (resolved_at IS NULL) AND (state = 'held') = (resolved_by IS NULL)
        AND (state = 'captured') = (captured > 0)),
    CONSTRAINT ck_points_hold_times CHECK (
        created_at < expires_at AND resolved_at BETWEEN created_at AND expires_at)
);
CREATE INDEX ix_points_hold_member ON points_hold (member_id, created_at);
CREATE INDEX ix_points_hold_end ON points_hold (expires_at) WHERE state = 'held';
COMMENT ON TABLE points_hold IS
    'reserved points; active at t: created_at <= t < coalesce(resolved_at, expires_at)';

CREATE TABLE points_hold_lot (
    member_id uuid NOT NULL,
    hold_id uuid NOT NULL,
    lot_id uuid NOT NULL,
    points bigint NOT NULL,
    CONSTRAINT pk_points_hold_lot PRIMARY KEY (hold_id, lot_id),
    CONSTRAINT ck_points_hold_lot_points CHECK (points > 0)
);
COMMENT ON TABLE points_hold_lot IS 'which lots a hold reserves';

CREATE TRIGGER points_hold_lot_is_fixed BEFORE UPDATE OF hold_id, points OR DELETE
    ON points_hold_lot FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER points_hold_birth_is_fixed
    BEFORE UPDATE OF id, points, reference, created_at, expires_at, opened_by OR DELETE
    ON points_hold FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""

PARTS = """
CREATE FUNCTION points_write(
    p_member uuid, p_kind text, p_points bigint, p_at timestamptz, p_source_type text,
    p_source_id text, p_actor text, p_reason text, p_data jsonb
) RETURNS points_entry LANGUAGE plpgsql AS $$
-- Writes the next entry and moves the account on. The caller holds the account's lock, and writes
-- the lots and movements of this seq itself.
DECLARE
    v_account points_account;
    v_entry points_entry;
BEGIN
    SELECT * INTO v_account FROM points_account WHERE member_id = p_member;
    v_entry.member_id := p_member;
    v_entry.seq := v_account.seq + 1;
    v_entry.id := uuidv7();
    v_entry.kind := p_kind;
    v_entry.points := p_points;
    v_entry.balance_after := v_account.balance + p_points;
    v_entry.occurred_at := p_at;
    v_entry.recorded_at := clock_timestamp();
    v_entry.source_type := p_source_type;
    v_entry.source_id := p_source_id;
    v_entry.actor := p_actor;
    v_entry.reason := p_reason;
    v_entry.data := p_data;
    v_entry.hash := points_hash(v_account.head, p_member, v_entry.seq, p_kind, p_points,
                                v_entry.balance_after, p_at, p_source_type, p_source_id);
    INSERT INTO points_entry VALUES (v_entry.*);
    UPDATE points_account
    SET seq = v_entry.seq, balance = v_entry.balance_after, head = v_entry.hash
    WHERE member_id = p_member;
    RETURN v_entry;
END $$;

CREATE FUNCTION points_spendable(p_member uuid, p_at timestamptz) RETURNS bigint
LANGUAGE sql STABLE AS $$
    -- What a member can spend at an instant, now or later, debts left out of account.
    SELECT coalesce(sum(l.remaining - coalesce(h.points, 0)), 0)::bigint
    FROM points_lot l LEFT JOIN (
        SELECT x.lot_id, sum(x.points) AS points
        FROM points_hold o JOIN points_hold_lot x ON x.hold_id = o.id
        WHERE o.member_id = p_member AND o.state = 'held' AND o.expires_at > p_at
        GROUP BY x.lot_id
    ) h ON h.lot_id = l.id
    WHERE l.member_id = p_member AND l.remaining > 0 AND l.available_at <= p_at
      AND (l.expires_at IS NULL OR l.expires_at > p_at)
$$;

CREATE FUNCTION points_lapse_freed(
    p_member uuid, p_at timestamptz, p_lots uuid[], p_points bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
-- What a hold gave free of lots that lapsed meanwhile lapses at that instant.
DECLARE
    v_seq integer;
    v_closed bigint;
BEGIN
    SELECT seq + 1 INTO v_seq FROM points_account WHERE member_id = p_member;
    WITH closed AS (
        UPDATE points_lot l SET remaining = l.remaining - f.points
        FROM unnest(p_lots, p_points) AS f (lot_id, points)
        WHERE l.member_id = p_member AND l.id = f.lot_id AND f.points > 0 AND l.expires_at <= p_at
        RETURNING l.id, f.points
    ), moved AS (
        INSERT INTO points_movement (member_id, seq, lot_id, points)
        SELECT p_member, v_seq, id, -points FROM closed RETURNING points
    )
    SELECT sum(points) INTO v_closed FROM moved;
    IF v_closed < 0 THEN
        PERFORM points_write(p_member, 'expire', v_closed, p_at, 'expiry', rfc3339(p_at), NULL,
                             NULL, NULL);
    END IF;
END $$;
"""


TAKERS = """

CREATE OR REPLACE FUNCTION points_entry_document(e points_entry) RETURNS json
LANGUAGE sql STABLE AS $$
    -- An entry as the API shows it, with the lots that it opened, took from or gave to. The source
    -- of a hold's entries has its reference, that of a transfer's the other member.
    SELECT json_build_object(
        'id', e.id, 'member_id', e.member_id, 'seq', e.seq, 'kind', e.kind, 'points', e.points,
        'balance_after', e.balance_after,
        'occurred_at', rfc3339(e.occurred_at), 'recorded_at', rfc3339(e.recorded_at),
        'source', json_strip_nulls(json_build_object(
            'type', e.source_type, 'id', e.source_id,
            'reference', e.data ->> 'reference', 'member_id', e.data ->> 'member_id')),
        'actor', e.actor, 'reason', e.reason,
        'lots', coalesce((
            SELECT json_agg(json_build_object(
                'lot_id', x.lot_id, 'points', x.points, 'expires_at', rfc3339(l.expires_at))
                ORDER BY l.expires_at, l.opened_by, x.lot_id)
            FROM (
                SELECT m.lot_id, m.points FROM points_movement m
                WHERE m.member_id = e.member_id AND m.seq = e.seq
                UNION ALL
                SELECT o.id, o.size FROM points_lot o
                WHERE o.member_id = e.member_id AND o.opened_by = e.seq AND e.points > 0
            ) x JOIN points_lot l ON l.member_id = e.member_id AND l.id = x.lot_id), '[]'))
$$;

CREATE FUNCTION points_hold_document(h points_hold, p_now timestamptz) RETURNS json
LANGUAGE sql STABLE AS $$
    -- A hold as the API shows it: what it is at p_now, its lots, and the newest of its entries.
    SELECT json_build_object(
        'id', h.id, 'member_id', h.member_id,
        'state', CASE WHEN o.ended THEN 'void' ELSE h.state END, 'expired', o.ended,
        'points', h.points, 'captured', h.captured, 'reference', h.reference,
        'created_at', rfc3339(h.created_at), 'expires_at', rfc3339(h.expires_at),
        'resolved_at', rfc3339(CASE WHEN o.ended THEN h.expires_at ELSE h.resolved_at END),
        'lots', (
            SELECT json_agg(json_build_object(
                'lot_id', x.lot_id, 'points', x.points, 'expires_at', rfc3339(l.expires_at))
                ORDER BY l.expires_at, l.opened_by, x.lot_id)
            FROM points_hold_lot x
            JOIN points_lot l ON l.member_id = x.member_id AND l.id = x.lot_id
            WHERE x.hold_id = h.id),
        'entry', (
            SELECT points_entry_document(e) FROM points_entry e
            WHERE e.member_id = h.member_id AND e.seq = coalesce(h.resolved_by, h.opened_by)))
    FROM (
        SELECT h.state <> 'captured' AND h.expires_at <= coalesce(h.resolved_at, p_now) AS ended
    ) o
$$;
"""


def upgrade() -> None:
    for part in (TABLES, PARTS, TAKERS):
        script(part)
