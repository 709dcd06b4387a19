"""All versions of the programme and its rules, in memory, by the instants they count for.

A process reads them again only when their stamp has changed: one tiny statement per transaction.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from crm.db import db
from crm.points.programme_models import ProgrammeVersion, RulebookStamp, RuleVersion
from crm.points.programme_settings import Programme
from crm.points.rule import Rule, rank

MEMO = "points.rulebook"
_newest: "Rulebook | None" = None


class Rulebook:
    """What counts when. Immutable to its readers; answers are remembered between turning points."""

    __slots__ = ("_edges", "_in_force", "_programme_edges", "_programmes", "_rules", "stamp")

    def __init__(
        self, stamp: UUID | None, programmes: Sequence[Programme], rules: Sequence[Rule]
    ) -> None:
        assert programmes, "migrations seed version 1 of the programme"
        self.stamp = stamp
        self._programmes = sorted(programmes, key=lambda item: (item.effective_at, item.version))
        self._programme_edges = [item.effective_at for item in self._programmes]
        self._rules = sorted(rules, key=rank)
        self._edges = sorted({edge for rule in rules for edge in rule.turning_points()})
        self._in_force: dict[int, tuple[Rule, ...]] = {}

    def programme_at(self, instant: datetime) -> Programme:
        """The programme in force: latest `effective_at` reached, then highest version.

        Before the first version it is the first.
        """
        return self._programmes[max(bisect_right(self._programme_edges, instant) - 1, 0)]

    def programme(self, version: int) -> Programme:
        """A version of the programme by its number."""
        return next(one for one in self._programmes if one.version == version)

    def rules_at(self, instant: datetime) -> tuple[Rule, ...]:
        """The versions of rules that count for what happens at `instant`, in rank order."""
        span = bisect_right(self._edges, instant)
        found = self._in_force.get(span)
        if found is None:
            found = tuple(rule for rule in self._rules if rule.in_force(instant))
            self._in_force[span] = found
        return found

    def rule(self, rule_id: UUID, version: int) -> Rule:
        """A version of a rule, whether it counts or not."""
        return next(one for one in self._rules if (one.id, one.version) == (rule_id, version))

    def around(self, instant: datetime) -> tuple[Rule, ...]:
        """What a member may have had in mind at `instant`, in rank order: of each rule the version
        recorded then or, if it was ended within a month before, the last; so that begins or ends
        within a month of `instant`.
        """
        nearest: dict[UUID, Rule] = {}
        for rule in self._rules:
            known = nearest.get(rule.id)
            if rule.valid_from <= instant and (known is None or rule.version > known.version):
                nearest[rule.id] = rule
        return tuple(sorted((one for one in nearest.values() if one.is_near(instant)), key=rank))

    def latest_version(self) -> int:
        """The highest version number of the programme."""
        return max(item.version for item in self._programmes)


def load() -> Rulebook:
    """The rulebook as this transaction sees it; one statement at most once per transaction."""
    global _newest
    session = db.session()
    known = session.info.get(MEMO)
    if known is not None and known[0] is _transaction():
        return known[1]
    stamp = session.scalar(select(RulebookStamp.stamp))
    found = _newest
    if found is None or stamp is None or found.stamp != stamp:
        found = _newest = _read(stamp)
    session.info[MEMO] = (_transaction(), found)
    return found


def forget() -> None:
    """Let the next `load` of this transaction ask again, because it changed something."""
    db.session().info.pop(MEMO, None)


def _transaction() -> object:
    """The innermost transaction: what a rolled-back savepoint changed must not be remembered."""
    session = db.session()
    return session.get_nested_transaction() or session.get_transaction()


def _read(stamp: UUID | None) -> Rulebook:
    # The stamp was read first: rows newer than it only mean that the next transaction reads again.
    return Rulebook(stamp, _programmes(), _rules())


def _programmes() -> list[Programme]:
    """Every version, with the one currency that the programme has: the newest version's."""
    columns = ProgrammeVersion.version, ProgrammeVersion.effective_at, ProgrammeVersion.document
    rows = db.session.execute(select(*columns).order_by(ProgrammeVersion.version)).all()
    currency = rows[-1].document["currency"]
    return [Programme.parse(*row, currency=currency) for row in rows]


def _rules() -> list[Rule]:
    """Every version of every rule."""
    columns = (
        RuleVersion.document,
        RuleVersion.id,
        RuleVersion.version,
        RuleVersion.valid_from,
        RuleVersion.superseded_at,
        RuleVersion.starts_at,
        RuleVersion.ends_at,
    )
    return [Rule.parse(**row) for row in db.session.execute(select(*columns)).mappings()]
