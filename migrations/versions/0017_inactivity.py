"""Points that lapse after months of inactivity: every activity carries them on.

Functions that open lots or are an activity are replaced; each begins with what it was, and asks
`points_account.active_at` first, so that shops without this policy pay nothing for it.
"""

from crm.migrations import script

revision = "0017"
down_revision = "0016"

IDLE = """
ALTER TABLE points_account ADD COLUMN active_at timestamptz;
COMMENT ON COLUMN points_account.active_at IS
    'the last activity, kept while the member has lots that inactivity lets lapse; else NULL';
ALTER TABLE points_lot ADD COLUMN idle_months smallint;
ALTER TABLE points_lot ADD CONSTRAINT ck_points_lot_idle_months CHECK (idle_months > 0);
COMMENT ON COLUMN points_lot.idle_months IS
    'lapses so many months after the last activity, which moves expires_at; NULL: it stays';

CREATE FUNCTION points_idle(policy jsonb) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
    -- The months of inactivity after which points of this policy lapse; NULL: another policy.
    SELECT CASE WHEN policy ->> 'policy' = 'inactivity_months'
        THEN coalesce((policy ->> 'months')::smallint, 12) END
$$;

CREATE FUNCTION points_stir(p_members uuid[], p_ats timestamptz[], p_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
-- These members were active, each at an instant (NULL: look only at what is known). Their points
-- that inactivity lets lapse are valid for their months from the last activity on; never shorter
-- than before, and what has lapsed by p_now stays so. The caller holds the accounts' locks.
BEGIN
    UPDATE points_account a SET active_at = greatest(
        coalesce(a.active_at, (
            SELECT max(e.occurred_at) FROM points_entry e
            WHERE e.member_id = a.member_id AND e.kind IN ('earn', 'award', 'redeem', 'capture')
              AND e.occurred_at <= p_now)),
        least(x.at, p_now))
    FROM unnest(p_members, p_ats) AS x (member_id, at)
    WHERE a.member_id = x.member_id;
    UPDATE points_lot l SET expires_at = n.until
    FROM (
        SELECT l.member_id, l.id, points_expiry(
                   jsonb_build_object('policy', 'inactivity_months', 'months', l.idle_months),
                   a.active_at, coalesce(m.timezone, s.timezone, p.document ->> 'timezone'))
                   AS until
        FROM points_account a
        JOIN member m ON m.id = a.member_id
        LEFT JOIN store s ON s.code = m.home_store
        CROSS JOIN (
            SELECT document FROM points_programme
            WHERE effective_at <= p_now ORDER BY effective_at DESC, version DESC LIMIT 1
        ) p
        JOIN points_lot l ON l.member_id = a.member_id
        WHERE a.member_id = ANY (p_members) AND isfinite(a.active_at)
          AND l.idle_months IS NOT NULL AND l.remaining > 0 AND l.expires_at > p_now
    ) n
    WHERE l.member_id = n.member_id AND l.id = n.id AND n.until > l.expires_at;
END $$;

CREATE FUNCTION points_expiry_then(p_lot points_lot, p_at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
-- Until when a lot was valid as it was known at p_at: activities since then did not count yet.
DECLARE
    v_until timestamptz;
BEGIN
    IF p_lot.idle_months IS NULL OR p_lot.expires_at IS NULL THEN
        RETURN p_lot.expires_at;
    END IF;
    SELECT points_expiry(
               jsonb_build_object('policy', 'inactivity_months', 'months', p_lot.idle_months),
               greatest(p_lot.available_at, (
                   SELECT max(e.occurred_at) FROM points_entry e
                   WHERE e.member_id = m.id AND e.kind IN ('earn', 'award', 'redeem', 'capture')
                     AND e.occurred_at <= p_at)),
               coalesce(m.timezone, s.timezone, p.document ->> 'timezone'))
    INTO v_until
    FROM member m LEFT JOIN store s ON s.code = m.home_store
    CROSS JOIN (
        SELECT document FROM points_programme
        WHERE effective_at <= p_at ORDER BY effective_at DESC, version DESC LIMIT 1
    ) p
    WHERE m.id = p_lot.member_id;
    RETURN CASE WHEN v_until > p_at THEN least(v_until, p_lot.expires_at)
        ELSE p_lot.expires_at END;
END $$;
"""

EARNERS = """
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
    v_idle boolean;
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

    SELECT count(*), bool_or(l.debt > 0), bool_or(l.merged_into IS NOT NULL),
           bool_or(l.active_at IS NOT NULL)
    INTO v_locked, v_debts, v_moved, v_idle FROM (
        SELECT a.debt, a.merged_into, a.active_at FROM points_account a
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
               CASE WHEN a.expires_at IS NULL THEN points_idle(v_policy) END AS idle,
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
                                released_at, expires_at, idle_months)
        SELECT c.member, c.lot_id, c.seq, c.points, c.points, v_now, v_now, c.until, c.idle
        FROM chained c
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

    IF v_idle OR points_idle(v_policy) IS NOT NULL THEN
        PERFORM points_stir(array_agg(m), array_agg(v_now), v_now)
        FROM (SELECT DISTINCT m FROM unnest(v_members) AS m WHERE m IS NOT NULL) d;
    END IF;
    IF v_debts THEN
        FOR v_debtor IN
            SELECT a.member_id FROM points_account a
            WHERE a.member_id = ANY (v_members) AND a.debt > 0 ORDER BY a.member_id
        LOOP
            PERFORM points_absorb(v_debtor, v_now);
        END LOOP;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION points_reward(
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
                            expires_at, idle_months)
    SELECT p_member, uuidv7(), v_entry.seq, sum(x.points), sum(x.points), p_now, p_now,
           x.expires_at, x.idle
    FROM (
        SELECT (l ->> 'points')::bigint AS points,
               CASE WHEN l ? 'expiry' THEN points_expiry(l -> 'expiry', p_now, p_zone)
                    ELSE (l ->> 'expires_at')::timestamptz END AS expires_at,
               points_idle(l -> 'expiry') AS idle
        FROM jsonb_array_elements(p_lots) AS l
    ) x GROUP BY x.expires_at, x.idle;
    INSERT INTO points_source (key, member_id, seq)
    VALUES (points_source_key(v_type, p_source_key), p_member, v_entry.seq);
    UPDATE points_account
    SET seq = v_entry.seq, balance = v_entry.balance_after, head = v_entry.hash,
        lifetime_earned = lifetime_earned + v_entry.points
    WHERE member_id = p_member;
    IF v_account.active_at IS NOT NULL
        OR EXISTS (SELECT FROM jsonb_array_elements(p_lots) AS l
                   WHERE points_idle(l -> 'expiry') IS NOT NULL)
    THEN
        PERFORM points_stir(ARRAY[p_member], ARRAY[p_now], p_now);
    END IF;
    IF v_account.debt > 0 AND v_entry.points > 0 THEN
        PERFORM points_absorb(p_member, p_now);
    END IF;
    RETURN v_entry;
END $$;

CREATE OR REPLACE FUNCTION points_adjust(
    p_member uuid, p_points bigint, p_now timestamptz, p_reason_code text, p_id uuid,
    p_actor text, p_reason text, p_data jsonb, p_policy jsonb, p_zone text
) RETURNS points_entry LANGUAGE plpgsql AS $$
-- An adjustment by hand, once per p_id: opens a lot that expires by p_policy, or takes from what is
-- spendable, earliest expiry first. The caller holds the account's lock and knows that there is
-- enough; should there not be, nothing is taken and an error says so.
DECLARE
    v_type text := 'adjustment:' || p_reason_code;
    v_entry points_entry;
BEGIN
    IF p_points > 0 THEN
        v_entry := points_give(p_member, 'adjust', p_points, p_now, v_type, p_id::text, p_now,
                               points_expiry(p_policy, p_now, p_zone), p_actor, p_reason, p_data,
                               points_open(p_member), uuidv7());
        IF points_idle(p_policy) IS NOT NULL THEN
            -- it keeps what it is given with activity, but is none itself
            UPDATE points_lot SET idle_months = points_idle(p_policy)
            WHERE member_id = p_member AND opened_by = v_entry.seq;
            UPDATE points_account SET active_at = coalesce(active_at, '-infinity')
            WHERE member_id = p_member;
        END IF;
    ELSE
        v_entry := points_take(p_member, 'adjust', -p_points, p_now, v_type, p_id::text, p_actor,
                               p_reason, p_data, NULL, false, true, 'floor');
    END IF;
    IF v_entry.points IS DISTINCT FROM p_points THEN
        RAISE EXCEPTION 'adjustment % of % took %', p_id, p_points, v_entry.points;
    END IF;
    INSERT INTO points_source (key, member_id, seq)
    VALUES (points_source_key('adjustment', p_id::text), p_member, v_entry.seq);
    RETURN v_entry;
END $$;
"""

SPENDERS = """
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
        IF v_account.active_at IS NOT NULL THEN
            PERFORM points_stir(ARRAY[v_door.member], ARRAY[v_now], v_now);
        END IF;
        status := 201;
        body := points_entry_document(v_entry)::text;
    END IF;
    INSERT INTO idempotency_key (key, fingerprint, status, body, created_at)
    VALUES (p_claim, p_fingerprint, status, body, v_now);
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
"""

MOVERS = """
CREATE OR REPLACE FUNCTION points_merge_lots(
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
                                released_at, expires_at, idle_months)
        VALUES (p_into, v_new, v_pair.into_seq, v_lot.free, v_lot.free, v_lot.available_at,
                v_lot.released_at, v_lot.expires_at, v_lot.idle_months);
        INSERT INTO points_merge_lot (merge_id, from_member, from_lot, to_member, to_lot)
        VALUES (p_merge, p_from, v_lot.id, p_into, v_new);
        lots := lots + 1;
        points := points + v_lot.free;
    END LOOP;
    UPDATE points_account a SET active_at = greatest(a.active_at, f.active_at)
    FROM points_account f WHERE a.member_id = p_into AND f.member_id = p_from;
END $$;

CREATE OR REPLACE FUNCTION points_transfer(
    p_from uuid, p_to uuid, p_points bigint, p_now timestamptz, p_id uuid, p_actor text,
    p_reason text, OUT sent points_entry, OUT got points_entry
) LANGUAGE plpgsql AS $$
-- Moves spendable points to another member, earliest expiry first; each keeps its expiry. The
-- caller holds the locks of both accounts and knows that there are enough.
BEGIN
    sent := points_take(p_from, 'transfer', p_points, p_now, 'transfer', p_id::text, p_actor,
                        p_reason, jsonb_build_object('member_id', p_to), NULL, false, true,
                        'floor');
    IF sent.points IS DISTINCT FROM -p_points THEN
        RAISE EXCEPTION 'only % of % points could be moved', sent.points, p_points;
    END IF;
    got := points_write(p_to, 'transfer', p_points, p_now, 'transfer', p_id::text, p_actor,
                        p_reason, jsonb_build_object('member_id', p_from));
    INSERT INTO points_lot (member_id, id, opened_by, size, remaining, available_at, released_at,
                            expires_at, idle_months)
    SELECT p_to, uuidv7(), got.seq, x.points, x.points, p_now, p_now, x.expires_at, x.idle_months
    FROM (
        SELECT l.expires_at, l.idle_months, sum(-m.points) AS points
        FROM points_movement m JOIN points_lot l ON l.member_id = m.member_id AND l.id = m.lot_id
        WHERE m.member_id = p_from AND m.seq = sent.seq GROUP BY l.expires_at, l.idle_months
    ) x;
    UPDATE points_account SET active_at = '-infinity'
    WHERE member_id = p_to AND active_at IS NULL AND EXISTS (
        SELECT FROM points_lot
        WHERE member_id = p_to AND opened_by = got.seq AND idle_months IS NOT NULL);
    PERFORM points_absorb(p_to, p_now);
END $$;

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
"""


def upgrade() -> None:
    for part in (IDLE, EARNERS, SPENDERS, MOVERS):
        script(part)
