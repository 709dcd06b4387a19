"""How standings and their history get into the database: set-based, a statement each."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from crm.db import as_rows, db
from crm.members.tiers import engine, ladders
from crm.members.tiers.ladder import Ladder
from crm.members.tiers.standing import Change, Layer, Standing

WRITE = text("""
    INSERT INTO tier_standing (member_id, held, tier, since, valid_until, won_by, beneath,
        grace_until, floor, floor_since, floor_until, floor_reason, reviewed_at, ladder_version)
    SELECT member_id, held, tier, since, valid_until, won_by, beneath,
        grace_until, floor, floor_since, floor_until, floor_reason, reviewed_at, ladder_version
    FROM json_to_recordset(CAST(:rows AS json)) AS t (
        member_id uuid, held text, tier text, since timestamptz, valid_until timestamptz,
        won_by uuid, beneath jsonb, grace_until timestamptz, floor text, floor_since timestamptz,
        floor_until timestamptz, floor_reason text, reviewed_at timestamptz, ladder_version integer)
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
        SELECT * FROM ROWS FROM (json_to_recordset(CAST(:rows AS json)) AS (
            member_id uuid, at timestamptz, from_tier text, to_tier text, earned text, cause text,
            order_id uuid)
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


def _saved(layers: Sequence[Layer]) -> list[dict[str, Any]]:
    return [
        {
            "tier": layer.tier,
            "since": layer.since,
            "valid_until": layer.valid_until,
            "won_by": layer.won_by,
        }
        for layer in layers
    ]


def save_many(moved: Sequence[tuple[UUID, Standing, Sequence[Change]]], now: datetime) -> None:
    """Write standings, and remember each member's changes in the order in which they are given.

    Two statements, whatever the number; each member at most once.
    """
    if not moved:
        return
    ladder = ladders.load().at(now)
    ordered = sorted(moved, key=lambda item: item[0])
    rows = [_row(member_id, standing, ladder, now) for member_id, standing, _ in ordered]
    db.session.execute(WRITE, {"rows": as_rows(rows)})
    steps = [_step(member_id, one) for member_id, _, changes in ordered for one in changes]
    if steps:
        db.session.execute(REMEMBER, {"rows": as_rows(steps)})


def _row(member_id: UUID, standing: Standing, ladder: Ladder, now: datetime) -> dict[str, Any]:
    """A standing as it is written, with the tier that it comes to."""
    return {
        "member_id": member_id,
        "held": engine.held(standing, ladder, now),
        "tier": standing.tier,
        "since": standing.since,
        "valid_until": standing.valid_until,
        "won_by": standing.won_by,
        "beneath": _saved(standing.beneath),
        "grace_until": standing.grace_until,
        "floor": standing.floor,
        "floor_since": standing.floor_since,
        "floor_until": standing.floor_until,
        "floor_reason": standing.floor_reason,
        "reviewed_at": standing.reviewed_at,
        "ladder_version": standing.ladder_version,
    }


def _step(member_id: UUID, change: Change) -> dict[str, Any]:
    """A change as it is remembered."""
    return {
        "member_id": member_id,
        "at": change.at,
        "from_tier": change.from_tier,
        "to_tier": change.to_tier,
        "earned": change.earned,
        "cause": change.cause,
        "order_id": change.order_id,
    }


def begin_many(joined: Iterable[tuple[UUID, datetime]], now: datetime) -> None:
    """Put new members on the lowest tier, each at the instant of joining."""
    versions = ladders.load()
    save_many([(member_id, *engine.first(versions.at(at), at)) for member_id, at in joined], now)
