"""Who is held out, and who gets which arm: by a number that is the same for ever.

The number is made of the campaign's id and the member's, so that a rerun assigns everybody alike
and no campaign's holdout tells anything of another's. `draw` here and `campaign_draw` in the
database are the same.
"""

from collections.abc import Sequence
from hashlib import sha256
from uuid import UUID

from crm.campaigns.models import HELD_OUT

HOLDOUT, ARM = b"h", b"a"  # lots: two numbers of one member that know nothing of each other
SPAN = 2**48


def draw(campaign_id: UUID, member_id: UUID, lot: bytes) -> float:
    """The member's number in [0, 1), evenly spread over members."""
    digest = sha256(campaign_id.bytes + member_id.bytes + lot).digest()
    return int.from_bytes(digest[:6], "big") / SPAN


def bounds(weights: Sequence[int]) -> list[float]:
    """Up to which number (exclusive) each arm goes; the last ends at 1."""
    whole, upto, found = sum(weights), 0, []
    for weight in weights:
        upto += weight
        found.append(upto / whole)
    return found


def assign(
    campaign_id: UUID, member_id: UUID, *, holdout_percent: int, weights: Sequence[int]
) -> int:
    """The member's arm, 1 and up, or `HELD_OUT`; as the database assigns it."""
    if draw(campaign_id, member_id, HOLDOUT) < holdout_percent / 100:
        return HELD_OUT
    found = draw(campaign_id, member_id, ARM)
    return next(no for no, upto in enumerate(bounds(weights), 1) if found < upto)


def arm_sql(arms: int) -> str:
    """The arm of member `m.id` as SQL: `:holdout` is a share, `:upto` the bounds of the arms."""
    steps = "".join(f" WHEN d.arm < (CAST(:upto AS float8[]))[{no}] THEN {no}"
                    for no in range(1, arms))  # fmt: skip
    chosen = f"CASE{steps} ELSE {arms} END" if steps else str(arms)
    held = "campaign_draw(CAST(:campaign AS uuid), m.id, '\\x68') < :holdout"
    return f"CASE WHEN {held} THEN {HELD_OUT} ELSE {chosen} END"


DRAWN = (
    "CROSS JOIN LATERAL (SELECT campaign_draw(CAST(:campaign AS uuid), m.id, '\\x61') AS arm) AS d"
)
