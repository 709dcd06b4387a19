"""Awards find an account once."""

from crm.migrations import script

revision = "0045"
down_revision = "0044"

AWARD = """
CREATE OR REPLACE FUNCTION points_award(p_now timestamptz, p_sandbox boolean, p_rows json)
RETURNS TABLE (place bigint, status integer, body text, replayed boolean, lifts boolean)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
-- Any number of awards, whole: key check, idempotency, member, source, entry, lot, balance, stored
-- answer. Rows as crm.points.awards.Award has them; one answer for each, in their order.
-- status 201 new, 200 the first award of this source, 409 the source is another member's, 404 no
-- such member, 401 the key is not valid any more, 0 the idempotency key is another request's; or
-- the stored answer, replayed; lifts: a task was put, so wake a worker. No two rows share a source
-- or a claim; entries and lots come with their ids.
-- Accounts are found once, by the lock: what it saw is kept in arrays by the rank of the member,
-- and they are written where it saw them (ctid: what is locked stays where it is).
-- Every look-up is fenced (OFFSET 0): a plan made while a table was empty must not scan it later.
#variable_conflict use_column
DECLARE
    v_now timestamptz := p_now;
    v_recorded timestamptz := clock_timestamp();
    v_members uuid[];
    v_zones text[];
    v_valid boolean[];
    v_ranks bigint[];
    v_accounts bigint;
    v_tids tid[];
    v_seqs integer[];
    v_balances bigint[];
    v_heads bytea[];
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

    SELECT array_agg(d.rank ORDER BY d.place), max(d.rank) FILTER (WHERE d.member IS NOT NULL)
    INTO v_ranks, v_accounts FROM (
        SELECT u.member, u.place, dense_rank() OVER (ORDER BY u.member) AS rank
        FROM unnest(v_members) WITH ORDINALITY AS u (member, place)
    ) d;
    LOOP
        SELECT array_agg(l.tid), array_agg(l.seq), array_agg(l.balance), array_agg(l.head),
               bool_or(l.debt > 0), bool_or(l.merged_into IS NOT NULL),
               bool_or(l.active_at IS NOT NULL)
        INTO v_tids, v_seqs, v_balances, v_heads, v_debts, v_moved, v_idle FROM (
            SELECT a.ctid AS tid, a.seq, a.balance, a.head, a.debt, a.merged_into, a.active_at
            FROM points_account a
            WHERE a.member_id = ANY (v_members) ORDER BY a.member_id FOR UPDATE
        ) l;
        EXIT WHEN cardinality(v_tids) IS NOT DISTINCT FROM v_accounts;
        INSERT INTO points_account (member_id)
        SELECT DISTINCT m FROM unnest(v_members) AS m
        WHERE m IS NOT NULL AND NOT EXISTS (SELECT FROM points_account a WHERE a.member_id = m)
        ORDER BY m ON CONFLICT DO NOTHING;
    END LOOP;
    IF v_moved THEN
        RAISE EXCEPTION 'an account was merged' USING ERRCODE = 'serialization_failure';
    END IF;

    v_lifts := points_lift(v_members, v_now);
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT r.*, k.key IS NOT NULL AS known,
               k.fingerprint AS known_fingerprint, k.status AS known_status, k.body AS known_body,
               s.member_id AS first_member, s.seq AS first_seq
        FROM ROWS FROM (json_to_recordset(p_rows) AS (
                claim uuid, fingerprint uuid, points bigint, type text, id text, source uuid,
                actor text, reason text, expires_at timestamptz, shown text,
                entry_id uuid, lot_id uuid),
                unnest(v_members), unnest(v_zones), unnest(v_valid), unnest(v_ranks))
             WITH ORDINALITY AS r (claim, fingerprint, points, type, id, source, actor, reason,
                                   expires_at, shown, entry_id, lot_id, member, zone, valid,
                                   rank, place)
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
               a.fingerprint, a.shown, a.rank, a.entry_id, a.lot_id,
               (v_seqs[a.rank] + row_number() OVER w)::integer AS seq,
               (v_balances[a.rank] + sum(a.points) OVER w)::bigint AS balance,
               coalesce(a.expires_at, z.until) AS until,
               CASE WHEN a.expires_at IS NULL THEN points_idle(v_policy) END AS idle,
               CASE WHEN a.expires_at IS NULL THEN coalesce(z.shown, 'null')
                    ELSE to_json(rfc3339(a.expires_at))::text END AS until_shown
        FROM asked a
        JOIN lasting z ON z.zone = a.zone
        WHERE a.valid AND NOT a.known AND a.first_member IS NULL AND a.member IS NOT NULL
        WINDOW w AS (PARTITION BY a.member ORDER BY a.place)
    ), chained AS MATERIALIZED (
        SELECT f.*, points_chain(v_heads[f.rank], points_said(f.member, f.seq, 'award', f.points,
                                                              f.balance, v_now, f.type, f.id))
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
            SELECT DISTINCT ON (d.rank) v_tids[d.rank] AS tid, d.seq, d.balance, d.hash
            FROM chained d ORDER BY d.rank, d.place DESC
        ) c
        WHERE a.ctid = c.tid
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
"""


def upgrade() -> None:
    script(AWARD)
