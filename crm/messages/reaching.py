"""By which of several templates a member can be reached as things stand: for statements of rooms
above, which choose whom to tell, and how, before a message is planned.

It asks of consent, address and suppressions what is asked again when the message goes
(`crm.messages.candidates`).
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import as_rows, db
from crm.messages import versions
from crm.messages.states import ADDRESS, CONSENT

# Keys of addresses are made only where any address of the channel is suppressed at all.
SUPPRESSED = text("""
    SELECT c FROM unnest(CAST(:channels AS text[])) AS c
    WHERE EXISTS (SELECT FROM suppression WHERE channel = c)
""")

# For `WITH`; the parameter is made by `ways`.
WAYS = """
    way AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:ways AS json)) AS w (
            place integer, template uuid, channel text, purpose text, consents text[], kind text,
            suppresses boolean)
    )
"""
# To be joined LATERAL: the first way by which `{member}` can be reached, its `why` NULL; where
# there is none, why not by the first of all. No row where no way was given.
REACHED = """
    SELECT w.template, w.channel, y.why FROM way w
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN w.purpose = 'marketing' AND NOT EXISTS (
                SELECT FROM member_consent c
                WHERE c.member_id = {member} AND c.channel = ANY (w.consents)
                  AND c.purpose = 'marketing' AND c.granted AND c.superseded_at IS NULL)
                THEN 'opted_out'
            WHEN w.purpose <> 'marketing' AND EXISTS (
                SELECT FROM member_consent c
                WHERE c.member_id = {member} AND c.channel = ANY (w.consents)
                  AND c.purpose = w.purpose AND NOT c.granted AND c.superseded_at IS NULL)
                THEN 'opted_out'
            WHEN w.kind IS NOT NULL AND NOT EXISTS (
                SELECT FROM member_identity i WHERE i.member_id = {member} AND i.kind = w.kind)
                THEN 'no_address'
            WHEN w.suppresses AND EXISTS (
                SELECT FROM suppression x
                WHERE x.channel = w.channel AND (x.scope = 'all' OR w.purpose = 'marketing')
                  AND x.address_key = message_address_key(w.channel, CASE
                      WHEN w.kind IS NULL THEN CAST({member} AS text)
                      ELSE (SELECT i.value FROM member_identity i
                            WHERE i.member_id = {member} AND i.kind = w.kind
                            ORDER BY i.came_with NULLS FIRST, i.value LIMIT 1) END))
                THEN 'address_suppressed'
        END AS why
    ) AS y
    ORDER BY y.why IS NOT NULL, w.place LIMIT 1
"""


def ways(templates: Sequence[UUID]) -> str:
    """The parameter `:ways`: these templates, in the order in which they are preferred."""
    said = [versions.wording(one) for one in templates]
    channels = [one.channel for one in said]
    suppressed = set(db.session.scalars(SUPPRESSED, {"channels": channels})) if said else set()
    rows: list[dict[str, Any]] = [
        {
            "place": place,
            "template": one.template_id,
            "channel": one.channel,
            "purpose": one.purpose,
            "consents": list(CONSENT[one.channel]),
            "kind": ADDRESS.get(one.channel),
            "suppresses": one.channel in suppressed,
        }
        for place, one in enumerate(said)
    ]
    return as_rows(rows)
