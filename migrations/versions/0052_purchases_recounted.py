"""Who bought after an instant, counted again: a part of `purchases_as_of` by itself.

Where the running aggregates hold they can be walked beside the members, in the order of both keys.
As one set with those who are counted again they had to be sorted first.
"""

from crm.migrations import script

revision = "0052"
down_revision = "0051"
branch_labels = depends_on = None

FUNCTIONS = """
CREATE FUNCTION purchases_recounted(p_at timestamptz)
RETURNS TABLE (
    member_id uuid, first_day date, last_day date, frequency integer, monetary bigint
) LANGUAGE sql STABLE AS $$
    -- What members had bought at an instant who bought after it, counted again from their orders.
    SELECT s.member_id, min(o.local_day), max(o.local_day),
           count(DISTINCT o.local_day)::integer, sum(o.net)::bigint
    FROM purchase_summary s JOIN orders o ON o.member_id = s.member_id
    WHERE s.last_paid_at > p_at AND o.counted AND o.paid_at <= p_at
    GROUP BY s.member_id
$$;

CREATE OR REPLACE FUNCTION purchases_as_of(p_at timestamptz)
RETURNS TABLE (
    member_id uuid, first_day date, last_day date, frequency integer, monetary bigint
) LANGUAGE sql STABLE AS $$
    -- What members had bought at an instant; no row for those who had not. The running aggregates
    -- hold for every instant from a member's last purchase on. Members who bought later (the
    -- instant is past, or an order is dated in the future) are counted again from their orders.
    SELECT s.member_id, s.first_day, s.last_day, s.frequency, s.monetary
    FROM purchase_summary s
    WHERE s.last_paid_at <= p_at AND s.orders > 0
    UNION ALL
    SELECT * FROM purchases_recounted(p_at)
$$;
"""


def upgrade() -> None:
    script(FUNCTIONS)
