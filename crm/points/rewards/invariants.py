"""What the ledger's self-check promises of rewards, each as one statement."""

INVARIANTS: dict[str, str] = {
    "rewards_are_paid_once": """
        SELECT coalesce(e.member_id, r.member_id) AS member_id, coalesce(e.seq, r.spent_seq) AS seq,
               format('redemption %s of %s, entry of %s', coalesce(r.id::text, e.source_id),
                      r.points, e.points) AS detail
        FROM (
            SELECT * FROM points_entry WHERE kind = 'redeem' AND source_type = 'reward'
        ) e FULL JOIN reward_redemption r ON r.id::text = e.source_id
        WHERE (e.member_id, e.seq, -e.points) IS DISTINCT FROM (r.member_id, r.spent_seq, r.points)
        UNION ALL
        SELECT r.member_id, r.spent_seq, format('redemption %s is %s, its coupon %s of %s is %s',
                                                r.id, r.state, c.code, c.source_id, c.state)
        FROM reward_redemption r JOIN coupon c ON c.code = r.coupon_code
        WHERE (c.source_type, c.source_id, c.bought_with_points)
              IS DISTINCT FROM ('reward', r.id::text, true)
           OR (r.state = 'cancelled' AND c.state <> 'void')""",
    "cancelled_rewards_are_given_back_once": """
        SELECT coalesce(e.member_id, r.restored_to) AS member_id,
               coalesce(e.seq, r.restored_seq) AS seq,
               format('redemption %s of %s, given back %s', coalesce(r.id::text, e.source_id),
                      r.points, e.points) AS detail
        FROM (
            SELECT * FROM points_entry WHERE kind = 'restore' AND source_type = 'reward_cancelled'
        ) e FULL JOIN (
            SELECT * FROM reward_redemption WHERE state = 'cancelled'
        ) r ON r.id::text = e.source_id
        WHERE (e.member_id, e.seq) IS DISTINCT FROM (r.restored_to, r.restored_seq)""",
}
