"""How standings and their history get into the database: set-based, a statement each."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import db
from crm.members.tiers import engine, ladders
from crm.members.tiers.standing import Change, Layer, Standing

WRITE = text("""
    INSERT INTO tier_standing (member_id, held, tier, since, valid_until, won_by, beneath,
        grace_until, floor, floor_since, floor_until, floor_reason, reviewed_at, ladder_version)
    SELECT member_id, held, tier, since, valid_until, won_by, CAST(beneath AS jsonb),
        grace_until, floor, floor_since, floor_until, floor_reason, reviewed_at, ladder_version
    FROM unnest(
        CAST(:member_id AS uuid[]), CAST(:held AS text[]), CAST(:tier AS text[]),
        CAST(:since AS timestamptz[]), CAST(:valid_until AS timestamptz[]),
        CAST(:won_by AS uuid[]), CAST(:beneath AS text[]), CAST(:grace_until AS timestamptz[]),
        CAST(:floor AS text[]), CAST(:floor_since AS timestamptz[]),
        CAST(:floor_until AS timestamptz[]), CAST(:floor_reason AS text[]),
        CAST(:reviewed_at AS timestamptz[]), CAST(:ladder_version AS integer[])
    ) AS t (member_id, held, tier, since, valid_until, won_by, beneath, grace_until, floor,
            floor_since, floor_until, floor_reason, reviewed_at, ladder_version)
    ON CONFLICT (member_id) DO UPDATE SET held = excluded.held, tier = excluded.tier,
        since = excluded.since, valid_until = excluded.valid_until, won_by = excluded.won_by,
        beneath = excluded.beneath, grace_until = excluded.grace_until, floor = excluded.floor,
        floor_since = excluded.floor_since, floor_until = excluded.floor_until,
        floor_reason = excluded.floor_reason, reviewed_at = excluded.reviewed_at,
        ladder_version = excluded.ladder_version
""")

# A step that moved nothing but the end (kept) is news to the member; one under a floor is not.
REMEMBER = text("""
    WITH step AS (
        SELECT * FROM unnest(
            CAST(:member_id AS uuid[]), CAST(:at AS timestamptz[]), CAST(:from_tier AS text[]),
            CAST(:to_tier AS text[]), CAST(:earned AS text[]), CAST(:cause AS text[]),
            CAST(:order_id AS uuid[])
        ) WITH ORDINALITY AS t (member_id, at, from_tier, to_tier, earned, cause, order_id, place)
    ), remembered AS (
        INSERT INTO tier_change
            (member_id, at, id, from_tier, to_tier, earned, cause, order_id)
        SELECT member_id, at, uuidv7(), from_tier, to_tier, earned, cause, order_id
        FROM step ORDER BY place
    )
    INSERT INTO member_event (member_id, at, id, kind, data)
    SELECT member_id, at, uuidv7(),
           CASE WHEN cause = 'kept' THEN 'tier_kept' ELSE 'tier_changed' END,
           jsonb_strip_nulls(jsonb_build_object(
               'from', from_tier, 'to', to_tier, 'cause', cause, 'order_id', order_id))
    FROM step
    WHERE cause <> 'first' AND (from_tier <> to_tier OR cause = 'kept' AND to_tier = earned)
    ORDER BY place
""")


def _saved(layers: Sequence[Layer]) -> str:
    return json.dumps(
        [
            {
                "tier": layer.tier,
                "since": layer.since.isoformat(),
                "valid_until": layer.valid_until and layer.valid_until.isoformat(),
                "won_by": layer.won_by and str(layer.won_by),
            }
            for layer in layers
        ]
    )


def save_many(moved: Sequence[tuple[UUID, Standing, Sequence[Change]]], now: datetime) -> None:
    """Write standings, and remember each member's changes in the order in which they are given.

    Two statements, whatever the number; each member at most once.
    """
    if not moved:
        return
    ladder = ladders.load().at(now)
    ordered = sorted(moved, key=lambda item: item[0])
    rows = [
        {
            "member_id": member_id,
            "held": engine.held(standing, ladder, now),
            "tier": standing.tier,
            "since": standing.since,
            "valid_until": standing.valid_until,
            "won_by": standing.won_by,
            "beneath": _saved(standing.beneath) if standing.beneath else "[]",
            "grace_until": standing.grace_until,
            "floor": standing.floor,
            "floor_since": standing.floor_since,
            "floor_until": standing.floor_until,
            "floor_reason": standing.floor_reason,
            "reviewed_at": standing.reviewed_at,
            "ladder_version": standing.ladder_version,
        }
        for member_id, standing, _ in ordered
    ]
    db.session.execute(WRITE, _columns(rows))
    steps = [
        {
            "member_id": member_id,
            "at": change.at,
            "from_tier": change.from_tier,
            "to_tier": change.to_tier,
            "earned": change.earned,
            "cause": change.cause,
            "order_id": change.order_id,
        }
        for member_id, _, changes in ordered
        for change in changes
    ]
    if steps:
        db.session.execute(REMEMBER, _columns(steps))


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def begin_many(joined: Iterable[tuple[UUID, datetime]], now: datetime) -> None:
    """Put new members on the lowest tier, each at the instant of joining."""
    versions = ladders.load()
    save_many([(member_id, *engine.first(versions.at(at), at)) for member_id, at in joined], now)
