"""Chances per category: what members paid for what they kept, and where the models are kept."""

from crm.migrations import script

revision = "0053"
down_revision = "0052"
branch_labels = depends_on = None

LINES = """
CREATE OR REPLACE VIEW purchased_line AS
    -- What members bought and kept: lines of counted orders, without gifts and what was given back.
    SELECT o.member_id, o.id AS order_id, o.paid_at, o.local_day, l.sku, l.name, l.category,
           CASE WHEN o.refunded = 0 THEN l.net ELSE l.net - l.net * (
               SELECT coalesce(sum((back.line->>'quantity')::integer), 0)
               FROM order_refund r, jsonb_array_elements(r.lines) AS back (line)
               WHERE r.order_id = o.id AND (back.line->>'line_no')::integer = l.line_no
           ) / l.quantity END AS net
    FROM orders o JOIN order_line l ON l.order_id = o.id
    WHERE o.counted AND o.member_id IS NOT NULL AND l.net > 0
      AND (o.refunded = 0 OR l.quantity > (
          SELECT coalesce(sum((back.line->>'quantity')::integer), 0)
          FROM order_refund r, jsonb_array_elements(r.lines) AS back (line)
          WHERE r.order_id = o.id AND (back.line->>'line_no')::integer = l.line_no));
"""

MODELS = """
ALTER TABLE next_purchase_model ADD COLUMN categories jsonb;
COMMENT ON COLUMN next_purchase_model.categories IS 'NULL: of a night that did not learn them';
"""


def upgrade() -> None:
    script(LINES)
    script(MODELS)
