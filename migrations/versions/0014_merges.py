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

"""

AWARD = """
CREATE FUNCTION points_same_member(p_first uuid, p_member uuid) RETURNS boolean
LANGUAGE sql STABLE AS $$
    -- Whether what p_first was given is p_member's: his own, or of a record merged into his.
    SELECT p_first = p_member
        OR EXISTS (SELECT FROM member m WHERE m.id = p_first AND m.merged_into = p_member)
$$;

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
