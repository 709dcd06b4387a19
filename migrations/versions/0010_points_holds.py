"""Holds: points of some lots reserved for a while, then captured or given free.

A lot's `held` is what holds not yet resolved keep of it, so that takers and sweeps look at the lot
alone. A hold past its end keeps nothing: readers compare with the instant, and whoever writes to
the account ends such holds first, by an entry dated at the hold's own end.
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

VERBS = """
CREATE FUNCTION points_hold_place(
    p_member uuid, p_hold uuid, p_points bigint, p_reference text, p_now timestamptz,
    p_expires_at timestamptz, p_actor text
) RETURNS void LANGUAGE plpgsql AS $$
-- Reserves points of the spendable lots, earliest expiry first. The caller holds the account's
-- lock and knows that there are enough.
DECLARE
    v_entry points_entry;
    v_placed bigint;
BEGIN
    PERFORM points_end_holds(p_member, p_now);
    v_entry := points_write(p_member, 'hold', 0, p_now, 'hold', p_hold::text, p_actor, NULL,
        jsonb_build_object('reference', p_reference, 'held', p_points));
    INSERT INTO points_hold (id, member_id, points, reference, state, created_at, expires_at,
                             opened_by)
    VALUES (p_hold, p_member, p_points, p_reference, 'held', p_now, p_expires_at, v_entry.seq);
    WITH open AS (
        SELECT l.id, l.remaining - l.held AS free,
               sum(l.remaining - l.held) OVER (
                   ORDER BY l.expires_at NULLS LAST, l.opened_by, l.id)
               - (l.remaining - l.held) AS before
        FROM points_lot l
        WHERE l.member_id = p_member AND l.remaining > l.held AND l.available_at <= p_now
          AND (l.expires_at IS NULL OR l.expires_at > p_now)
    ), reserved AS (
        UPDATE points_lot l SET held = l.held + least(o.free, p_points - o.before)
        FROM open o
        WHERE l.member_id = p_member AND l.id = o.id AND o.before < p_points
        RETURNING l.id, NEW.held - OLD.held AS points
    ), parts AS (
        INSERT INTO points_hold_lot (member_id, hold_id, lot_id, points)
        SELECT p_member, p_hold, id, points FROM reserved RETURNING points
    )
    SELECT sum(points) INTO v_placed FROM parts;
    IF v_placed IS DISTINCT FROM p_points THEN
        RAISE EXCEPTION 'only % of % points could be held', coalesce(v_placed, 0), p_points;
    END IF;
    UPDATE points_account SET holds = holds + 1 WHERE member_id = p_member;
END $$;

CREATE FUNCTION points_hold_capture(
    p_hold uuid, p_points bigint, p_now timestamptz, p_actor text
) RETURNS points_entry LANGUAGE plpgsql AS $$
-- Spends p_points of an active hold, earliest expiry first, lapsed or not; the rest is free again,
-- and what of it lapsed meanwhile lapses now. The caller holds the account's lock.
DECLARE
    v_hold points_hold;
    v_entry points_entry;
    v_lots uuid[];
    v_rest bigint[];
BEGIN
    SELECT * INTO v_hold FROM points_hold WHERE id = p_hold;
    v_entry := points_write(v_hold.member_id, 'capture', -p_points, p_now, 'hold', p_hold::text,
        p_actor, NULL, jsonb_build_object(
            'reference', v_hold.reference, 'held', v_hold.points,
            'returned', v_hold.points - p_points));
    WITH parts AS (
        SELECT x.lot_id, x.points,
               sum(x.points) OVER (ORDER BY l.expires_at NULLS LAST, l.opened_by, l.id)
                   - x.points AS before
        FROM points_hold_lot x
        JOIN points_lot l ON l.member_id = x.member_id AND l.id = x.lot_id
        WHERE x.hold_id = p_hold
    ), spent AS (
        SELECT lot_id, points, greatest(least(points, p_points - before), 0) AS spent FROM parts
    ), taken AS (
        UPDATE points_lot l SET remaining = l.remaining - s.spent, held = l.held - s.points
        FROM spent s WHERE l.member_id = v_hold.member_id AND l.id = s.lot_id
        RETURNING s.lot_id, s.spent, s.points - s.spent AS rest
    ), moved AS (
        INSERT INTO points_movement (member_id, seq, lot_id, points)
        SELECT v_hold.member_id, v_entry.seq, lot_id, -spent FROM taken WHERE spent > 0
    )
    SELECT array_agg(lot_id), array_agg(rest) INTO v_lots, v_rest FROM taken;
    UPDATE points_hold
    SET state = 'captured', captured = p_points, resolved_at = p_now, resolved_by = v_entry.seq
    WHERE id = p_hold;
    UPDATE points_account SET holds = holds - 1 WHERE member_id = v_hold.member_id;
    IF p_points < v_hold.points THEN
        PERFORM points_lapse_freed(v_hold.member_id, p_now, v_lots, v_rest);
        PERFORM points_absorb(v_hold.member_id, p_now);
    END IF;
    RETURN v_entry;
END $$;

CREATE FUNCTION points_hold_void(p_hold uuid, p_at timestamptz, p_actor text)
RETURNS points_entry LANGUAGE plpgsql AS $$
-- Gives a hold's points free at p_at: now, or at its own end if that has come. What of them lapsed
-- meanwhile lapses at that instant. The caller holds the account's lock.
DECLARE
    v_hold points_hold;
    v_entry points_entry;
    v_lots uuid[];
    v_freed bigint[];
BEGIN
    SELECT * INTO v_hold FROM points_hold WHERE id = p_hold;
    v_entry := points_write(v_hold.member_id, 'void', 0, p_at, 'hold', p_hold::text, p_actor, NULL,
        jsonb_build_object('reference', v_hold.reference, 'returned', v_hold.points));
    WITH freed AS (
        UPDATE points_lot l SET held = l.held - x.points
        FROM points_hold_lot x
        WHERE x.hold_id = p_hold AND l.member_id = x.member_id AND l.id = x.lot_id
        RETURNING x.lot_id, x.points
    )
    SELECT array_agg(lot_id), array_agg(points) INTO v_lots, v_freed FROM freed;
    UPDATE points_hold SET state = 'void', resolved_at = p_at, resolved_by = v_entry.seq
    WHERE id = p_hold;
    UPDATE points_account SET holds = holds - 1 WHERE member_id = v_hold.member_id;
    PERFORM points_lapse_freed(v_hold.member_id, p_at, v_lots, v_freed);
    PERFORM points_absorb(v_hold.member_id, p_at);
    RETURN v_entry;
END $$;

CREATE FUNCTION points_end_holds(p_member uuid, p_now timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
-- Voids a member's holds whose end has come, each at its end. The caller holds the account's lock.
DECLARE
    v_hold points_hold;
    v_done integer := 0;
BEGIN
    LOOP
        -- one at a time: a void may absorb, which ends holds itself
        SELECT * INTO v_hold FROM points_hold
        WHERE member_id = p_member AND state = 'held' AND expires_at <= p_now
        ORDER BY expires_at, id LIMIT 1;
        EXIT WHEN NOT FOUND;
        PERFORM points_hold_void(v_hold.id, v_hold.expires_at, NULL);
        v_done := v_done + 1;
    END LOOP;
    RETURN v_done;
END $$;

CREATE FUNCTION points_sweep_holds(p_now timestamptz, p_members integer) RETURNS bigint
LANGUAGE plpgsql AS $$
-- Ends the due holds of at most p_members members that nobody else is writing. Reading never waits
-- for this. Returns how many members; 0 means done.
DECLARE
    v_members uuid[];
    v_member uuid;
BEGIN
    SELECT array_agg(a.member_id) INTO v_members FROM (
        SELECT a.member_id FROM points_account a
        WHERE a.member_id IN (
            SELECT h.member_id FROM points_hold h
            WHERE h.state = 'held' AND h.expires_at <= p_now ORDER BY h.expires_at LIMIT p_members)
        ORDER BY a.member_id FOR UPDATE SKIP LOCKED
    ) a;
    IF v_members IS NULL THEN
        RETURN 0;
    END IF;
    FOREACH v_member IN ARRAY v_members LOOP
        PERFORM points_end_holds(v_member, p_now);
    END LOOP;
    RETURN cardinality(v_members);
END $$;
"""

TAKERS = """
CREATE OR REPLACE FUNCTION points_take(
    p_member uuid, p_kind text, p_points bigint, p_now timestamptz,
    p_source_type text, p_source_id text, p_actor text, p_reason text, p_data jsonb,
    p_first uuid, p_pending boolean, p_others boolean, p_shortfall text
) RETURNS points_entry LANGUAGE plpgsql AS $$
-- Takes points out of lots: from lot p_first, then (p_others) from the spendable ones, earliest
-- expiry first, then oldest. What is short becomes debt or is let go ('floor'); the entry says
-- what was taken in truth. What is held is not taken. The caller holds the account's lock; an entry
-- of nothing is not written.
DECLARE
    v_account points_account;
    v_entry points_entry;
    v_taken bigint;
    v_short bigint;
    v_head bytea;
BEGIN
    SELECT * INTO v_account FROM points_account WHERE member_id = p_member;
    IF v_account.holds > 0 AND points_end_holds(p_member, p_now) > 0 THEN
        SELECT * INTO v_account FROM points_account WHERE member_id = p_member;
    END IF;
    v_entry.seq := v_account.seq + 1;
    WITH open AS (
        SELECT l.id, l.remaining - l.held AS free,
               sum(l.remaining - l.held) OVER (
                   ORDER BY (l.id = p_first) DESC, l.expires_at NULLS LAST, l.opened_by, l.id)
               - (l.remaining - l.held) AS before
        FROM points_lot l
        WHERE l.member_id = p_member AND l.remaining > l.held
          AND ((l.id = p_first AND (p_pending OR l.available_at <= p_now))
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

CREATE OR REPLACE FUNCTION points_absorb(p_member uuid, p_now timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
-- Pays a member's debt out of the points that are spendable; the balance stays, both sides shrink.
-- The caller holds the account's lock. Returns the points absorbed.
DECLARE
    v_account points_account;
    v_paid bigint;
    v_hash bytea;
BEGIN
    SELECT * INTO v_account FROM points_account WHERE member_id = p_member;
    IF v_account.holds > 0 AND points_end_holds(p_member, p_now) > 0 THEN
        SELECT * INTO v_account FROM points_account WHERE member_id = p_member;
    END IF;
    IF v_account.debt = 0 THEN
        RETURN 0;
    END IF;
    WITH open AS (
        SELECT l.id, l.remaining - l.held AS free,
               sum(l.remaining - l.held) OVER (
                   ORDER BY l.expires_at NULLS LAST, l.opened_by, l.id)
               - (l.remaining - l.held) AS before
        FROM points_lot l
        WHERE l.member_id = p_member AND l.remaining > l.held AND l.available_at <= p_now
          AND (l.expires_at IS NULL OR l.expires_at > p_now)
    ), taken AS (
        UPDATE points_lot l
        SET remaining = l.remaining - least(o.free, v_account.debt - o.before)
        FROM open o
        WHERE l.member_id = p_member AND l.id = o.id AND o.before < v_account.debt
        RETURNING l.id, OLD.remaining - NEW.remaining AS points
    ), moved AS (
        INSERT INTO points_movement (member_id, seq, lot_id, points)
        SELECT p_member, v_account.seq + 1, id, -points FROM taken RETURNING points
    )
    SELECT coalesce(-sum(points), 0) INTO v_paid FROM moved;
    IF v_paid = 0 THEN
        RETURN 0;
    END IF;
    v_hash := points_hash(v_account.head, p_member, v_account.seq + 1, 'absorb', 0,
                          v_account.balance, p_now, 'debt', v_account.debt::text);
    INSERT INTO points_entry (member_id, seq, kind, points, balance_after, occurred_at, source_type,
                              source_id, data, hash)
    VALUES (p_member, v_account.seq + 1, 'absorb', 0, v_account.balance, p_now, 'debt',
            v_account.debt::text, jsonb_build_object('absorbed', v_paid), v_hash);
    UPDATE points_account SET seq = seq + 1, head = v_hash, debt = debt - v_paid
    WHERE member_id = p_member;
    RETURN v_paid;
END $$;

CREATE OR REPLACE FUNCTION points_expire(p_now timestamptz, p_members integer) RETURNS bigint
LANGUAGE plpgsql AS $$
-- Closes the lapsed lots of at most p_members members that nobody else is writing; the earliest
-- expiry of each, so that every entry says one instant. What is held stays until its hold is
-- resolved. Returns how many members; 0 means done.
DECLARE
    v_members uuid[];
    v_done bigint;
BEGIN
    SELECT array_agg(a.member_id) INTO v_members FROM (
        SELECT a.member_id FROM points_account a
        WHERE a.member_id IN (
            SELECT l.member_id FROM points_lot l
            WHERE l.remaining > 0 AND l.remaining > l.held AND l.expires_at <= p_now
            ORDER BY l.expires_at LIMIT p_members)
        ORDER BY a.member_id FOR UPDATE SKIP LOCKED
    ) a;
    IF v_members IS NULL THEN
        RETURN 0;
    END IF;
    WITH lots AS (
        SELECT l.member_id, l.id, l.expires_at, l.remaining - l.held AS free,
               rank() OVER (PARTITION BY l.member_id ORDER BY l.expires_at) AS place,
               sum(l.remaining - l.held) OVER (
                   PARTITION BY l.member_id ORDER BY l.expires_at, l.opened_by) AS running
        FROM points_lot l
        WHERE l.member_id = ANY (v_members) AND l.remaining > l.held AND l.expires_at <= p_now
    ), closing AS (
        -- no lot holds more than an entry may say, so the first always fits
        SELECT * FROM lots WHERE place = 1 AND running <= 1000000000
    ), lapsed AS (
        SELECT member_id, expires_at, sum(free) AS points FROM closing
        GROUP BY member_id, expires_at
    ), closed AS (
        UPDATE points_lot l SET remaining = l.held FROM closing c
        WHERE l.member_id = c.member_id AND l.id = c.id
        RETURNING l.member_id, l.id, OLD.remaining - NEW.remaining AS points
    ), accounts AS (
        UPDATE points_account a
        SET seq = a.seq + 1, balance = a.balance - d.points,
            head = points_hash(a.head, a.member_id, a.seq + 1, 'expire', -d.points::bigint,
                               a.balance - d.points::bigint, d.expires_at, 'expiry',
                               rfc3339(d.expires_at))
        FROM lapsed d WHERE a.member_id = d.member_id
        RETURNING a.member_id, a.seq, a.balance, a.head, d.points, d.expires_at
    ), moved AS (
        INSERT INTO points_movement (member_id, seq, lot_id, points)
        SELECT c.member_id, a.seq, c.id, -c.points FROM closed c JOIN accounts a USING (member_id)
    ), written AS (
        INSERT INTO points_entry (member_id, seq, kind, points, balance_after, occurred_at,
                                  source_type, source_id, hash)
        SELECT member_id, seq, 'expire', -points, balance, expires_at, 'expiry',
               rfc3339(expires_at), head
        FROM accounts RETURNING 1
    )
    SELECT count(*) INTO v_done FROM written;
    RETURN v_done;
END $$;

CREATE OR REPLACE FUNCTION points_redeem(
    p_key_id uuid, p_claim uuid, p_fingerprint uuid, p_now timestamptz, p_sandbox boolean,
    p_who_kind text, p_who_value text, p_points bigint, p_reference text, p_actor text,
    OUT status integer, OUT body text, OUT replayed boolean
) LANGUAGE plpgsql AS $$
-- One redemption, whole. Lots are read after the account's lock was got, in a statement of its own.
DECLARE
    v_now timestamptz := p_now;
    v_door record;
    v_account points_account;
    v_entry points_entry;
    v_rules jsonb;
    v_available bigint;
BEGIN
    replayed := false;
    IF p_sandbox THEN
        v_now := sandbox_now(p_now);
    END IF;
    SELECT * INTO v_door
    FROM points_door(p_key_id, p_claim, p_fingerprint, v_now, p_who_kind, p_who_value);
    IF v_door.status IS NOT NULL THEN
        status := v_door.status;
        body := v_door.body;
        replayed := v_door.status NOT IN (0, 401, 404);
        RETURN;
    END IF;
    SELECT p.document -> 'redemption' INTO v_rules FROM points_programme p
    WHERE p.effective_at <= v_now ORDER BY p.effective_at DESC, p.version DESC LIMIT 1;
    SELECT * INTO v_account FROM points_account WHERE member_id = v_door.member FOR UPDATE;
    IF v_account.holds > 0 AND points_end_holds(v_door.member, v_now) > 0 THEN
        SELECT * INTO v_account FROM points_account WHERE member_id = v_door.member;
    END IF;
    SELECT greatest(coalesce(sum(l.remaining - l.held), 0) - coalesce(v_account.debt, 0), 0)
    INTO v_available
    FROM points_lot l
    WHERE l.member_id = v_door.member AND l.remaining > l.held AND l.available_at <= v_now
      AND (l.expires_at IS NULL OR l.expires_at > v_now);
    IF p_points < (v_rules ->> 'min_points')::bigint
       OR p_points % (v_rules ->> 'points_per_step')::bigint <> 0 THEN
        status := 422;
        body := points_problem(422, 'not_redeemable_amount', jsonb_build_object(
            'minimum', (v_rules ->> 'min_points')::bigint,
            'step', (v_rules ->> 'points_per_step')::bigint));
    ELSIF v_available < p_points THEN
        status := 422;
        body := points_problem(422, 'insufficient_points', jsonb_build_object(
            'required', p_points, 'available', v_available, 'missing', p_points - v_available));
    ELSE
        v_entry := points_take(v_door.member, 'redeem', p_points, v_now, 'redemption', p_reference,
                               p_actor, NULL, NULL, NULL, false, true, 'floor');
        status := 201;
        body := points_entry_document(v_entry)::text;
    END IF;
    INSERT INTO idempotency_key (key, fingerprint, status, body, created_at)
    VALUES (p_claim, p_fingerprint, status, body, v_now);
END $$;

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
    for part in (TABLES, PARTS, VERBS, TAKERS):
        script(part)
