"""Lists of rules by what they do now: count, will count, or count no more."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, not_, or_, select
from sqlalchemy.orm import aliased

from crm.db import db
from crm.points.programme_history import ACTIVE, ENDED, SCHEDULED
from crm.points.programme_models import RuleVersion


def listed(state: str, now: datetime, *, after: UUID | None, limit: int) -> Sequence[RuleVersion]:
    """The latest version of each rule in this state, the newest rules first; one more than `limit`.

    `state` is one of `programme_history.RULE_STATES`.
    """
    query = select(RuleVersion).where(_is_latest(), _is(state, now))
    if after is not None:
        query = query.where(RuleVersion.id < after)
    return db.session.scalars(query.order_by(RuleVersion.id.desc()).limit(limit + 1)).all()


def counts(now: datetime) -> dict[str, int]:
    """How many rules there are in each state."""
    return {
        state: db.session.scalar(
            select(func.count()).select_from(RuleVersion).where(_is_latest(), _is(state, now))
        )
        or 0
        for state in (ACTIVE, SCHEDULED, ENDED)
    }


def _is_latest() -> ColumnElement[bool]:
    newer = aliased(RuleVersion)
    is_newer = (newer.id == RuleVersion.id) & (newer.version > RuleVersion.version)
    return ~select(newer.id).where(is_newer).exists()


def _is(state: str, now: datetime) -> ColumnElement[bool]:
    """The same question as `programme_history.rule_state` answers for one."""
    ended = or_(
        RuleVersion.superseded_at.is_not(None),
        and_(RuleVersion.ends_at.is_not(None), RuleVersion.ends_at <= now),
    )
    begins = func.greatest(RuleVersion.valid_from, RuleVersion.starts_at)
    if state == ENDED:
        return ended
    return and_(not_(ended), begins > now if state == SCHEDULED else begins <= now)
