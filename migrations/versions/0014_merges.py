"""Merging members: who went into whom, and what an undo needs; the ledger's verbs for it."""

from crm.migrations import script

revision = "0014"
down_revision = "0013"

MEMBERS = """
ALTER TABLE member ADD COLUMN merged_into uuid;
ALTER TABLE member
    ADD CONSTRAINT fk_member_merged_into FOREIGN KEY (merged_into) REFERENCES member (id),
    ADD CONSTRAINT ck_member_merged CHECK (
        CASE status WHEN 'active' THEN merged_into IS NULL
                    WHEN 'merged' THEN merged_into IS NOT NULL AND merged_into <> id
                    ELSE true END);
CREATE INDEX ix_member_merged_into ON member (merged_into) WHERE merged_into IS NOT NULL;
COMMENT ON COLUMN member.merged_into IS 'the record that lives on, which is none merged itself';

ALTER TABLE member_identity ADD COLUMN came_with uuid;
ALTER TABLE member_identity ADD CONSTRAINT fk_member_identity_came_with
    FOREIGN KEY (came_with) REFERENCES member (id);
COMMENT ON COLUMN member_identity.came_with IS 'the merged record that brought it; NULL: its own';

CREATE TABLE member_merge (
    id uuid NOT NULL,
    from_id uuid NOT NULL,
    into_id uuid NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    moved jsonb NOT NULL,
    undone_at timestamptz,
    undone_by text,
    CONSTRAINT pk_member_merge PRIMARY KEY (id),
    CONSTRAINT fk_member_merge_from_id FOREIGN KEY (from_id) REFERENCES member (id),
    CONSTRAINT fk_member_merge_into_id FOREIGN KEY (into_id) REFERENCES member (id),
    CONSTRAINT ck_member_merge_two CHECK (from_id <> into_id),
    CONSTRAINT ck_member_merge_undone CHECK ((undone_at IS NULL) = (undone_by IS NULL))
);
CREATE UNIQUE INDEX uq_member_merge_standing ON member_merge (from_id) WHERE undone_at IS NULL;
CREATE INDEX ix_member_merge_into_id ON member_merge (into_id);
COMMENT ON COLUMN member_merge.moved IS 'what each room moved, as its undo needs it; no contacts';

ALTER TABLE tier_change DROP CONSTRAINT ck_tier_change_cause;
ALTER TABLE tier_change ADD CONSTRAINT ck_tier_change_cause CHECK (cause IN ('first', 'upgrade',
    'kept', 'downgrade', 'refund', 'manual', 'floor_ended', 'ladder', 'merge'));
"""

POINTS = """
ALTER TABLE points_account ADD COLUMN merged_into uuid;
ALTER TABLE points_account ADD CONSTRAINT ck_points_account_merged_is_empty
    CHECK (merged_into IS NULL OR (balance = 0 AND debt = 0));
CREATE INDEX ix_points_account_merged_into ON points_account (merged_into)
    WHERE merged_into IS NOT NULL;
COMMENT ON COLUMN points_account.merged_into IS
    'the account that has its points; who waited for the lock of this one begins again';

ALTER TABLE points_hold ADD COLUMN moved_to uuid;
COMMENT ON COLUMN points_hold.moved_to IS 'the hold that took its place when its member was merged';

CREATE TABLE points_merge_lot (
    merge_id uuid NOT NULL,
    from_member uuid NOT NULL,
    from_lot uuid NOT NULL,
    to_member uuid NOT NULL,
    to_lot uuid NOT NULL,
    CONSTRAINT pk_points_merge_lot PRIMARY KEY (merge_id, to_lot)
);
COMMENT ON TABLE points_merge_lot IS 'the lot that a merge emptied, and the one it opened for it';

CREATE FUNCTION points_lapse_now(p_member uuid, p_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
-- Ends a member's holds that are over and closes his lapsed lots, as the sweeps would. The caller
-- holds the account's lock.
DECLARE
    v_lot points_lot;
BEGIN
    PERFORM points_end_holds(p_member, p_now);
    FOR v_lot IN
        SELECT * FROM points_lot
        WHERE member_id = p_member AND remaining > held AND expires_at <= p_now
        ORDER BY expires_at, opened_by, id
    LOOP
        UPDATE points_lot SET remaining = held WHERE member_id = p_member AND id = v_lot.id;
        INSERT INTO points_movement (member_id, seq, lot_id, points)
        SELECT p_member, a.seq + 1, v_lot.id, v_lot.held - v_lot.remaining
        FROM points_account a WHERE a.member_id = p_member;
        PERFORM points_write(p_member, 'expire', v_lot.held - v_lot.remaining, v_lot.expires_at,
                             'expiry', rfc3339(v_lot.expires_at), NULL, NULL, NULL);
    END LOOP;
END $$;

CREATE FUNCTION points_merge_pair(
    p_merge uuid, p_from uuid, p_into uuid, p_points bigint, p_now timestamptz, p_actor text,
    p_from_data jsonb, p_into_data jsonb, OUT from_seq integer, OUT into_seq integer
) LANGUAGE plpgsql AS $$
-- p_points leave one account for the other: two entries that name each other. The caller holds both
-- locks, and writes lots and movements of these seqs itself.
BEGIN
    SELECT seq + 1 INTO from_seq FROM points_account WHERE member_id = p_from;
    SELECT seq + 1 INTO into_seq FROM points_account WHERE member_id = p_into;
    PERFORM points_write(p_from, 'merge', -p_points, p_now, 'merge', p_merge::text, p_actor, NULL,
        jsonb_build_object('member_id', p_into, 'seq', into_seq) || p_from_data);
    PERFORM points_write(p_into, 'merge', p_points, p_now, 'merge', p_merge::text, p_actor, NULL,
        jsonb_build_object('member_id', p_from, 'seq', from_seq) || p_into_data);
END $$;

CREATE FUNCTION points_merge_debt(
    p_merge uuid, p_from uuid, p_into uuid, p_debt bigint, p_now timestamptz, p_actor text
) RETURNS void LANGUAGE plpgsql AS $$
-- Moves p_debt of one account's debt to the other. An entry says a thousand million at most.
DECLARE
    v_part bigint;
BEGIN
    WHILE p_debt > 0 LOOP
        v_part := least(p_debt, 1000000000);
        UPDATE points_account
        SET debt = debt + CASE member_id WHEN p_into THEN v_part ELSE -v_part END
        WHERE member_id IN (p_from, p_into);
        PERFORM points_merge_pair(p_merge, p_from, p_into, -v_part, p_now, p_actor,
            jsonb_build_object('debt', -v_part), jsonb_build_object('debt', v_part));
        p_debt := p_debt - v_part;
    END LOOP;
END $$;

CREATE FUNCTION points_merge_lots(
    p_merge uuid, p_from uuid, p_into uuid, p_lots uuid[], p_now timestamptz, p_actor text,
    OUT lots integer, OUT points bigint
) LANGUAGE plpgsql AS $$
-- Moves what is left of these lots (NULL: of all) and not held into lots of their own at the other
-- account, with their times. The caller holds both locks.
DECLARE
    v_lot record;
    v_pair record;
    v_new uuid;
BEGIN
    lots := 0;
    points := 0;
    FOR v_lot IN
        SELECT l.*, l.remaining - l.held AS free FROM points_lot l
        WHERE l.member_id = p_from AND l.remaining > l.held
          AND (p_lots IS NULL OR l.id = ANY (p_lots))
        ORDER BY l.opened_by, l.id
    LOOP
        SELECT * INTO v_pair FROM points_merge_pair(
            p_merge, p_from, p_into, v_lot.free, p_now, p_actor, '{}', '{}');
        v_new := uuidv7();
        UPDATE points_lot SET remaining = held WHERE member_id = p_from AND id = v_lot.id;
        INSERT INTO points_movement (member_id, seq, lot_id, points)
        VALUES (p_from, v_pair.from_seq, v_lot.id, -v_lot.free);
        INSERT INTO points_lot (member_id, id, opened_by, size, remaining, available_at,
                                released_at, expires_at)
        VALUES (p_into, v_new, v_pair.into_seq, v_lot.free, v_lot.free, v_lot.available_at,
                v_lot.released_at, v_lot.expires_at);
        INSERT INTO points_merge_lot (merge_id, from_member, from_lot, to_member, to_lot)
        VALUES (p_merge, p_from, v_lot.id, p_into, v_new);
        lots := lots + 1;
        points := points + v_lot.free;
    END LOOP;
END $$;

"""

HOLDS = """
CREATE FUNCTION points_merge_lift(
    p_member uuid, p_holds uuid[], p_now timestamptz, p_actor text
) RETURNS void LANGUAGE plpgsql AS $$
-- Takes open holds off their lots, whose points stay, and names the holds to come in their place.
-- The caller holds the account's lock.
DECLARE
    v_hold points_hold;
    v_entry points_entry;
    v_next uuid;
BEGIN
    FOR v_hold IN SELECT * FROM points_hold WHERE id = ANY (p_holds) ORDER BY created_at, id LOOP
        v_next := uuidv7();
        v_entry := points_write(p_member, 'void', 0, p_now, 'hold', v_hold.id::text, p_actor, NULL,
            jsonb_build_object('reference', v_hold.reference, 'returned', v_hold.points,
                               'moved_to', v_next));
        UPDATE points_lot l SET held = l.held - x.points
        FROM points_hold_lot x
        WHERE x.hold_id = v_hold.id AND l.member_id = p_member AND l.id = x.lot_id;
        UPDATE points_hold
        SET state = 'void', resolved_at = p_now, resolved_by = v_entry.seq, moved_to = v_next
        WHERE id = v_hold.id;
        UPDATE points_account SET holds = holds - 1 WHERE member_id = p_member;
    END LOOP;
END $$;

CREATE FUNCTION points_merge_place(
    p_merge uuid, p_member uuid, p_holds uuid[], p_now timestamptz, p_actor text
) RETURNS void LANGUAGE plpgsql AS $$
-- Places holds for those that were lifted, on the lots that theirs became in this merge, or that
-- theirs had come from. The caller holds the account's lock.
DECLARE
    v_hold points_hold;
    v_entry points_entry;
BEGIN
    FOR v_hold IN SELECT * FROM points_hold WHERE id = ANY (p_holds) ORDER BY created_at, id LOOP
        v_entry := points_write(p_member, 'hold', 0, p_now, 'hold', v_hold.moved_to::text, p_actor,
            NULL, jsonb_build_object('reference', v_hold.reference, 'held', v_hold.points,
                                     'moved_from', v_hold.id));
        INSERT INTO points_hold (id, member_id, points, reference, state, created_at, expires_at,
                                 opened_by)
        VALUES (v_hold.moved_to, p_member, v_hold.points, v_hold.reference, 'held', p_now,
                v_hold.expires_at, v_entry.seq);
        INSERT INTO points_hold_lot (member_id, hold_id, lot_id, points)
        SELECT p_member, v_hold.moved_to,
               CASE WHEN m.to_member = p_member THEN m.to_lot ELSE m.from_lot END, x.points
        FROM points_hold_lot x JOIN points_merge_lot m
            ON m.merge_id = p_merge AND x.lot_id IN (m.from_lot, m.to_lot)
        WHERE x.hold_id = v_hold.id;
        UPDATE points_lot l SET held = l.held + x.points
        FROM points_hold_lot x
        WHERE x.hold_id = v_hold.moved_to AND l.member_id = p_member AND l.id = x.lot_id;
        UPDATE points_account SET holds = holds + 1 WHERE member_id = p_member;
    END LOOP;
END $$;
"""

MERGE = """
CREATE FUNCTION points_merge(
    p_merge uuid, p_from uuid, p_into uuid, p_now timestamptz, p_actor text,
    OUT lots integer, OUT points bigint, OUT debt bigint, OUT earned bigint, OUT heading integer
) LANGUAGE plpgsql AS $$
-- Empties one account into another. The first pair of entries is of 0 points: it heads the others,
-- says what had ever been earned, and stands for lots that were empty already. Debts are not paid
-- at this moment, so that an undo finds them. The caller holds both locks.
DECLARE
    v_from points_account;
    v_moved record;
    v_holds uuid[];
BEGIN
    PERFORM points_lapse_now(p_from, p_now);
    SELECT array_agg(h.id) INTO v_holds FROM points_hold h
    WHERE h.member_id = p_from AND h.state = 'held';
    PERFORM points_merge_lift(p_from, v_holds, p_now, p_actor);
    SELECT * INTO v_from FROM points_account WHERE member_id = p_from;
    debt := v_from.debt;
    earned := v_from.lifetime_earned;
    SELECT p.into_seq INTO heading FROM points_merge_pair(
        p_merge, p_from, p_into, 0, p_now, p_actor, '{}', jsonb_build_object('earned', earned)) p;
    PERFORM points_merge_debt(p_merge, p_from, p_into, debt, p_now, p_actor);
    SELECT * INTO v_moved
    FROM points_merge_lots(p_merge, p_from, p_into, NULL, p_now, p_actor);
    PERFORM points_merge_place(p_merge, p_into, v_holds, p_now, p_actor);
    lots := v_moved.lots;
    points := v_moved.points;
    UPDATE points_account a SET lifetime_earned = a.lifetime_earned + v_from.lifetime_earned
    WHERE a.member_id = p_into;
    UPDATE points_account a SET merged_into = p_into
    WHERE a.member_id = p_from OR a.merged_into = p_from;
END $$;

CREATE FUNCTION points_unmerge(
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
    SELECT s.seq, coalesce(n.opened_by, v_heading)
    FROM unnest(p_seqs) AS s (seq)
    LEFT JOIN points_lot o ON o.member_id = p_into AND o.opened_by = s.seq
    LEFT JOIN points_merge_lot m
        ON m.merge_id = p_merge AND m.from_member = p_into AND m.from_lot = o.id
    LEFT JOIN points_lot n ON n.member_id = p_from AND n.id = m.to_lot;
END $$;
"""

DOORS = """
CREATE OR REPLACE FUNCTION points_door(
    p_key_id uuid, p_claim uuid, p_fingerprint uuid, p_now timestamptz,
    p_who_kind text, p_who_value text,
    OUT status integer, OUT body text, OUT member uuid, OUT zone text
) LANGUAGE plpgsql AS $$
-- What the hot doors begin with: is the key valid, was this request answered, who is the member.
-- The id of a record that was merged names the member it went into.
-- status NULL: go on. 401: the key is not valid any more. 0: the idempotency key belongs to
-- another request. 404: no such member. Anything else is the stored answer in body.
-- Two requests with one key in flight: both may pass here; the second to store its answer fails on
-- the unique key, is rolled back whole, and finds the answer when it is sent again.
DECLARE
    v_known record;
BEGIN
    IF p_key_id IS NOT NULL AND NOT api_key_valid(p_key_id, p_now) THEN
        status := 401;
        RETURN;
    END IF;
    SELECT k.fingerprint, k.status, k.body INTO v_known
    FROM idempotency_key k WHERE k.key = p_claim;
    IF FOUND THEN
        status := CASE WHEN v_known.fingerprint = p_fingerprint THEN v_known.status ELSE 0 END;
        body := v_known.body;
        RETURN;
    END IF;
    IF p_who_kind = 'id' THEN
        SELECT m.id, coalesce(m.timezone, s.timezone) INTO member, zone
        FROM member m LEFT JOIN store s ON s.code = m.home_store
        WHERE m.id = p_who_value::uuid AND m.status = 'active';
        IF member IS NULL THEN
            SELECT m.id, coalesce(m.timezone, s.timezone) INTO member, zone
            FROM member n JOIN member m ON m.id = n.merged_into AND m.status = 'active'
            LEFT JOIN store s ON s.code = m.home_store
            WHERE n.id = p_who_value::uuid;
        END IF;
    ELSE
        SELECT m.id, coalesce(m.timezone, s.timezone) INTO member, zone
        FROM member_identity i JOIN member m ON m.id = i.member_id
        LEFT JOIN store s ON s.code = m.home_store
        WHERE i.kind = p_who_kind AND i.value = p_who_value AND m.status = 'active';
    END IF;
    IF member IS NULL THEN
        status := 404;
        body := points_problem(404, 'member_not_found', '{}');
    END IF;
END $$;

CREATE OR REPLACE FUNCTION points_open(p_member uuid) RETURNS points_account LANGUAGE plpgsql AS $$
-- Locks a member's account, making it on first use. Who waited while it was merged into another
-- begins again, and finds that one.
DECLARE
    v_account points_account;
BEGIN
    SELECT * INTO v_account FROM points_account WHERE member_id = p_member FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO points_account (member_id) VALUES (p_member) ON CONFLICT DO NOTHING;
        SELECT * INTO v_account FROM points_account WHERE member_id = p_member FOR UPDATE;
    END IF;
    IF v_account.merged_into IS NOT NULL THEN
        RAISE EXCEPTION 'the account was merged' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN v_account;
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
    IF v_account.merged_into IS NOT NULL THEN
        RAISE EXCEPTION 'the account was merged' USING ERRCODE = 'serialization_failure';
    END IF;
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
"""

AWARD = """
CREATE FUNCTION points_same_member(p_first uuid, p_member uuid) RETURNS boolean
LANGUAGE sql STABLE AS $$
    -- Whether what p_first was given is p_member's: his own, or of a record merged into his.
    SELECT p_first = p_member
        OR EXISTS (SELECT FROM member m WHERE m.id = p_first AND m.merged_into = p_member)
$$;

CREATE OR REPLACE FUNCTION points_award(p_now timestamptz, p_sandbox boolean, p_rows json)
RETURNS TABLE (place bigint, status integer, body text, replayed boolean, lifts boolean)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
-- Any number of awards, whole: key check, idempotency, member, source, entry, lot, balance, stored
-- answer. Rows as crm.points.awards.Award has them; one answer for each, in their order.
-- status 201 new, 200 the first award of this source, 409 the source is another member's, 404 no
-- such member, 401 the key is not valid any more, 0 the idempotency key is another request's; or
-- the stored answer, replayed; lifts: a task was put, so wake a worker. No two rows share a source
-- or a claim.
-- Every look-up is fenced (OFFSET 0): a plan made while a table was empty must not scan it later.
#variable_conflict use_column
DECLARE
    v_now timestamptz := p_now;
    v_recorded timestamptz := clock_timestamp();
    v_members uuid[];
    v_zones text[];
    v_valid boolean[];
    v_locked bigint;
    v_debts boolean;
    v_moved boolean;
    v_policy jsonb;
    v_timezone text;
    v_lifts boolean;
    v_debtor uuid;
BEGIN
    IF p_sandbox THEN
        v_now := sandbox_now(p_now);
    END IF;
    SELECT p.document -> 'expiry', p.document ->> 'timezone' INTO v_policy, v_timezone
    FROM points_programme p
    WHERE p.effective_at <= v_now ORDER BY p.effective_at DESC, p.version DESC LIMIT 1;

    SELECT array_agg(m.id ORDER BY r.place),
           array_agg(coalesce(m.zone, v_timezone) ORDER BY r.place),
           array_agg(r.key_id IS NULL OR k.valid IS NOT NULL ORDER BY r.place)
    INTO v_members, v_zones, v_valid
    FROM ROWS FROM (json_to_recordset(p_rows) AS (key_id uuid, who_kind text, who_value text))
         WITH ORDINALITY AS r (key_id, who_kind, who_value, place)
    LEFT JOIN LATERAL (
        SELECT true AS valid FROM api_key k
        WHERE k.id = r.key_id AND k.revoked_at IS NULL
          AND (k.expires_at IS NULL OR k.expires_at > v_now)
        OFFSET 0
    ) k ON true
    LEFT JOIN LATERAL (
        SELECT m.id, coalesce(m.timezone, s.timezone) AS zone
        FROM member m LEFT JOIN store s ON s.code = m.home_store
        WHERE m.status = 'active' AND m.id = CASE WHEN r.who_kind = 'id' THEN r.who_value::uuid
            ELSE (SELECT i.member_id FROM member_identity i
                  WHERE i.kind = r.who_kind AND i.value = r.who_value) END
        OFFSET 0
    ) m ON true;
    IF array_position(v_members, NULL) IS NOT NULL THEN
        -- the id of a record that was merged names the member it went into
        SELECT array_agg(coalesce(r.member, m.id) ORDER BY r.place),
               array_agg(coalesce(m.zone, r.zone) ORDER BY r.place)
        INTO v_members, v_zones
        FROM ROWS FROM (json_to_recordset(p_rows) AS (who_kind text, who_value text),
                        unnest(v_members), unnest(v_zones))
             WITH ORDINALITY AS r (who_kind, who_value, member, zone, place)
        LEFT JOIN LATERAL (
            SELECT m.id, coalesce(m.timezone, s.timezone) AS zone
            FROM member n JOIN member m ON m.id = n.merged_into AND m.status = 'active'
            LEFT JOIN store s ON s.code = m.home_store
            WHERE r.member IS NULL
              AND n.id = CASE WHEN r.who_kind = 'id' THEN r.who_value::uuid END
            OFFSET 0
        ) m ON true;
    END IF;

    SELECT count(*), bool_or(l.debt > 0), bool_or(l.merged_into IS NOT NULL)
    INTO v_locked, v_debts, v_moved FROM (
        SELECT a.debt, a.merged_into FROM points_account a
        WHERE a.member_id = ANY (v_members) ORDER BY a.member_id FOR UPDATE
    ) l;
    IF v_moved THEN
        RAISE EXCEPTION 'an account was merged' USING ERRCODE = 'serialization_failure';
    END IF;
    IF v_locked < cardinality(v_members) THEN
        INSERT INTO points_account (member_id)
        SELECT DISTINCT m FROM unnest(v_members) AS m
        WHERE m IS NOT NULL AND NOT EXISTS (SELECT FROM points_account a WHERE a.member_id = m)
        ORDER BY m ON CONFLICT DO NOTHING;
        PERFORM FROM points_account a
        WHERE a.member_id = ANY (v_members) ORDER BY a.member_id FOR UPDATE;
    END IF;

    v_lifts := points_lift(v_members, v_now);
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT r.*, k.key IS NOT NULL AS known,
               k.fingerprint AS known_fingerprint, k.status AS known_status, k.body AS known_body,
               s.member_id AS first_member, s.seq AS first_seq
        FROM ROWS FROM (json_to_recordset(p_rows) AS (
                claim uuid, fingerprint uuid, points bigint, type text, id text, source uuid,
                actor text, reason text, expires_at timestamptz, shown text),
                unnest(v_members), unnest(v_zones), unnest(v_valid))
             WITH ORDINALITY AS r (claim, fingerprint, points, type, id, source, actor, reason,
                                   expires_at, shown, member, zone, valid, place)
        LEFT JOIN LATERAL (
            SELECT * FROM idempotency_key k WHERE k.key = r.claim OFFSET 0) k ON true
        LEFT JOIN LATERAL (
            SELECT * FROM points_source s WHERE s.key = r.source OFFSET 0) s ON true
    ), lasting AS MATERIALIZED (
        SELECT z.zone, z.until, to_json(rfc3339(z.until))::text AS shown FROM (
            SELECT d.zone, points_expiry(v_policy, v_now, d.zone) AS until
            FROM (SELECT DISTINCT u AS zone FROM unnest(v_zones) u) d
        ) z
    ), fresh AS MATERIALIZED (
        SELECT a.place, a.member, a.points, a.type, a.id, a.actor, a.reason, a.source, a.claim,
               a.fingerprint, a.shown, b.head, uuidv7() AS entry_id, uuidv7() AS lot_id,
               (b.seq + row_number() OVER w)::integer AS seq,
               (b.balance + sum(a.points) OVER w)::bigint AS balance,
               coalesce(a.expires_at, z.until) AS until,
               CASE WHEN a.expires_at IS NULL THEN coalesce(z.shown, 'null')
                    ELSE to_json(rfc3339(a.expires_at))::text END AS until_shown
        FROM asked a
        CROSS JOIN LATERAL (
            SELECT * FROM points_account b WHERE b.member_id = a.member OFFSET 0) b
        JOIN lasting z ON z.zone = a.zone
        WHERE a.valid AND NOT a.known AND a.first_member IS NULL
        WINDOW w AS (PARTITION BY a.member ORDER BY a.place)
    ), chained AS MATERIALIZED (
        SELECT f.*, points_chain(f.head, points_said(f.member, f.seq, 'award', f.points, f.balance,
                                                     v_now, f.type, f.id))
                        OVER (PARTITION BY f.member ORDER BY f.place) AS hash
        FROM fresh f
    ), entries AS (
        INSERT INTO points_entry (member_id, seq, id, kind, points, balance_after, occurred_at,
                                  recorded_at, source_type, source_id, actor, reason, hash)
        SELECT c.member, c.seq, c.entry_id, 'award', c.points, c.balance, v_now, v_recorded, c.type,
               c.id, c.actor, c.reason, c.hash
        FROM chained c
    ), lots AS (
        INSERT INTO points_lot (member_id, id, opened_by, size, remaining, available_at,
                                released_at, expires_at)
        SELECT c.member, c.lot_id, c.seq, c.points, c.points, v_now, v_now, c.until FROM chained c
    ), sources AS (
        INSERT INTO points_source (key, member_id, seq)
        SELECT c.source, c.member, c.seq FROM chained c ORDER BY c.source
    ), accounts AS (
        UPDATE points_account a
        SET seq = c.seq, balance = c.balance, head = c.hash,
            lifetime_earned = a.lifetime_earned + c.balance - a.balance
        FROM (
            SELECT DISTINCT ON (d.member) d.member, d.seq, d.balance, d.hash
            FROM chained d ORDER BY d.member, d.place DESC
        ) c
        WHERE a.member_id = c.member
    ), answers AS MATERIALIZED (
        SELECT c.place, 201 AS status, format(
                   '{"id":"%s","member_id":"%s","seq":%s,"kind":"award","points":%s,'
                   '"balance_after":%s,"occurred_at":"%s","recorded_at":"%s",%s,'
                   '"lots":[{"lot_id":"%s","points":%s,"expires_at":%s}]}',
                   c.entry_id, c.member, c.seq, c.points, c.balance, t.now, t.recorded, c.shown,
                   c.lot_id, c.points, c.until_shown) AS body,
               false AS replayed, c.claim, c.fingerprint
        FROM (SELECT rfc3339(v_now) AS now, rfc3339(v_recorded) AS recorded OFFSET 0) t, chained c
        UNION ALL
        SELECT a.place,
               CASE WHEN NOT a.valid THEN 401
                    WHEN a.known THEN
                        CASE WHEN a.known_fingerprint = a.fingerprint THEN a.known_status ELSE 0 END
                    WHEN a.member IS NULL THEN 404
                    WHEN points_same_member(a.first_member, a.member) THEN 200
                    ELSE 409 END,
               CASE WHEN a.known THEN a.known_body
                    WHEN a.member IS NULL THEN points_problem(404, 'member_not_found', '{}')
                    WHEN points_same_member(a.first_member, a.member) THEN (
                        SELECT points_entry_document(e)::text FROM points_entry e
                        WHERE e.member_id = a.first_member AND e.seq = a.first_seq)
                    ELSE points_problem(409, 'source_key_used', '{}') END,
               a.valid AND a.known AND a.known_fingerprint = a.fingerprint,
               a.claim, a.fingerprint
        FROM asked a
        WHERE NOT a.valid OR a.known OR a.member IS NULL OR a.first_member IS NOT NULL
    ), kept AS (
        INSERT INTO idempotency_key (key, fingerprint, status, body, created_at)
        SELECT n.claim, n.fingerprint, n.status, n.body, v_now FROM answers n
        WHERE n.claim IS NOT NULL AND NOT n.replayed AND n.status IN (200, 201, 409)
        ORDER BY n.claim
    )
    SELECT n.place, n.status, n.body, n.replayed, v_lifts FROM answers n ORDER BY n.place;

    IF v_debts THEN
        FOR v_debtor IN
            SELECT a.member_id FROM points_account a
            WHERE a.member_id = ANY (v_members) AND a.debt > 0 ORDER BY a.member_id
        LOOP
            PERFORM points_absorb(v_debtor, v_now);
        END LOOP;
    END IF;
END $$;
"""

ORDERS = """
CREATE TABLE order_merge (
    merge_id uuid NOT NULL,
    order_id uuid NOT NULL,
    lot_seq integer,
    moved_seq integer,
    CONSTRAINT pk_order_merge PRIMARY KEY (merge_id, order_id)
);
COMMENT ON TABLE order_merge IS 'orders that a merge moved; lot_seq before and after';
"""


def upgrade() -> None:
    for part in (MEMBERS, POINTS, HOLDS, MERGE, DOORS, AWARD, ORDERS):
        script(part)
