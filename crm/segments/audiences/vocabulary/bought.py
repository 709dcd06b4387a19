"""What a member bought up to now, one row each: the relation of `rfm.*` and `orders.*`."""

# As crm's purchases_as_of: the running aggregates hold from the last purchase on; who has orders
# dated ahead is counted again.
BOUGHT = """
    SELECT s.member_id, s.orders, s.frequency, s.monetary, s.first_paid_at, s.last_paid_at,
           s.first_day, s.last_day
    FROM purchase_summary s WHERE s.last_paid_at <= {now} AND s.orders > 0
    UNION ALL
    SELECT o.member_id, count(*)::integer, count(DISTINCT o.local_day)::integer,
           sum(o.net)::bigint, min(o.paid_at), max(o.paid_at), min(o.local_day), max(o.local_day)
    FROM (
        SELECT DISTINCT f.member_id FROM orders f WHERE f.counted AND f.paid_at > {now}
    ) later JOIN orders o ON o.member_id = later.member_id
    WHERE o.counted AND o.paid_at <= {now} GROUP BY o.member_id"""
