\set m random(1, :members)
\set k random(1, 9000000000000000000)
\set k2 random(1, 9000000000000000000)
BEGIN;
SELECT id FROM entry WHERE idempotency_key = 'k-' || :k::text || '-' || :k2::text;
SELECT balance, version FROM account WHERE member_id = :m FOR UPDATE;
INSERT INTO entry (member_id, kind, points, order_ref, idempotency_key) VALUES (:m, 1, 100, 'SO1', 'k-' || :k::text || '-' || :k2::text) RETURNING id AS eid \gset
INSERT INTO lot (entry_id, member_id, remaining, expires_at) VALUES (:eid, :m, 100, now() + interval '1 year');
UPDATE account SET balance = balance + 100, lifetime = lifetime + 100, version = version + 1 WHERE member_id = :m;
COMMIT;
