"""A shop that audiences are counted in: members with all that filters look at, by few statements.

Who buys often is drawn from an exponential distribution, as in the CDNOW purchases; amounts and
days are drawn from a fixed seed.
"""

from collections.abc import Callable

import psycopg

STATEMENTS = {
    "members": """
        INSERT INTO member (id, created_at, updated_at, member_no, name, name_keys, home_store,
                            gender, locale, birthday_month, birthday_day, birthday_calendar, source)
        SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
               now() - random() * interval '3 years', now(), lpad(n::text, 10, '0'), 'Member ' || n,
               '{}', 's' || (n %% 20), (ARRAY['female', 'male', NULL])[1 + n %% 3],
               (ARRAY['zh-Hans', 'zh-Hant', 'en'])[1 + n %% 3], 1 + n %% 12, 1 + n %% 28, 'solar',
               'web'
        FROM generate_series(1, %(members)s::integer) n""",
    "identities": """
        INSERT INTO member_identity (kind, value, member_id)
        SELECT 'member_no', member_no, id FROM member
        UNION ALL SELECT 'phone', '+8613' || right(member_no, 9), id FROM member
        UNION ALL SELECT 'email', 'm' || member_no || '@example.test', id FROM member
                  WHERE random() < 0.6""",
    "consents": """
        INSERT INTO member_consent (member_id, id, channel, purpose, granted, at, actor)
        SELECT m.id, uuidv7(), c, 'marketing', random() < 0.7, now(), 'bench'
        FROM member m, unnest(ARRAY['email', 'sms']) c WHERE random() < 0.8""",
    "tags": """
        INSERT INTO member_tag (member_id, tag, added_at)
        SELECT m.id, t.tag, now() FROM member m,
               (VALUES ('vip', 0.05), ('staff', 0.001), ('news', 0.3)) t (tag, share)
        WHERE random() + 0 * m.birthday_day < t.share""",
    "tiers": """
        INSERT INTO tier_standing (member_id, held, tier, since, ladder_version)
        SELECT id, t, t, now(), 1 FROM (
            SELECT id, (ARRAY['new', 'new', 'new', 'bronze', 'bronze', 'silver', 'silver', 'gold',
                              'diamond'])[1 + floor(random() * 9)] t FROM member) x""",
    "orders": """
        INSERT INTO orders (id, channel, order_no, member_id, status, currency, placed_at, paid_at,
            updated_at, received_at, store, region, shipping, discount, goods, total, refunded, net,
            counted, local_day, granted, points)
        SELECT uuidv7(), 'web', n || '-' || k, id, 'completed', 'CNY', at, at, at, at,
               's' || (n %% 20), 'r' || (n %% 30), 0, 0, amount, amount, 0, amount, true, at::date,
               0, 0
        FROM (
            SELECT m.id, m.n, k, now() - random() * random() * interval '3 years' AS at,
                   (2000 + floor(-ln(1 - random()) * 12000))::bigint AS amount
            FROM (
                SELECT id, row_number() OVER () AS n,
                       floor(-ln(1 - random()) * %(orders)s)::integer AS often FROM member
            ) m, generate_series(1, m.often) k
            ORDER BY at
        ) o""",
    "lines": """
        INSERT INTO order_line (order_id, line_no, member_id, sku, name, category, labels, quantity,
                                unit_price, discount, net, bought_at)
        SELECT o.id, k, o.member_id, 'sku-' || floor(random() * 2000), 'Article',
               'c' || floor(random() * 20), '{}', 1, o.net, 0, CASE k WHEN 1 THEN o.net ELSE 1 END,
               o.paid_at
        FROM orders o, generate_series(1, 1 + (random() < 0.5)::integer) k""",
    "summaries": """
        INSERT INTO purchase_summary (member_id, first_paid_at, last_paid_at, first_day, last_day,
                                      orders, frequency, monetary, updated_at)
        SELECT member_id, min(paid_at), max(paid_at), min(local_day), max(local_day), count(*),
               count(DISTINCT local_day), sum(net), now()
        FROM orders GROUP BY member_id ORDER BY member_id""",
    "segments": """
        UPDATE member m SET segment = (ARRAY['champions', 'loyal', 'at_risk', 'cooling', 'lost',
            'new_customers', 'cannot_lose', 'hibernating'])[1 + floor(random() * 8)]
        FROM purchase_summary s WHERE s.member_id = m.id""",
    "lots": """
        INSERT INTO points_lot (member_id, opened_by, size, remaining, available_at, released_at,
                                expires_at)
        SELECT m.id, k, 1000, floor(random() * 1000), now() - interval '1 day', now(),
               now() + random() * interval '1 year'
        FROM member m, generate_series(1, 2) k""",
    "accounts": """
        INSERT INTO points_account (member_id, seq, balance, lifetime_earned, debt)
        SELECT member_id, 2, points - debt, 2000, debt FROM (
            SELECT member_id, sum(remaining) AS points, (random() < 0.01)::integer * 50 AS debt
            FROM points_lot GROUP BY member_id) l""",
    "a coupon template": """
        INSERT INTO coupon_template (id, name, kind, value, skus, categories, created_at,
                                     updated_at, created_by, issued)
        VALUES ('01900000-0000-7000-9000-000000000001', 'Ten off', 'amount', 1000, '{}', '{}',
                now(), now(), 'bench', 1000000000)""",
    "coupons": """
        INSERT INTO coupon (code, template_id, member_id, created_at, issued_at, expires_at)
        SELECT id::text, '01900000-0000-7000-9000-000000000001', id, now(), now(),
               now() + random() * interval '60 days' - interval '10 days'
        FROM member WHERE random() < 0.3""",
    "messages": """
        INSERT INTO message (id, member_id, occasion_key, channel, purpose, source_type, source_id,
                             zone, state, reason, created_at)
        SELECT uuidv7(), id, uuidv7(), 'email', 'marketing', 'campaign',
               '01900000-0000-7000-9000-00000000000' || (1 + floor(random() * 3)), 'Asia/Shanghai',
               'holdout', 'holdout', now() - random() * interval '60 days'
        FROM member WHERE random() < 0.3""",
}


def seed(
    connection: psycopg.Connection, members: int, report: Callable[[str], None], orders: float = 4
) -> None:
    """`members` members and what belongs to them; `orders` is how many each has on average."""
    connection.execute("SELECT setseed(0.42)")
    stores = "INSERT INTO store (code, name, kind, created_at) SELECT 's' || n, '{}', 'shop', now()"
    connection.execute(f"{stores} FROM generate_series(0, 19) n")
    for name, statement in STATEMENTS.items():
        report(f"seeding {name}")
        values = {"members": members, "orders": orders}
        used = {key: value for key, value in values.items() if f"%({key})s" in statement}
        connection.execute(statement.encode(), used or None)
    connection.execute("VACUUM ANALYZE")
    connection.execute("CHECKPOINT")
