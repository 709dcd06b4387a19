"""The ledger's self-check: every invariant as one statement; each breach names member and entry.

Each statement sees one snapshot, so the check may run while traffic goes on.
"""

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.points import verb_invariants
from crm.points.rewards import invariants as reward_invariants

MOST_BREACHES = 100


@dataclass(frozen=True, slots=True)
class Breach:
    """One broken promise: which, whose, at which entry, and the figures."""

    invariant: str
    member_id: UUID
    seq: int | None
    detail: str

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | {"member_id": str(self.member_id)}


INVARIANTS: dict[str, str] = (
    verb_invariants.INVARIANTS
    | reward_invariants.INVARIANTS
    | {
        "balance_is_sum_of_entries": """
        SELECT a.member_id, NULL::integer AS seq,
               format('balance %s, entries %s', a.balance, coalesce(e.points, 0)) AS detail
        FROM points_account a LEFT JOIN (
            SELECT member_id, sum(points) AS points FROM points_entry GROUP BY member_id
        ) e USING (member_id)
        WHERE a.balance <> coalesce(e.points, 0)""",
        "balance_is_lots_minus_debt": """
        SELECT a.member_id, NULL::integer AS seq,
               format('balance %s, lots %s, debt %s', a.balance, coalesce(l.points, 0), a.debt)
                   AS detail
        FROM points_account a LEFT JOIN (
            SELECT member_id, sum(remaining) AS points FROM points_lot GROUP BY member_id
        ) l USING (member_id)
        WHERE a.balance <> coalesce(l.points, 0) - a.debt""",
        "lot_is_size_plus_movements": """
        SELECT l.member_id, l.opened_by AS seq,
               format('lot %s: size %s, movements %s, remaining %s', l.id, l.size,
                      coalesce(m.points, 0), l.remaining) AS detail
        FROM points_lot l LEFT JOIN (
            SELECT member_id, lot_id, sum(points) AS points FROM points_movement
            GROUP BY member_id, lot_id
        ) m ON m.member_id = l.member_id AND m.lot_id = l.id
        WHERE l.remaining <> l.size + coalesce(m.points, 0)""",
        "lot_is_opened_by_its_entry": """
        SELECT l.member_id, l.opened_by AS seq,
               format('lots of %s, entry of %s', l.size, e.points) AS detail
        FROM (
            SELECT member_id, opened_by, sum(size) AS size FROM points_lot
            GROUP BY member_id, opened_by
        ) l LEFT JOIN points_entry e ON e.member_id = l.member_id AND e.seq = l.opened_by
        WHERE e.seq IS NULL
           OR CASE e.kind WHEN 'restore' THEN e.points < l.size ELSE e.points <> l.size END""",
        "seq_has_no_gaps": """
        SELECT a.member_id, a.seq,
               format('%s entries, newest %s', count(e.seq), max(e.seq)) AS detail
        FROM points_account a LEFT JOIN points_entry e USING (member_id)
        GROUP BY a.member_id, a.seq
        HAVING count(e.seq) <> a.seq OR coalesce(max(e.seq), 0) <> a.seq""",
        "balance_after_is_consistent": """
        SELECT member_id, seq, format('balance_after %s, running sum %s', balance_after, running)
                   AS detail
        FROM (
            SELECT member_id, seq, balance_after,
                   sum(points) OVER (PARTITION BY member_id ORDER BY seq) AS running
            FROM points_entry
        ) e WHERE balance_after <> running""",
        "hash_chain_is_unbroken": """
        SELECT member_id, seq, 'the hash does not follow from the entry before' AS detail
        FROM (
            SELECT *, coalesce(lag(hash) OVER (PARTITION BY member_id ORDER BY seq), '') AS previous
            FROM points_entry
        ) e
        WHERE hash <> points_hash(previous, member_id, seq, kind, points, balance_after,
                                  occurred_at, source_type, source_id)""",
        "head_is_the_newest_hash": """
        SELECT a.member_id, a.seq, 'the account''s head is not the newest entry''s hash' AS detail
        FROM points_account a LEFT JOIN points_entry e
            ON e.member_id = a.member_id AND e.seq = a.seq
        WHERE a.head <> coalesce(e.hash, '')""",
        "earning_has_one_source": """
        SELECT e.member_id, e.seq, format('source %s %s', e.source_type, e.source_id) AS detail
        FROM points_entry e LEFT JOIN points_source s
            ON s.key = points_source_key(
                CASE e.kind WHEN 'adjust' THEN 'adjustment' ELSE e.source_type END, e.source_id)
        WHERE e.kind IN ('earn', 'award', 'adjust')
          AND (s.member_id, s.seq) IS DISTINCT FROM (e.member_id, e.seq)""",
        "movements_follow_their_entry": """
        SELECT e.member_id, e.seq,
               format('entry %s, lot %s, movements %s', e.points, l.size, m.points) AS detail
        FROM points_entry e
        LEFT JOIN (
            SELECT member_id, opened_by, sum(size) AS size FROM points_lot
            GROUP BY member_id, opened_by
        ) l ON l.member_id = e.member_id AND l.opened_by = e.seq
        LEFT JOIN (
            SELECT member_id, seq, sum(points) AS points FROM points_movement
            GROUP BY member_id, seq
        ) m ON m.member_id = e.member_id AND m.seq = e.seq
        WHERE coalesce(m.points, 0) <> CASE e.kind
            WHEN 'absorb' THEN -(e.data ->> 'absorbed')::bigint
            ELSE e.points - coalesce(l.size, 0) + coalesce((e.data ->> 'debt')::bigint, 0) END""",
        "nothing_expired_early": """
        SELECT m.member_id, m.seq, format('lot %s is valid until %s', l.id, l.expires_at) AS detail
        FROM points_movement m
        JOIN points_entry e USING (member_id, seq)
        JOIN points_lot l ON l.member_id = m.member_id AND l.id = m.lot_id
        WHERE e.kind = 'expire' AND (l.expires_at IS NULL OR l.expires_at > e.occurred_at)""",
        "nothing_spent_outside_its_time": """
        SELECT m.member_id, m.seq,
               format('lot %s is spendable from %s until %s', l.id, l.available_at, l.expires_at)
                   AS detail
        FROM points_movement m
        JOIN points_entry e USING (member_id, seq)
        JOIN points_lot l ON l.member_id = m.member_id AND l.id = m.lot_id
        WHERE e.kind IN ('redeem', 'absorb', 'transfer', 'adjust') AND m.points < 0
          AND NOT coalesce(l.available_at <= e.occurred_at
                           AND (l.expires_at IS NULL OR l.expires_at > e.occurred_at), false)""",
        "clawback_is_at_most_earned": """
        SELECT c.member_id, c.seq,
               format('%s %s earned %s, clawed back %s', c.source_type, c.source,
                      coalesce(e.points, 0), c.points) AS detail
        FROM (
            SELECT (array_agg(member_id ORDER BY id DESC))[1] AS member_id,
                   (array_agg(seq ORDER BY id DESC))[1] AS seq, source_type,
                   split_part(source_id, '#', 1) AS source, -sum(points) AS points
            FROM points_entry WHERE kind = 'clawback' GROUP BY source_type, source
        ) c LEFT JOIN (
            SELECT source_type, split_part(source_id, '#', 1) AS source, sum(points) AS points
            FROM points_entry WHERE kind = 'earn' GROUP BY source_type, source
        ) e USING (source_type, source)
        WHERE c.points > coalesce(e.points, 0)""",
        "approved_adjustments_are_applied": """
        SELECT (a.payload ->> 'member_id')::uuid AS member_id, e.seq,
               format('request %s is %s, of %s points; entry of %s', a.id, a.state,
                      a.payload ->> 'points', e.points) AS detail
        FROM approval a
        LEFT JOIN points_source s ON s.key = points_source_key('adjustment', a.id::text)
        LEFT JOIN points_entry e ON e.member_id = s.member_id AND e.seq = s.seq
        WHERE a.kind = 'points.adjustment' AND CASE a.state
            WHEN 'approved' THEN (e.member_id::text, e.points::text) IS DISTINCT FROM
                                 (a.payload ->> 'member_id', a.payload ->> 'points')
            ELSE e.seq IS NOT NULL END""",
        "merge_entries_come_in_pairs": """
        SELECT e.member_id, e.seq,
               format('merge %s: %s here, %s at entry %s of %s', e.source_id, e.points, o.points,
                      e.data ->> 'seq', e.data ->> 'member_id') AS detail
        FROM points_entry e LEFT JOIN points_entry o
            ON o.member_id = (e.data ->> 'member_id')::uuid AND o.seq = (e.data ->> 'seq')::integer
        WHERE e.kind = 'merge'
          AND (o.kind, o.source_id, o.points, o.data ->> 'member_id', o.data ->> 'seq')
              IS DISTINCT FROM
              ('merge', e.source_id, -e.points, e.member_id::text, e.seq::text)""",
        "merged_accounts_are_empty": """
        SELECT a.member_id, NULL::integer AS seq,
               format('balance %s, debt %s, merged into %s by the account, %s by the record',
                      a.balance, a.debt, a.merged_into, m.merged_into) AS detail
        FROM points_account a JOIN member m ON m.id = a.member_id
        WHERE a.merged_into IS DISTINCT FROM m.merged_into
           OR (a.merged_into IS NOT NULL AND (a.balance, a.debt) <> (0, 0))""",
    }
)


def take_time() -> None:
    """Let statements of this transaction take as long as they need: for the night and the terminal.

    What a reader waits for ends after two minutes, as every statement does.
    """
    db.session.execute(text("SET LOCAL statement_timeout = 0"))


def run(member_id: UUID | None = None) -> list[Breach]:
    """Verify all invariants, of one member or of all; at most a hundred breaches of each."""
    found = []
    for name, sql in INVARIANTS.items():
        only = "WHERE b.member_id = :member" if member_id else ""
        rows = db.session.execute(
            text(f"SELECT * FROM ({sql}) b {only} ORDER BY 1, 2 LIMIT {MOST_BREACHES}"),  # noqa: S608
            {"member": member_id} if member_id else {},
        )
        found += [Breach(name, row.member_id, row.seq, row.detail) for row in rows]
    return found


def totals() -> dict[str, int]:
    """How much was verified: accounts, entries, lots."""
    row = db.session.execute(
        text("""
            SELECT (SELECT count(*) FROM points_account) AS accounts,
                   (SELECT count(*) FROM points_entry) AS entries,
                   (SELECT count(*) FROM points_lot) AS lots
        """)
    )
    return dict(row.mappings().one())


HEAD = text("""
    SELECT encode(sha256(string_agg(digest, ''::bytea ORDER BY bucket)), 'hex') FROM (
        SELECT bucket, sha256(string_agg(uuid_send(member_id) || int4send(seq) || head, ''::bytea
                                         ORDER BY member_id)) AS digest
        FROM (SELECT *, right(member_id::text, 2) AS bucket FROM points_account) a
        GROUP BY bucket
    ) d
""")


def head() -> str | None:
    """A digest over the heads of all accounts: whoever knows it can tell later that no entry up to
    then was changed. In hex; None without accounts.

    SHA-256 over the digests of 256 buckets (the last two hex digits of the member's id, ascending),
    each over id (16 bytes), seq (4 bytes, big-endian) and head of its accounts by ascending id.
    """
    return db.session.execute(HEAD).scalar()
