"""What a filter comes to before anybody is written to: how many, who for example, whom by which
channel, and how much of it other audiences share."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import config, db
from crm.members import contacts
from crm.messages.states import ADDRESS, CHANNELS, CONSENT
from crm.segments.audiences import compiling, counting, parsing
from crm.segments.audiences.compiling import Selection

# Of all channels at once: who of the audience agreed, has an address, must not be written to.
REACH = """
    WITH audience AS MATERIALIZED ({{}}) {addresses}
    SELECT count(*) AS members, {figures}
    FROM audience a {joins}
    LEFT JOIN (SELECT DISTINCT member_id FROM message_block) b ON b.member_id = a.member_id
"""
# The member's own address goes before those that came with merged records, as when it is sent.
ADDRESSES = """,
    {channel}_address AS (
        SELECT DISTINCT ON (i.member_id) i.member_id, i.value
        FROM audience a JOIN member_identity i ON i.member_id = a.member_id AND i.kind = '{kind}'
        ORDER BY i.member_id, i.came_with NULLS FIRST, i.value
    )"""
CONSENTED = """
    LEFT JOIN (
        SELECT DISTINCT member_id FROM member_consent
        WHERE channel = ANY(:reach_{channel}) AND purpose = 'marketing' AND granted
          AND superseded_at IS NULL
    ) {channel}_c ON {channel}_c.member_id = a.member_id"""
ADDRESSED = """
    LEFT JOIN {channel}_address {channel}_a ON {channel}_a.member_id = a.member_id"""
SUPPRESSED = """
    LEFT JOIN suppression {channel}_x ON {channel}_x.channel = '{channel}'
        AND {channel}_x.address_key = message_address_key('{channel}', {address})"""
# The first reason why not, in the order in which messages are judged.
FIGURES = """
    count(*) FILTER (WHERE {consented} AND {addressed} AND NOT {suppressed} AND NOT {blocked})
        AS {channel}_reach,
    count(*) FILTER (WHERE NOT {consented}) AS {channel}_no_consent,
    count(*) FILTER (WHERE {consented} AND NOT {addressed}) AS {channel}_no_address,
    count(*) FILTER (WHERE {consented} AND {addressed} AND {suppressed}) AS {channel}_suppressed,
    count(*) FILTER (WHERE {consented} AND {addressed} AND NOT {suppressed} AND {blocked})
        AS {channel}_blocked"""
PARTS = ("reach", "no_consent", "no_address", "suppressed", "blocked")
STOPPED = text("SELECT DISTINCT channel FROM suppression")
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
    up to `members`. Caps and quiet hours are of the moment and not looked at. One statement."""
    stopped = set(db.session.execute(STOPPED).scalars())
    around = REACH.format(
        addresses="".join(
            ADDRESSES.format(channel=channel, kind=kind) for channel, kind in ADDRESS.items()
        ),
        figures=", ".join(_figures(channel, channel in stopped) for channel in CHANNELS),
        joins="".join(_joins(channel, channel in stopped) for channel in CHANNELS),
    )
    consents = {f"reach_{channel}": list(CONSENT[channel]) for channel in CHANNELS}
    row = db.session.execute(selection.statement(around), selection.params | consents).one()
    found = row._mapping
    return [
        {"channel": channel, "members": row.members}
        | {part: found[f"{channel}_{part}"] for part in PARTS}
        for channel in CHANNELS
    ]


def _joins(channel: str, is_stopped: bool) -> str:
    found = CONSENTED.format(channel=channel)
    if channel in ADDRESS:
        found += ADDRESSED.format(channel=channel)
    address = f"{channel}_a.value" if channel in ADDRESS else "a.member_id::text"
    return found + (SUPPRESSED.format(channel=channel, address=address) if is_stopped else "")


def _figures(channel: str, is_stopped: bool) -> str:
    return FIGURES.format(
        channel=channel,
        consented=f"({channel}_c.member_id IS NOT NULL)",
        addressed=f"({channel}_a.value IS NOT NULL)" if channel in ADDRESS else "true",
        suppressed=f"({channel}_x.address_key IS NOT NULL)" if is_stopped else "false",
        blocked="(b.member_id IS NOT NULL)",
    )


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
