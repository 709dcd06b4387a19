"""Debts are paid at the instant at which points become spendable, however late the jobs are.

Whatever takes, holds, gives back or closes points first settles what was due before, each at its
own instant, so that neither jobs nor their order change what a balance is.
"""

from crm.migrations import script

revision = "0020"
down_revision = "0019"

DEBTS = """
CREATE FUNCTION points_absorb_at(p_member uuid, p_at timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
-- Pays a member's debt out of the points that could be spent at one instant, and dates it there;
-- the balance stays, both sides shrink. Holds that are over by now are void; at an earlier instant
-- they kept their points. The caller holds the account's lock. Returns the points absorbed.
DECLARE
    v_account points_account;
    v_paid bigint;
    v_hash bytea;
BEGIN
    SELECT * INTO v_account FROM points_account WHERE member_id = p_member;
    WITH free AS (
        SELECT l.id, l.expires_at, l.opened_by,
               l.remaining - l.held - coalesce(h.points, 0) AS points
        FROM points_lot l LEFT JOIN (
            SELECT x.lot_id, sum(x.points) AS points
            FROM points_hold o JOIN points_hold_lot x ON x.hold_id = o.id
            WHERE o.member_id = p_member AND o.state = 'void'
              AND o.created_at <= p_at AND o.resolved_at > p_at
            GROUP BY x.lot_id
        ) h ON h.lot_id = l.id
        WHERE l.member_id = p_member AND l.remaining > l.held AND l.available_at <= p_at
          AND (l.expires_at IS NULL OR l.expires_at > p_at)
    ), open AS (
        SELECT id, points AS free,
               sum(points) OVER (ORDER BY expires_at NULLS LAST, opened_by, id) - points AS before
        FROM free WHERE points > 0
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
                          v_account.balance, p_at, 'debt', v_account.debt::text);
    INSERT INTO points_entry (member_id, seq, kind, points, balance_after, occurred_at, source_type,
                              source_id, data, hash)
    VALUES (p_member, v_account.seq + 1, 'absorb', 0, v_account.balance, p_at, 'debt',
            v_account.debt::text, jsonb_build_object('absorbed', v_paid), v_hash);
    UPDATE points_account SET seq = seq + 1, head = v_hash, debt = debt - v_paid
    WHERE member_id = p_member;
    RETURN v_paid;
END $$;

CREATE OR REPLACE FUNCTION points_absorb(p_member uuid, p_now timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
-- Ends the holds that are over and lets a debt be paid as it was due: at the instant at which it
-- arose, and at each since then at which points became spendable, whatever jobs have run or not.
-- Whoever takes, holds, gives back or closes points calls this first, so that nothing comes in
-- between. The caller holds the account's lock. Returns the points absorbed.
DECLARE
    v_account points_account;
    v_since timestamptz;
    v_at timestamptz;
    v_paid bigint := 0;
BEGIN
    SELECT * INTO v_account FROM points_account WHERE member_id = p_member;
    IF v_account.holds > 0 THEN
        PERFORM points_end_holds(p_member, p_now);
    END IF;
    IF coalesce(v_account.debt, 0) = 0 THEN
        RETURN 0;
    END IF;
    SELECT e.occurred_at INTO v_since FROM points_entry e
    WHERE e.member_id = p_member AND e.data ? 'debt' ORDER BY e.seq DESC LIMIT 1;
    v_since := coalesce(v_since, p_now);
    FOR v_at IN
        SELECT DISTINCT x.at FROM (
            SELECT v_since AS at
            UNION ALL
            SELECT l.available_at FROM points_lot l
            WHERE l.member_id = p_member AND l.remaining > 0 AND l.available_at > v_since
            UNION ALL
            SELECT h.resolved_at FROM points_hold h
            WHERE h.member_id = p_member AND h.resolved_at > v_since
            UNION ALL
            SELECT p_now WHERE p_now > v_since
        ) x WHERE x.at <= p_now ORDER BY 1
    LOOP
        v_paid := v_paid + points_absorb_at(p_member, v_at);
        EXIT WHEN v_paid = v_account.debt;
    END LOOP;
    RETURN v_paid;
END $$;
"""

HOLDS = """
CREATE FUNCTION points_hold_free(p_hold uuid, p_at timestamptz, p_actor text)
RETURNS points_entry LANGUAGE plpgsql AS $$
-- Gives an open hold's points free at p_at: now, or at its own end if that has come. What of them
-- lapsed meanwhile lapses at that instant; debts are the caller's affair, who holds the lock.
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
    RETURN v_entry;
END $$;

CREATE OR REPLACE FUNCTION points_hold_void(p_hold uuid, p_at timestamptz, p_actor text)
RETURNS points_entry LANGUAGE plpgsql AS $$
-- Gives an open hold's points free at p_at: now, or at its own end if that has come; they pay a
-- debt first. The caller holds the account's lock.
DECLARE
    v_hold points_hold;
    v_entry points_entry;
BEGIN
    SELECT * INTO v_hold FROM points_hold WHERE id = p_hold;
    PERFORM points_absorb(v_hold.member_id, p_at);
    SELECT * INTO v_hold FROM points_hold WHERE id = p_hold;
    IF v_hold.state = 'held' THEN
        v_entry := points_hold_free(p_hold, p_at, p_actor);
        PERFORM points_absorb(v_hold.member_id, p_at);
    ELSE
        SELECT * INTO v_entry FROM points_entry
        WHERE member_id = v_hold.member_id AND seq = v_hold.resolved_by;
    END IF;
    RETURN v_entry;
END $$;

CREATE OR REPLACE FUNCTION points_end_holds(p_member uuid, p_now timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
-- Voids a member's holds whose end has come, each at its end. Debts are the caller's affair, who
-- holds the account's lock. Returns how many.
DECLARE
    v_hold points_hold;
    v_done integer := 0;
BEGIN
    FOR v_hold IN
        SELECT * FROM points_hold
        WHERE member_id = p_member AND state = 'held' AND expires_at <= p_now
        ORDER BY expires_at, id
    LOOP
        PERFORM points_hold_free(v_hold.id, v_hold.expires_at, NULL);
        v_done := v_done + 1;
    END LOOP;
    RETURN v_done;
END $$;

CREATE OR REPLACE FUNCTION points_sweep_holds(p_now timestamptz, p_members integer) RETURNS bigint
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
        PERFORM points_absorb(v_member, p_now);
    END LOOP;
    RETURN cardinality(v_members);
END $$;

CREATE OR REPLACE FUNCTION points_hold_capture(
    p_hold uuid, p_points bigint, p_now timestamptz, p_actor text
) RETURNS points_entry LANGUAGE plpgsql AS $$
-- Spends p_points of an active hold, earliest expiry first, lapsed or not; the rest is free again,
-- and what of it lapsed meanwhile lapses now. The caller holds the account's lock.
DECLARE
    v_hold points_hold;
    v_entry points_entry;
    v_lots uuid[];
    v_rest bigint[];
    v_idle boolean;
BEGIN
    SELECT * INTO v_hold FROM points_hold WHERE id = p_hold;
    PERFORM points_absorb(v_hold.member_id, p_now);
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
    UPDATE points_account SET holds = holds - 1 WHERE member_id = v_hold.member_id
    RETURNING active_at IS NOT NULL INTO v_idle;
    IF v_idle THEN
        PERFORM points_stir(ARRAY[v_hold.member_id], ARRAY[p_now], p_now);
    END IF;
    IF p_points < v_hold.points THEN
        PERFORM points_lapse_freed(v_hold.member_id, p_now, v_lots, v_rest);
        PERFORM points_absorb(v_hold.member_id, p_now);
    END IF;
    RETURN v_entry;
END $$;

CREATE OR REPLACE FUNCTION points_hold_place(
    p_member uuid, p_hold uuid, p_points bigint, p_reference text, p_now timestamptz,
    p_expires_at timestamptz, p_actor text
) RETURNS void LANGUAGE plpgsql AS $$
-- Reserves points of the spendable lots, earliest expiry first. The caller holds the account's
-- lock and knows that there are enough.
DECLARE
    v_entry points_entry;
    v_placed bigint;
BEGIN
    PERFORM points_absorb(p_member, p_now);
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
"""

TAKERS = """

CREATE OR REPLACE FUNCTION points_restore_spent(
    p_member uuid, p_spent_seq integer, p_into uuid, p_points bigint, p_now timestamptz,
    p_source_type text, p_source_id text, p_grace_until timestamptz, p_actor text, p_reason text,
    p_data jsonb
) RETURNS points_entry LANGUAGE plpgsql AS $$
-- Gives back p_points of what entry p_spent_seq of p_member spent, into the lots that it came from,
-- those spent last first: as if fewer had been spent. p_into is the account that has his points
-- now: p_member's own or, after a merge, the other one, which gets lots of its own with the same
-- expiry. What comes from lots that lapsed goes into a new lot valid until p_grace_until; NULL:
-- it lapses at once. The caller holds p_into's lock and knows that so much is left to give back.
DECLARE
    v_seq integer;
    v_entry points_entry;
    v_given bigint;
    v_lots uuid[];
    v_points bigint[];
BEGIN
    PERFORM points_absorb(p_into, p_now);
    SELECT seq + 1 INTO v_seq FROM points_account WHERE member_id = p_into;
    WITH spent AS (
        SELECT m.lot_id, -m.points - coalesce(r.points, 0) AS points, l.expires_at, l.opened_by,
               l.idle_months,
               l.expires_at IS NOT NULL AND l.expires_at <= p_now AS lapsed
        FROM points_movement m
        JOIN points_lot l ON l.member_id = m.member_id AND l.id = m.lot_id
        LEFT JOIN (
            SELECT lot_id, sum(points) AS points FROM points_restore
            WHERE member_id = p_member AND spent_seq = p_spent_seq GROUP BY lot_id
        ) r ON r.lot_id = m.lot_id
        WHERE m.member_id = p_member AND m.seq = p_spent_seq
    ), ranked AS (
        SELECT *, sum(points) OVER (
            ORDER BY expires_at DESC NULLS FIRST, opened_by DESC, lot_id DESC) - points AS before
        FROM spent WHERE points > 0
    ), given AS (
        SELECT lot_id, least(points, p_points - before) AS points, lapsed,
               CASE WHEN lapsed THEN coalesce(p_grace_until, expires_at) ELSE expires_at END
                   AS until,
               CASE WHEN NOT lapsed THEN idle_months END AS idle,
               p_into <> p_member OR (lapsed AND p_grace_until IS NOT NULL) AS anew
        FROM ranked WHERE before < p_points
    ), back AS (
        UPDATE points_lot l SET remaining = l.remaining + g.points FROM given g
        WHERE l.member_id = p_member AND l.id = g.lot_id AND NOT g.anew
        RETURNING l.id, g.points
    ), moved AS (
        INSERT INTO points_movement (member_id, seq, lot_id, points)
        SELECT p_into, v_seq, id, points FROM back
    ), fresh AS (
        INSERT INTO points_lot (member_id, id, opened_by, size, remaining, available_at,
                                released_at, expires_at, idle_months)
        SELECT p_into, uuidv7(), v_seq, sum(points), sum(points), p_now, p_now, until, idle
        FROM given WHERE anew GROUP BY until, idle
        RETURNING id, expires_at, idle_months
    ), said AS (
        INSERT INTO points_restore (member_id, spent_seq, lot_id, into_member, seq, into_lot,
                                    points)
        SELECT p_member, p_spent_seq, g.lot_id, p_into, v_seq, coalesce(f.id, g.lot_id), g.points
        FROM given g
        LEFT JOIN fresh f ON g.anew AND f.expires_at IS NOT DISTINCT FROM g.until
            AND f.idle_months IS NOT DISTINCT FROM g.idle
        RETURNING lot_id, into_lot, points
    ), lapsing AS (
        SELECT s.into_lot, sum(s.points)::bigint AS points FROM said s JOIN given g USING (lot_id)
        WHERE g.lapsed GROUP BY s.into_lot
    )
    SELECT (SELECT sum(points) FROM said), array_agg(into_lot), array_agg(points)
    INTO v_given, v_lots, v_points FROM lapsing;
    IF v_given IS DISTINCT FROM p_points THEN
        RAISE EXCEPTION 'only % of % points are left to give back', coalesce(v_given, 0), p_points;
    END IF;
    v_entry := points_write(p_into, 'restore', p_points, p_now, p_source_type, p_source_id,
                            p_actor, p_reason, p_data);
    IF p_grace_until IS NULL AND v_lots IS NOT NULL THEN
        PERFORM points_lapse_freed(p_into, p_now, v_lots, v_points);
    END IF;
    PERFORM points_absorb(p_into, p_now);
    RETURN v_entry;
END $$;

CREATE OR REPLACE FUNCTION points_lapse(p_at timestamptz, p_members uuid[]) RETURNS bigint
LANGUAGE plpgsql AS $$
-- Closes what lapsed at p_at of those of these members that nobody else is writing; the others are
-- left for the next list. What should have paid a debt before does so first. Returns how many
-- entries that took.
DECLARE
    v_members uuid[];
    v_rich uuid[];
    v_debtors uuid[];
    v_debtor uuid;
    v_lot record;
    v_done bigint := 0;
BEGIN
    -- Who holds more than an entry may say has lots closed one opening at a time.
    SELECT array_agg(a.member_id) FILTER (WHERE a.balance + a.debt <= 1000000000),
           array_agg(a.member_id) FILTER (WHERE a.balance + a.debt > 1000000000),
           array_agg(a.member_id) FILTER (WHERE a.debt > 0)
    INTO v_members, v_rich, v_debtors FROM (
        SELECT member_id, balance, debt FROM points_account WHERE member_id = ANY (p_members)
        ORDER BY member_id FOR UPDATE SKIP LOCKED
    ) a;
    IF v_debtors IS NOT NULL THEN
        FOREACH v_debtor IN ARRAY v_debtors LOOP
            PERFORM points_absorb(v_debtor, p_at);
        END LOOP;
    END IF;
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
"""


def upgrade() -> None:
    for part in (DEBTS, HOLDS, TAKERS):
        script(part)
