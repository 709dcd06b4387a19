"""Redemptions read lots once, and write them where they saw them."""

from crm.migrations import script

revision = "0046"
down_revision = "0045"

REDEEM = """
CREATE OR REPLACE FUNCTION points_redeem(
    p_key_id uuid, p_claim uuid, p_fingerprint uuid, p_now timestamptz, p_sandbox boolean,
    p_who_kind text, p_who_value text, p_points bigint, p_reference text, p_actor text,
    OUT status integer, OUT body text, OUT replayed boolean
) LANGUAGE plpgsql AS $$
-- One redemption, whole. Lots are read once, after the account's lock was got, in a statement of
-- its own; who holds that lock may write them where he saw them (ctid): nobody else changes them.
-- The entry, its movements and the account are written by the statement that takes the points.
DECLARE
    v_now timestamptz := p_now;
    v_recorded timestamptz := clock_timestamp();
    v_door record;
    v_account points_account;
    v_rules jsonb;
    v_tids tid[];
    v_ids uuid[];
    v_free bigint[];
    v_before bigint[];
    v_until timestamptz[];
    v_available bigint;
    v_taken bigint;
    v_lots text;
    v_id uuid := uuidv7();
    v_hash bytea;
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
    IF v_account.holds > 0 OR v_account.debt > 0 THEN
        PERFORM points_absorb(v_door.member, v_now);
        SELECT * INTO v_account FROM points_account WHERE member_id = v_door.member;
    END IF;
    SELECT array_agg(o.tid), array_agg(o.id), array_agg(o.free), array_agg(o.before),
           array_agg(o.expires_at),
           greatest(coalesce(sum(o.free), 0) - coalesce(v_account.debt, 0), 0)
    INTO v_tids, v_ids, v_free, v_before, v_until, v_available
    FROM (
        SELECT l.ctid AS tid, l.id, l.remaining - l.held AS free, l.expires_at,
               sum(l.remaining - l.held) OVER (
                   ORDER BY l.expires_at NULLS LAST, l.opened_by, l.id)
               - (l.remaining - l.held) AS before
        FROM points_lot l
        WHERE l.member_id = v_door.member AND l.remaining > l.held AND l.available_at <= v_now
          AND (l.expires_at IS NULL OR l.expires_at > v_now)
    ) o;
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
        v_hash := points_hash(v_account.head, v_door.member, v_account.seq + 1, 'redeem', -p_points,
                              v_account.balance - p_points, v_now, 'redemption', p_reference);
        WITH open AS MATERIALIZED (
            SELECT o.*, least(o.free, p_points - o.before) AS points
            FROM unnest(v_tids, v_ids, v_free, v_before, v_until)
                 WITH ORDINALITY AS o (tid, id, free, before, expires_at, place)
            WHERE o.before < p_points
        ), taken AS (
            UPDATE points_lot l SET remaining = l.remaining - o.points
            FROM open o WHERE l.ctid = o.tid
            RETURNING o.points
        ), moved AS (
            INSERT INTO points_movement (member_id, seq, lot_id, points)
            SELECT v_door.member, v_account.seq + 1, id, -points FROM open
        ), entry AS (
            INSERT INTO points_entry (member_id, seq, id, kind, points, balance_after, occurred_at,
                                      recorded_at, source_type, source_id, actor, hash)
            VALUES (v_door.member, v_account.seq + 1, v_id, 'redeem', -p_points,
                    v_account.balance - p_points, v_now, v_recorded, 'redemption', p_reference,
                    p_actor, v_hash)
        ), account AS (
            UPDATE points_account a
            SET seq = a.seq + 1, balance = a.balance - p_points, head = v_hash
            WHERE a.member_id = v_door.member
        )
        SELECT (SELECT sum(points) FROM taken), string_agg(format(
                   '{"lot_id":"%s","points":%s,"expires_at":%s}', id, -points,
                   coalesce('"' || rfc3339(expires_at) || '"', 'null')), ',' ORDER BY place)
        INTO v_taken, v_lots FROM open;
        IF v_taken IS DISTINCT FROM p_points THEN
            RAISE EXCEPTION 'only % of % points could be taken', v_taken, p_points;
        END IF;
        IF v_account.active_at IS NOT NULL THEN
            PERFORM points_stir(ARRAY[v_door.member], ARRAY[v_now], v_now);
        END IF;
        status := 201;
        body := format(
            '{"id":"%s","member_id":"%s","seq":%s,"kind":"redeem","points":%s,"balance_after":%s,'
            '"occurred_at":"%s","recorded_at":"%s","source":{"type":"redemption","id":%s},'
            '"actor":%s,"reason":null,"lots":[%s]}',
            v_id, v_door.member, v_account.seq + 1, -p_points, v_account.balance - p_points,
            rfc3339(v_now), rfc3339(v_recorded), to_json(p_reference), to_json(p_actor), v_lots);
    END IF;
    INSERT INTO idempotency_key (key, fingerprint, status, body, created_at)
    VALUES (p_claim, p_fingerprint, status, body, v_now);
END $$;
"""


def upgrade() -> None:
    script(REDEEM)
