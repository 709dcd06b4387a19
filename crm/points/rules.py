"""The rules: which count when, and how they change. A change is a new version, never an edit.

Versions begin and end at whole seconds, because shops often tell when an order was placed no finer:
what is placed right after a change must not look older than it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from crm import audit
from crm.db import db
from crm.errors import N_, NotFound, Refused, Unprocessable
from crm.http.principal import Principal
from crm.ids import uuid7
from crm.points import rulebook
from crm.points.programme_models import RulebookStamp, RuleVersion
from crm.points.rule import Rule

__all__ = ["Rule", "create", "end", "in_force", "latest", "revise"]

MOST_RULES = 1000


class RuleNotFound(NotFound):
    """No rule has this id (404)."""

    code = "rule_not_found"
    detail = N_("There is no such rule.")


class RuleEnded(Refused):
    """The rule was ended and stays so (409)."""

    code = "rule_ended"
    detail = N_("This rule was ended. Make a new one.")


class RuleChanged(Refused):
    """The version that this change was made from is not the newest (409): `version` is."""

    code = "rule_changed"
    detail = N_("The rule was changed meanwhile: version {version} is the newest.")


class TooManyRules(Unprocessable):
    """A shop has at most `most` rules that have not ended (422)."""

    code = "too_many_rules"
    detail = N_("There are {most} rules already. End some that are no longer needed.")


def in_force(at: datetime) -> tuple[Rule, ...]:
    """The versions of rules that count for what happens at `at`, in rank order.

    Of each rule the version recorded then (not superseded, not ended), if `at` lies within its
    starts_at and ends_at. At most one tiny statement per transaction.
    """
    return rulebook.load().rules_at(at)


def latest(*, after: UUID | None, limit: int, ended: bool) -> Sequence[RuleVersion]:
    """The latest version of each rule by id, from the one after `after` on; `ended` ones if asked.

    One more than `limit`, so that the page knows of the next.
    """
    newer = aliased(RuleVersion)
    is_newer = (newer.id == RuleVersion.id) & (newer.version > RuleVersion.version)
    query = select(RuleVersion).where(~select(newer.id).where(is_newer).exists())
    if not ended:
        query = query.where(RuleVersion.superseded_at.is_(None))
    if after is not None:
        query = query.where(RuleVersion.id > after)
    return db.session.scalars(query.order_by(RuleVersion.id).limit(limit + 1)).all()


def create(given: Mapping[str, Any], *, actor: Principal, now: datetime) -> RuleVersion:
    """A new rule. It counts for orders placed from now on, or from an earlier `starts_at`.

    `given` is a document that `RuleIn` validated; without a name the rule is called by its kind.
    Raises `TooManyRules`.
    """
    _lock()
    still_open = RuleVersion.superseded_at.is_(None)
    if (db.session.scalar(select(func.count()).where(still_open)) or 0) >= MOST_RULES:
        raise TooManyRules(most=MOST_RULES)
    row = _version(uuid7(), 1, given, actor, now, since=_second(now))
    if row.starts_at is not None:
        row.valid_from = min(row.valid_from, row.starts_at)
    _write(row)
    _audit("rule.created", row, now, after=row)
    return row


def revise(
    rule_id: UUID, given: Mapping[str, Any], *, actor: Principal, now: datetime
) -> RuleVersion:
    """A new version, whole: counts for orders placed from now on; until now the old one does.

    A `version` in `given` must be the newest one. Raises `RuleNotFound`, `RuleEnded`,
    `RuleChanged`.
    """
    _lock()
    old, given = _open_version(rule_id), dict(given)
    if given.pop("version", old.version) != old.version:
        raise RuleChanged(version=old.version)
    old.superseded_at = since = max(_second(now), old.valid_from)
    db.session.flush()
    row = _version(rule_id, old.version + 1, given, actor, now, since=since)
    _write(row)
    _audit("rule.changed", row, now, before=old, after=row)
    return row


def end(rule_id: UUID, *, now: datetime) -> None:
    """End a rule: it counts for no order placed from now on. Ending it again changes nothing.

    Raises `RuleNotFound`.
    """
    _lock()
    try:
        row = _open_version(rule_id)
    except RuleEnded:
        return
    row.superseded_at = max(_second(now), row.valid_from)
    db.session.flush()
    rulebook.forget()
    _audit("rule.ended", row, now, before=row)


def document(row: RuleVersion) -> dict[str, Any]:
    """A version of a rule as the contract shows it."""
    return row.document | {
        "id": row.id,
        "version": row.version,
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
        "valid_from": row.valid_from,
        "ended_at": row.superseded_at,
    }


def _lock() -> None:
    """Changes of the rulebook wait for each other."""
    db.session.execute(select(RulebookStamp.stamp).with_for_update())


def _open_version(rule_id: UUID) -> RuleVersion:
    query = (
        select(RuleVersion).where(RuleVersion.id == rule_id).order_by(RuleVersion.version.desc())
    )
    row = db.session.scalars(query.limit(1).execution_options(populate_existing=True)).first()
    if row is None:
        raise RuleNotFound()
    if row.superseded_at is not None:
        raise RuleEnded()
    return row


def _second(now: datetime) -> datetime:
    return now.replace(microsecond=0)


def _version(
    rule_id: UUID,
    version: int,
    given: Mapping[str, Any],
    actor: Principal,
    now: datetime,
    *,
    since: datetime,
) -> RuleVersion:
    settings = {"name": given["kind"], **given}
    return RuleVersion(
        id=rule_id,
        version=version,
        starts_at=settings.pop("starts_at", None),
        ends_at=settings.pop("ends_at", None),
        document=settings,
        valid_from=since,
        created_by=actor.name,
        created_at=now,
    )


def _write(row: RuleVersion) -> None:
    db.session.add(row)
    db.session.flush()
    rulebook.forget()


def _audit(
    action: str,
    row: RuleVersion,
    now: datetime,
    *,
    before: RuleVersion | None = None,
    after: RuleVersion | None = None,
) -> None:
    def told(version: RuleVersion | None) -> dict[str, Any] | None:
        if version is None:
            return None
        window = {"starts_at": version.starts_at, "ends_at": version.ends_at}
        texts = {name: at and at.isoformat() for name, at in window.items()}
        return {"version": version.version, **texts, **version.document}

    audit.record(action, "points_rule", row.id, now=now, before=told(before), after=told(after))
