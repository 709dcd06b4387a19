"""Points: the programme and its rules, accounts, entries, lots, movements, and the ledger's verbs.

The verbs are functions of the database because an accrual is then one round trip, and because a
VOLATILE function sees fresh rows after each lock it waited for: lock first, read second.
"""

from crm.migrations import script

revision = "0004"
down_revision = "0003"

PROGRAMME = """
-- Programme and rules: versions only, never changed; one row says when anything of it changed.

CREATE TABLE points_programme (
    version integer NOT NULL,
    effective_at timestamptz NOT NULL,
    document jsonb NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_points_programme PRIMARY KEY (version),
    CONSTRAINT ck_points_programme_version CHECK (version >= 1)
);
COMMENT ON TABLE points_programme IS
    'settings by version: in force is the latest effective_at reached, then the highest version';

CREATE TABLE points_rule (
    id uuid NOT NULL,
    version integer NOT NULL,
    starts_at timestamptz,
    ends_at timestamptz,
    document jsonb NOT NULL,
    valid_from timestamptz NOT NULL,
    superseded_at timestamptz,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_points_rule PRIMARY KEY (id, version),
    CONSTRAINT ck_points_rule_version CHECK (version >= 1),
    CONSTRAINT ck_points_rule_window CHECK (ends_at > starts_at),
    CONSTRAINT ck_points_rule_validity CHECK (superseded_at >= valid_from)
);
CREATE UNIQUE INDEX uq_points_rule_open ON points_rule (id) WHERE superseded_at IS NULL;
COMMENT ON TABLE points_rule IS
    'rules by version: a version counts for orders placed in [valid_from, superseded_at)';

CREATE TABLE points_rulebook (
    one boolean NOT NULL DEFAULT true,
    stamp uuid NOT NULL DEFAULT uuidv7(),
    CONSTRAINT pk_points_rulebook PRIMARY KEY (one),
    CONSTRAINT ck_points_rulebook_one_row CHECK (one)
);
COMMENT ON TABLE points_rulebook IS
    'a new stamp with every change of programme or rules; processes cache by it';

CREATE FUNCTION points_rulebook_changed() RETURNS trigger LANGUAGE plpgsql AS $$
-- The row lock also makes changes of the rulebook wait for each other.
BEGIN
    INSERT INTO points_rulebook DEFAULT VALUES
    ON CONFLICT (one) DO UPDATE SET stamp = uuidv7();
    RETURN NULL;
END $$;

CREATE FUNCTION points_rule_superseded_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.superseded_at IS NOT NULL
        OR to_jsonb(NEW) - 'superseded_at' <> to_jsonb(OLD) - 'superseded_at'
    THEN
        RAISE EXCEPTION 'a version of a points_rule can only be superseded, once'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER points_programme_append_only BEFORE UPDATE OR DELETE ON points_programme
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER points_programme_changed AFTER INSERT ON points_programme
    FOR EACH STATEMENT EXECUTE FUNCTION points_rulebook_changed();
CREATE TRIGGER points_rule_superseded_once BEFORE UPDATE OR DELETE ON points_rule
    FOR EACH ROW EXECUTE FUNCTION points_rule_superseded_once();
CREATE TRIGGER points_rule_changed AFTER INSERT OR UPDATE ON points_rule
    FOR EACH STATEMENT EXECUTE FUNCTION points_rulebook_changed();

INSERT INTO points_programme (version, effective_at, document, created_by, created_at)
VALUES (1, '1970-01-01T00:00:00Z', '{
    "currency": "CNY", "timezone": "Asia/Shanghai", "rounding": "floor",
    "basis": {"include_tax": true, "include_shipping": false, "points_tender_earns": false,
              "excluded": {"skus": [], "categories": [], "labels": []}},
    "pending": {"policy": "days_after_delivery", "days": 7, "fallback_days_after_paid": 15},
    "expiry": {"policy": "rolling_months", "months": 12, "month": 12, "day": 31},
    "redemption": {"points_per_step": 100, "value_per_step": 100, "min_points": 100,
                   "max_share_percent": 50},
    "refund": {"shortfall": "debt", "take_other_lots": true, "restore_lapsed": "grace",
               "grace_days": 30},
    "caps": {"per_order": null, "per_member_day": null, "per_member_month": null},
    "adjustment": {"clerk": {"per_act": 200, "per_day": 500},
                   "manager": {"per_act": 5000, "per_day": 20000}}
}', 'system', '1970-01-01T00:00:00Z');

INSERT INTO points_rule (id, version, document, valid_from, created_by, created_at)
VALUES ('00000000-0000-7000-8000-000000000001', 1, '{
    "kind": "rate", "points": 1, "per_amount": 100, "name": "1 point per 1.00", "priority": 0,
    "exclusive_group": null, "cap": {"per_order": null, "per_member_day": null}, "conditions": {}
}', '1970-01-01T00:00:00Z', 'system', '1970-01-01T00:00:00Z');
"""

TABLES = """
CREATE TABLE points_account (
    member_id uuid NOT NULL,
    seq integer NOT NULL DEFAULT 0,
    balance bigint NOT NULL DEFAULT 0,
    debt bigint NOT NULL DEFAULT 0,
    lifetime_earned bigint NOT NULL DEFAULT 0,
    head bytea NOT NULL DEFAULT '',
    CONSTRAINT pk_points_account PRIMARY KEY (member_id),
    CONSTRAINT fk_points_account_member_id FOREIGN KEY (member_id) REFERENCES member (id),
    CONSTRAINT ck_points_account_debt CHECK (debt >= 0),
    CONSTRAINT ck_points_account_lifetime CHECK (lifetime_earned >= 0)
) WITH (fillfactor = 70);
COMMENT ON TABLE points_account IS 'one row a member: the lock, the last seq, the chain head';
COMMENT ON COLUMN points_account.balance IS 'sum of entries = sum of lots - debt';

CREATE TABLE points_entry (
    member_id uuid NOT NULL,
    seq integer NOT NULL,
    id uuid NOT NULL DEFAULT uuidv7(),
    kind text NOT NULL,
    points bigint NOT NULL,
    balance_after bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    source_type text NOT NULL,
    source_id text NOT NULL,
    actor text,
    reason text,
    data jsonb,
    hash bytea NOT NULL,
    CONSTRAINT pk_points_entry PRIMARY KEY (member_id, seq),
    CONSTRAINT ck_points_entry_bounds CHECK (points BETWEEN -1000000000 AND 1000000000),
    CONSTRAINT ck_points_entry_kind CHECK (kind IN (
        'earn', 'award', 'redeem', 'hold', 'capture', 'void', 'expire', 'clawback', 'restore',
        'adjust', 'transfer', 'merge', 'forfeit', 'absorb'))
);
CREATE INDEX ix_points_entry_recorded_at ON points_entry USING brin (recorded_at);

CREATE TABLE points_lot (
    member_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT uuidv7(),
    opened_by integer NOT NULL,
    size bigint NOT NULL,
    remaining bigint NOT NULL,
    available_at timestamptz,
    released_at timestamptz,
    expires_at timestamptz,
    CONSTRAINT pk_points_lot PRIMARY KEY (member_id, id),
    CONSTRAINT ck_points_lot_size CHECK (size > 0),
    CONSTRAINT ck_points_lot_remaining CHECK (remaining BETWEEN 0 AND size)
) WITH (fillfactor = 80);
CREATE INDEX ix_points_lot_lapse ON points_lot (expires_at) WHERE remaining > 0;
CREATE INDEX ix_points_lot_release ON points_lot (available_at)
    WHERE released_at IS NULL AND remaining > 0;
COMMENT ON COLUMN points_lot.available_at IS 'NULL: waits for an explicit release';
COMMENT ON COLUMN points_lot.expires_at IS 'exclusive; NULL: never';

CREATE TABLE points_movement (
    member_id uuid NOT NULL,
    seq integer NOT NULL,
    lot_id uuid NOT NULL,
    points bigint NOT NULL,
    CONSTRAINT pk_points_movement PRIMARY KEY (member_id, seq, lot_id),
    CONSTRAINT ck_points_movement_points CHECK (points <> 0)
);
COMMENT ON TABLE points_movement IS 'what an entry took from a lot or gave; opening is lot.size';

CREATE TABLE points_source (
    key uuid NOT NULL,
    member_id uuid NOT NULL,
    seq integer NOT NULL,
    CONSTRAINT pk_points_source PRIMARY KEY (key)
) WITH (fillfactor = 80);
COMMENT ON TABLE points_source IS 'one effect per business source, for ever';

CREATE TRIGGER points_entry_append_only BEFORE UPDATE OR DELETE ON points_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER points_movement_append_only BEFORE UPDATE OR DELETE ON points_movement
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER points_lot_birth_is_fixed
    BEFORE UPDATE OF member_id, id, opened_by, size OR DELETE ON points_lot
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""

PARTS = """
CREATE FUNCTION points_hash(
    previous bytea, member uuid, seq integer, kind text, points bigint, balance bigint,
    at timestamptz, source_type text, source_id text
) RETURNS bytea LANGUAGE sql STABLE AS $$
    -- The link of the chain: SHA-256 of the link before and of what this entry says. (Declared
    -- STABLE because extract() is; so the planner can inline it.)
    SELECT sha256(previous || convert_to(
        member::text || '|' || seq || '|' || kind || '|' || points || '|' || balance || '|'
        || (extract(epoch FROM at) * 1000000)::bigint || '|' || source_type || '|' || source_id,
        'UTF8'))
$$;

CREATE FUNCTION points_expiry(policy jsonb, from_at timestamptz, zone text)
RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE AS $$
-- The exclusive instant at which points available from from_at lapse: local midnight after the last
-- valid day. 31 January + 1 month has 28 or 29 February as its last valid day.
DECLARE
    v_kind text := policy ->> 'policy';
    v_months integer := coalesce((policy ->> 'months')::integer, 12);
    v_day date := (from_at AT TIME ZONE zone)::date;
    v_last date;
BEGIN
    IF from_at IS NULL OR v_kind = 'never' THEN
        RETURN NULL;
    END IF;
    v_last := (v_day + make_interval(months => v_months))::date;
    CASE v_kind
        WHEN 'rolling_months', 'inactivity_months' THEN NULL;
        WHEN 'rolling_months_month_end' THEN
            v_last := (date_trunc('month', v_last) + interval '1 month - 1 day')::date;
        WHEN 'rolling_months_quarter_end' THEN
            v_last := (date_trunc('quarter', v_last) + interval '3 months - 1 day')::date;
        WHEN 'rolling_months_year_end' THEN
            v_last := (date_trunc('year', v_last) + interval '1 year - 1 day')::date;
        WHEN 'fixed_day' THEN
            -- clamped, so that a 29 or 31 is the month's last day where the month is shorter
            v_last := (make_date(extract(year FROM v_day)::integer + 1,
                                 (policy ->> 'month')::integer, 1)
                       + interval '1 month - 1 day')::date;
            v_last := least(v_last, date_trunc('month', v_last)::date
                                    + (policy ->> 'day')::integer - 1);
        ELSE RAISE EXCEPTION 'unknown expiry policy %', v_kind;
    END CASE;
    RETURN (v_last + 1)::timestamp AT TIME ZONE zone;
END $$;

CREATE FUNCTION points_source_key(source_type text, source_id text)
RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    -- The narrow key of a business source; the same as crm.ids.digest_id(type, id).
    SELECT encode(substr(sha256(
        convert_to(source_type, 'UTF8') || '\\x00'::bytea || convert_to(source_id, 'UTF8')
    ), 1, 16), 'hex')::uuid
$$;

CREATE FUNCTION points_entry_document(e points_entry) RETURNS json LANGUAGE sql STABLE AS $$
    -- An entry as the API shows it, with the lots that it opened, took from or gave to.
    SELECT json_build_object(
        'id', e.id, 'member_id', e.member_id, 'seq', e.seq, 'kind', e.kind, 'points', e.points,
        'balance_after', e.balance_after,
        'occurred_at', rfc3339(e.occurred_at), 'recorded_at', rfc3339(e.recorded_at),
        'source', json_build_object('type', e.source_type, 'id', e.source_id),
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
"""

VERBS = """
CREATE FUNCTION points_give(
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
        lifetime_earned = lifetime_earned + p_points
    WHERE member_id = p_member;
    IF p_account.debt > 0 AND p_available_at <= p_now THEN
        PERFORM points_absorb(p_member, p_now);
    END IF;
    RETURN v_entry;
END $$;

CREATE FUNCTION points_take(
    p_member uuid, p_kind text, p_points bigint, p_now timestamptz,
    p_source_type text, p_source_id text, p_actor text, p_reason text, p_data jsonb,
    p_first uuid, p_pending boolean, p_others boolean, p_shortfall text
) RETURNS points_entry LANGUAGE plpgsql AS $$
-- Takes points out of lots: from lot p_first, then (p_others) from the spendable ones, earliest
-- expiry first, then oldest. What is short becomes debt or is let go ('floor'); the entry says
-- what was taken in truth. The caller holds the account's lock; an entry of nothing is not written.
DECLARE
    v_account points_account;
    v_entry points_entry;
    v_taken bigint;
    v_short bigint;
    v_head bytea;
BEGIN
    SELECT * INTO v_account FROM points_account WHERE member_id = p_member;
    v_entry.seq := v_account.seq + 1;
    WITH open AS (
        SELECT l.id, l.remaining,
               sum(l.remaining) OVER (ORDER BY (l.id = p_first) DESC, l.expires_at NULLS LAST,
                                      l.opened_by, l.id) - l.remaining AS before
        FROM points_lot l
        WHERE l.member_id = p_member AND l.remaining > 0
          AND ((l.id = p_first AND (p_pending OR l.available_at <= p_now))
               OR (p_others AND l.available_at <= p_now))
          AND (l.expires_at IS NULL OR l.expires_at > p_now)
    ), taken AS (
        UPDATE points_lot l SET remaining = l.remaining - least(o.remaining, p_points - o.before)
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

CREATE FUNCTION points_absorb(p_member uuid, p_now timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
-- Pays a member's debt out of the points that are spendable; the balance stays, both sides shrink.
-- The caller holds the account's lock. Returns the points absorbed.
DECLARE
    v_account points_account;
    v_paid bigint;
    v_hash bytea;
BEGIN
    SELECT * INTO v_account FROM points_account WHERE member_id = p_member;
    WITH open AS (
        SELECT l.id, l.remaining,
               sum(l.remaining) OVER (ORDER BY l.expires_at NULLS LAST, l.opened_by, l.id)
                   - l.remaining AS before
        FROM points_lot l
        WHERE l.member_id = p_member AND l.remaining > 0 AND l.available_at <= p_now
          AND (l.expires_at IS NULL OR l.expires_at > p_now)
    ), taken AS (
        UPDATE points_lot l
        SET remaining = l.remaining - least(o.remaining, v_account.debt - o.before)
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

CREATE FUNCTION points_open(p_member uuid) RETURNS points_account LANGUAGE plpgsql AS $$
-- Locks a member's account, making it on first use.
DECLARE
    v_account points_account;
BEGIN
    SELECT * INTO v_account FROM points_account WHERE member_id = p_member FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO points_account (member_id) VALUES (p_member) ON CONFLICT DO NOTHING;
        SELECT * INTO v_account FROM points_account WHERE member_id = p_member FOR UPDATE;
    END IF;
    RETURN v_account;
END $$;

CREATE FUNCTION points_expire(p_now timestamptz, p_members integer) RETURNS bigint
LANGUAGE plpgsql AS $$
-- Closes the lapsed lots of at most p_members members that nobody else is writing; the earliest
-- expiry of each, so that every entry says one instant. Returns how many members; 0 means done.
DECLARE
    v_members uuid[];
    v_done bigint;
BEGIN
    SELECT array_agg(a.member_id) INTO v_members FROM (
        SELECT a.member_id FROM points_account a
        WHERE a.member_id IN (
            SELECT l.member_id FROM points_lot l
            WHERE l.remaining > 0 AND l.expires_at <= p_now
            ORDER BY l.expires_at LIMIT p_members)
        ORDER BY a.member_id FOR UPDATE SKIP LOCKED
    ) a;
    IF v_members IS NULL THEN
        RETURN 0;
    END IF;
    WITH lots AS (
        SELECT l.member_id, l.id, l.expires_at, l.remaining,
               rank() OVER (PARTITION BY l.member_id ORDER BY l.expires_at) AS place,
               sum(l.remaining) OVER (PARTITION BY l.member_id ORDER BY l.expires_at, l.opened_by)
                   AS running
        FROM points_lot l
        WHERE l.member_id = ANY (v_members) AND l.remaining > 0 AND l.expires_at <= p_now
    ), closing AS (
        -- no lot holds more than an entry may say, so the first always fits
        SELECT * FROM lots WHERE place = 1 AND running <= 1000000000
    ), lapsed AS (
        SELECT member_id, expires_at, sum(remaining) AS points FROM closing
        GROUP BY member_id, expires_at
    ), closed AS (
        UPDATE points_lot l SET remaining = 0 FROM closing c
        WHERE l.member_id = c.member_id AND l.id = c.id
        RETURNING l.member_id, l.id, OLD.remaining AS points
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

CREATE FUNCTION points_release(p_now timestamptz, p_members integer) RETURNS bigint
LANGUAGE plpgsql AS $$
-- Marks the lots that became spendable, and lets them pay debts. Reading never waits for this.
-- Returns how many members; 0 means done.
DECLARE
    v_members uuid[];
    v_debtor uuid;
BEGIN
    SELECT array_agg(a.member_id) INTO v_members FROM (
        SELECT a.member_id FROM points_account a
        WHERE a.member_id IN (
            SELECT l.member_id FROM points_lot l
            WHERE l.released_at IS NULL AND l.remaining > 0 AND l.available_at <= p_now
            ORDER BY l.available_at LIMIT p_members)
        ORDER BY a.member_id FOR UPDATE SKIP LOCKED
    ) a;
    IF v_members IS NULL THEN
        RETURN 0;
    END IF;
    UPDATE points_lot l SET released_at = l.available_at
    WHERE l.member_id = ANY (v_members) AND l.released_at IS NULL AND l.available_at <= p_now;
    FOR v_debtor IN
        SELECT member_id FROM points_account WHERE member_id = ANY (v_members) AND debt > 0
        ORDER BY member_id
    LOOP
        PERFORM points_absorb(v_debtor, p_now);
    END LOOP;
    RETURN cardinality(v_members);
END $$;
"""

DOORS = """
CREATE FUNCTION points_problem(p_status integer, p_code text, p_facts jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    -- A refusal as the hot doors hand it to the program, which says it in the caller's language.
    SELECT (jsonb_build_object('refused', p_code, 'status', p_status) || p_facts)::text
$$;

CREATE FUNCTION points_door(
    p_key_id uuid, p_claim uuid, p_fingerprint uuid, p_now timestamptz,
    p_who_kind text, p_who_value text,
    OUT status integer, OUT body text, OUT member uuid, OUT zone text
) LANGUAGE plpgsql AS $$
-- What the hot doors begin with: is the key valid, was this request answered, who is the member.
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

CREATE FUNCTION points_award(
    p_key_id uuid, p_claim uuid, p_fingerprint uuid, p_now timestamptz, p_sandbox boolean,
    p_who_kind text, p_who_value text, p_points bigint, p_activity text, p_source_key text,
    p_source uuid, p_reason text, p_expires_at timestamptz, p_actor text,
    OUT status integer, OUT body text, OUT replayed boolean
) LANGUAGE plpgsql AS $$
-- One award, whole: key check, idempotency, member, source, entry, lot, balance, stored answer.
-- status 201 new, 200 the first award of this source; the rest as points_door says.
DECLARE
    v_now timestamptz := p_now;
    v_door record;
    v_account points_account;
    v_entry points_entry;
    v_first record;
    v_zone text;
    v_policy jsonb;
    v_lot uuid := uuidv7();
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
    v_account := points_open(v_door.member);
    SELECT s.member_id, s.seq INTO v_first FROM points_source s WHERE s.key = p_source;
    IF NOT FOUND THEN
        IF p_expires_at IS NULL THEN
            SELECT p.document -> 'expiry', coalesce(v_door.zone, p.document ->> 'timezone')
            INTO v_policy, v_zone FROM points_programme p
            WHERE p.effective_at <= v_now ORDER BY p.effective_at DESC, p.version DESC LIMIT 1;
            p_expires_at := points_expiry(v_policy, v_now, v_zone);
        END IF;
        v_entry := points_give(v_door.member, 'award', p_points, v_now, 'award:' || p_activity,
                               p_source_key, v_now, p_expires_at, p_actor, p_reason, NULL,
                               v_account, v_lot);
        INSERT INTO points_source (key, member_id, seq)
        VALUES (p_source, v_door.member, v_entry.seq);
        status := 201;
        body := json_build_object(
            'id', v_entry.id, 'member_id', v_entry.member_id, 'seq', v_entry.seq,
            'kind', 'award', 'points', p_points, 'balance_after', v_entry.balance_after,
            'occurred_at', rfc3339(v_now), 'recorded_at', rfc3339(v_entry.recorded_at),
            'source', json_build_object('type', v_entry.source_type, 'id', p_source_key),
            'actor', p_actor, 'reason', p_reason,
            'lots', json_build_array(json_build_object(
                'lot_id', v_lot, 'points', p_points, 'expires_at', rfc3339(p_expires_at)))
        )::text;
    ELSIF v_first.member_id <> v_door.member THEN
        status := 409;
        body := points_problem(409, 'source_key_used', '{}');
    ELSE
        status := 200;
        SELECT points_entry_document(e)::text INTO body FROM points_entry e
        WHERE e.member_id = v_first.member_id AND e.seq = v_first.seq;
    END IF;
    INSERT INTO idempotency_key (key, fingerprint, status, body, created_at)
    VALUES (p_claim, p_fingerprint, status, body, v_now);
END $$;

CREATE FUNCTION points_redeem(
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
    SELECT greatest(coalesce(sum(l.remaining), 0) - coalesce(v_account.debt, 0), 0)
    INTO v_available
    FROM points_lot l
    WHERE l.member_id = v_door.member AND l.remaining > 0 AND l.available_at <= v_now
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

TIMES = """
CREATE FUNCTION rfc3339(at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    -- An instant as the contract prints it. (Declared STABLE because to_char() is.)
    SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS')
        || CASE WHEN date_part('microseconds', at)::bigint % 1000000 = 0 THEN 'Z'
           ELSE to_char(at AT TIME ZONE 'UTC', '.US"Z"') END
$$;
"""


def upgrade() -> None:
    for part in (PROGRAMME, TABLES, TIMES, PARTS, VERBS, DOORS):
        script(part)
