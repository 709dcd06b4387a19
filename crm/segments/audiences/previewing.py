"""What a filter comes to before anybody is written to: how many, who for example, whom by which
channel, and how much of it other audiences share."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from crm.db import config, db
from crm.members import contacts
from crm.messages.eligibility import ADDRESS
from crm.messages.states import CHANNELS, CONSENT
from crm.segments.audiences import compiling, counting, parsing
from crm.segments.audiences.compiling import Selection

# Who may be written to by a channel, and the first reason why not, in the order in which messages
# are judged: consent, address, suppression, a block such as an open complaint.
REACH = """
    WITH audience AS MATERIALIZED ({})
    SELECT count(*) AS members,
           count(*) FILTER (WHERE NOT w.consented) AS no_consent,
           count(*) FILTER (WHERE w.consented AND NOT w.addressed) AS no_address,
           count(*) FILTER (WHERE w.consented AND w.addressed AND w.suppressed) AS suppressed,
           count(*) FILTER (WHERE w.consented AND w.addressed AND NOT w.suppressed AND w.blocked)
               AS blocked,
           count(*) FILTER (WHERE w.consented AND w.addressed AND NOT w.suppressed
                              AND NOT w.blocked) AS reach
    FROM (
        SELECT c.member_id IS NOT NULL AS consented, i.value IS NOT NULL AS addressed,
               x.address_key IS NOT NULL AS suppressed, b.member_id IS NOT NULL AS blocked
        FROM audience a
        LEFT JOIN (
            SELECT DISTINCT member_id FROM member_consent
            WHERE channel = ANY(:reach_consents) AND purpose = 'marketing' AND granted
              AND superseded_at IS NULL
        ) c ON c.member_id = a.member_id
        {ADDRESS}
        LEFT JOIN (SELECT DISTINCT member_id FROM message_block) b ON b.member_id = a.member_id
    ) w
"""
# The member's own address goes before those that came with merged records, as when it is sent.
ADDRESSED = """
    LEFT JOIN (
        SELECT DISTINCT ON (member_id) member_id, value FROM member_identity
        WHERE kind = :reach_kind ORDER BY member_id, came_with NULLS FIRST, value
    ) i ON i.member_id = a.member_id
    LEFT JOIN suppression x ON EXISTS (SELECT FROM suppression s WHERE s.channel = :reach_channel)
        AND x.channel = :reach_channel
        AND x.address_key = message_address_key(:reach_channel, i.value)
"""
NAMELESS = """
    CROSS JOIN LATERAL (SELECT a.member_id::text AS value) i
    LEFT JOIN suppression x ON EXISTS (SELECT FROM suppression s WHERE s.channel = :reach_channel)
        AND x.channel = :reach_channel
        AND x.address_key = message_address_key(:reach_channel, i.value)
"""
SAMPLE = """
    SELECT m.id, m.member_no, m.name, m.segment, p.value AS phone, e.value AS email
    FROM (
        SELECT a.member_id FROM ({}) a
        ORDER BY uuid_hash_extended(a.member_id, 0), a.member_id LIMIT :sample_most
    ) s
    JOIN member m ON m.id = s.member_id
    LEFT JOIN LATERAL (
        SELECT value FROM member_identity WHERE member_id = m.id AND kind = 'phone'
        ORDER BY came_with NULLS FIRST, value LIMIT 1
    ) p ON true
    LEFT JOIN LATERAL (
        SELECT value FROM member_identity WHERE member_id = m.id AND kind = 'email'
        ORDER BY came_with NULLS FIRST, value LIMIT 1
    ) e ON true
    ORDER BY uuid_hash_extended(m.id, 0), m.id
"""
SHARED = """
    WITH audience AS MATERIALIZED ({})
    SELECT (SELECT count(*) FROM other) AS members,
           (SELECT count(*) FROM audience JOIN other USING (member_id)) AS shared
"""


def preview(body: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """All of it for a filter that may not be saved yet, at `now`.

    `body`: filter, sample (how many), reach (whether), overlap (ids). Raises `Invalid`,
    `AudienceNotFound`, `AudienceTooLarge`.
    """
    selection = compiling.select(parsing.read(body["filter"], now=now), now)
    return {
        "as_of": now,
        "count": counting.count(selection),
        "sample": sample(selection, body["sample"]) if body["sample"] else [],
        "reach": reach(selection) if body["reach"] else [],
        "overlap": overlap(selection, body["overlap"], now),
    }


def reach(selection: Selection) -> list[dict[str, Any]]:
    """For each channel how many get a marketing message, and how many not and why. The parts add
    up to `members`. Caps and quiet hours are of the moment and not looked at."""
    found = []
    for channel in CHANNELS:
        kind = ADDRESS.get(channel, "")
        around = REACH.replace("{ADDRESS}", ADDRESSED if kind else NAMELESS)
        own = {"reach_channel": channel, "reach_consents": list(CONSENT[channel])}
        if kind:
            own["reach_kind"] = kind
        row = db.session.execute(selection.statement(around), selection.params | own).one()
        found.append({"channel": channel, **row._mapping})
    return found


def sample(selection: Selection, most: int) -> list[dict[str, Any]]:
    """Some members, picked by a hash of the id: always the same while the filter fits them.

    Names are shown in part, as are phone numbers and e-mail addresses.
    """
    rows = db.session.execute(selection.statement(SAMPLE), selection.params | {"sample_most": most})
    region = config().phone_region
    return [
        {
            "id": row.id,
            "member_no": row.member_no,
            "name": masked_name(row.name),
            "segment": row.segment,
            "phone": row.phone and contacts.masked_phone(row.phone, region),
            "email": row.email and contacts.masked_email(row.email),
        }
        for row in rows
    ]


def masked_name(name: str | None) -> str | None:
    """The first letter of a name: `王••`, `M••`."""
    return name and f"{name[0]}••"


def overlap(selection: Selection, others: Sequence[UUID], now: datetime) -> list[dict[str, Any]]:
    """For each other audience its size, and how many members are in both.

    Raises `AudienceNotFound`.
    """
    found = []
    for other in others:
        theirs = compiling.audience(other, now, prefix="o")
        around = SHARED.replace("({})", f"({{}}), other AS MATERIALIZED ({theirs.sql})", 1)
        row = db.session.execute(
            selection.statement(around), selection.params | theirs.params
        ).one()
        found.append({"audience": other, "members": row.members, "shared": row.shared})
    return found
