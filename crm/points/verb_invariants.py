"""What holds, reversals, transfers, debts and inactivity promise, each as one statement."""

INVARIANTS: dict[str, str] = {
    "held_is_what_open_holds_keep": """
        SELECT l.member_id, l.opened_by AS seq,
               format('lot %s: held %s, holds keep %s', l.id, l.held, coalesce(h.points, 0))
                   AS detail
        FROM points_lot l LEFT JOIN (
            SELECT x.member_id, x.lot_id, sum(x.points) AS points
            FROM points_hold h JOIN points_hold_lot x ON x.hold_id = h.id
            WHERE h.state = 'held' GROUP BY x.member_id, x.lot_id
        ) h ON h.member_id = l.member_id AND h.lot_id = l.id
        WHERE l.held <> coalesce(h.points, 0)""",
    "hold_is_the_sum_of_its_lots": """
        SELECT h.member_id, h.opened_by AS seq,
               format('hold %s: points %s, of lots %s', h.id, h.points, coalesce(x.points, 0))
                   AS detail
        FROM points_hold h LEFT JOIN (
            SELECT hold_id, sum(points) AS points FROM points_hold_lot GROUP BY hold_id
        ) x ON x.hold_id = h.id
        WHERE h.points <> coalesce(x.points, 0)""",
    "open_holds_are_counted": """
        SELECT a.member_id, NULL::integer AS seq,
               format('account says %s, open holds %s', a.holds, coalesce(h.holds, 0)) AS detail
        FROM points_account a LEFT JOIN (
            SELECT member_id, count(*) AS holds FROM points_hold WHERE state = 'held'
            GROUP BY member_id
        ) h USING (member_id)
        WHERE a.holds <> coalesce(h.holds, 0)""",
    "hold_has_its_entries": """
        SELECT h.member_id, coalesce(h.resolved_by, h.opened_by) AS seq,
               format('hold %s is %s: opened by %s, resolved by %s of %s', h.id, h.state, o.kind,
                      r.kind, r.points) AS detail
        FROM points_hold h
        LEFT JOIN points_entry o ON o.member_id = h.member_id AND o.seq = h.opened_by
            AND o.source_type = 'hold' AND o.source_id = h.id::text
        LEFT JOIN points_entry r ON r.member_id = h.member_id AND r.seq = h.resolved_by
            AND r.source_type = 'hold' AND r.source_id = h.id::text
        WHERE o.kind IS DISTINCT FROM 'hold' OR o.occurred_at <> h.created_at
           OR (h.resolved_by IS NOT NULL AND (
                r.kind, -r.points, r.occurred_at)
                IS DISTINCT FROM (
                CASE h.state WHEN 'captured' THEN 'capture' ELSE 'void' END, h.captured,
                h.resolved_at))""",
    "entries_of_holds_have_their_hold": """
        SELECT e.member_id, e.seq, format('%s of hold %s', e.kind, e.source_id) AS detail
        FROM points_entry e
        LEFT JOIN points_hold h ON h.member_id = e.member_id
            AND e.seq = CASE e.kind WHEN 'hold' THEN h.opened_by ELSE h.resolved_by END
        WHERE e.kind IN ('hold', 'capture', 'void') AND h.id IS NULL""",
    "capture_takes_what_was_held": """
        SELECT m.member_id, m.seq, format('lot %s: %s taken, %s held', m.lot_id, -m.points,
                                          coalesce(x.points, 0)) AS detail
        FROM points_movement m
        JOIN points_entry e USING (member_id, seq)
        JOIN points_hold h ON h.member_id = e.member_id AND h.resolved_by = e.seq
        LEFT JOIN points_hold_lot x ON x.hold_id = h.id AND x.lot_id = m.lot_id
        WHERE e.kind = 'capture' AND -m.points > coalesce(x.points, 0)""",
    "restores_are_told_in_full": """
        SELECT coalesce(e.member_id, r.member_id) AS member_id, coalesce(e.seq, r.seq) AS seq,
               format('entry of %s, parts %s', e.points, r.points) AS detail
        FROM (SELECT * FROM points_entry WHERE kind = 'restore') e
        FULL JOIN (
            SELECT into_member AS member_id, seq, sum(points) AS points FROM points_restore
            GROUP BY into_member, seq
        ) r ON r.member_id = e.member_id AND r.seq = e.seq
        WHERE e.points IS DISTINCT FROM r.points""",
    "restores_are_at_most_spent": """
        SELECT r.member_id, r.spent_seq AS seq,
               format('lot %s: %s given back, %s spent', r.lot_id, r.points, -m.points) AS detail
        FROM (
            SELECT member_id, spent_seq, lot_id, sum(points) AS points FROM points_restore
            GROUP BY member_id, spent_seq, lot_id
        ) r LEFT JOIN points_movement m
            ON m.member_id = r.member_id AND m.seq = r.spent_seq AND m.lot_id = r.lot_id
        WHERE r.points > coalesce(-m.points, 0)""",
    "restored_points_expire": """
        SELECT r.into_member AS member_id, r.seq,
               format('lot %s until %s came from one until %s', r.into_lot, n.expires_at,
                      l.expires_at) AS detail
        FROM points_restore r
        JOIN points_lot l ON l.member_id = r.member_id AND l.id = r.lot_id
        LEFT JOIN points_lot n ON n.member_id = r.into_member AND n.id = r.into_lot
        WHERE n.id IS NULL OR (l.expires_at IS NOT NULL AND n.expires_at IS NULL)""",
    "transfers_come_in_pairs": """
        SELECT e.member_id, e.seq, format('transfer %s of %s', e.source_id, e.points) AS detail
        FROM points_entry e LEFT JOIN points_entry o
            ON o.kind = 'transfer' AND o.source_id = e.source_id AND o.points = -e.points
            AND o.member_id::text = e.data ->> 'member_id'
            AND o.data ->> 'member_id' = e.member_id::text
        WHERE e.kind = 'transfer'
        GROUP BY e.member_id, e.seq, e.source_id, e.points HAVING count(o.seq) <> 1""",
    "debt_is_what_entries_say": """
        SELECT a.member_id, NULL::integer AS seq,
               format('debt %s, entries say %s', a.debt, coalesce(e.debt, 0)) AS detail
        FROM points_account a LEFT JOIN (
            SELECT member_id, sum(coalesce((data ->> 'debt')::bigint, 0)
                                  - coalesce((data ->> 'absorbed')::bigint, 0)) AS debt
            FROM points_entry WHERE data IS NOT NULL GROUP BY member_id
        ) e USING (member_id)
        WHERE a.debt <> coalesce(e.debt, 0)""",
    "lifetime_is_what_was_earned": """
        SELECT a.member_id, NULL::integer AS seq,
               format('ever earned %s, entries say %s', a.lifetime_earned, coalesce(e.points, 0))
                   AS detail
        FROM points_account a LEFT JOIN (
            SELECT member_id, sum(CASE kind WHEN 'merge' THEN (data ->> 'earned')::bigint
                                            ELSE points END) AS points
            FROM points_entry WHERE kind IN ('earn', 'award', 'merge') GROUP BY member_id
        ) e USING (member_id)
        WHERE a.lifetime_earned <> coalesce(e.points, 0)""",
    "source_has_its_entry": """
        SELECT s.member_id, s.seq, format('source %s has no entry', s.key) AS detail
        FROM points_source s LEFT JOIN points_entry e USING (member_id, seq)
        WHERE e.seq IS NULL""",
    "inactivity_is_watched": """
        SELECT l.member_id, l.opened_by AS seq,
               format('lot %s lapses by inactivity, which its account does not watch', l.id)
                   AS detail
        FROM points_lot l JOIN points_account a USING (member_id)
        WHERE l.idle_months IS NOT NULL AND l.remaining > 0 AND a.active_at IS NULL""",
}
