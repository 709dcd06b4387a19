"""Audiences inside audiences: found, entered one by one, and never in a circle."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm.db import db
from crm.segments.audiences import parsing
from crm.segments.audiences.errors import AudienceCycle, AudienceNotFound, AudienceTooLarge
from crm.segments.audiences.models import Audience
from crm.segments.audiences.parsing import MOST_CONDITIONS, Node, conditions

FIELD = "audience"
MOST_IN_ALL = 3 * MOST_CONDITIONS


class Loader:
    """Reads audiences that others refer to, each once, and counts what they come to."""

    def __init__(self, instead: Mapping[UUID, Node | None] | None = None) -> None:
        self._known: dict[UUID, Node | None] = dict(instead or {})
        self._inside: list[UUID] = []
        self._conditions = 0

    @contextmanager
    def entered(self, audience_id: UUID) -> Iterator[Node | None]:
        """The audience's tree, None for a list, while what it refers to is read.

        Raises `AudienceNotFound`, `AudienceCycle`, `AudienceTooLarge`.
        """
        if audience_id in self._inside:
            raise AudienceCycle(audience=str(audience_id))
        tree = self._tree(audience_id)
        self._conditions += 1 if tree is None else sum(1 for _ in conditions(tree))
        if self._conditions > MOST_IN_ALL:
            raise AudienceTooLarge(most=MOST_IN_ALL)
        self._inside.append(audience_id)
        try:
            yield tree
        finally:
            self._inside.pop()

    def _tree(self, audience_id: UUID) -> Node | None:
        if audience_id not in self._known:
            row = db.session.execute(
                select(Audience.kind, Audience.filter).where(Audience.id == audience_id)
            ).one_or_none()
            if row is None:
                raise AudienceNotFound(audience=str(audience_id))
            self._known[audience_id] = None if row.kind == "list" else parsing.read(row.filter)
        return self._known[audience_id]


def check(node: Node, loader: Loader) -> None:
    """Walk through all that a tree refers to, as evaluating it will.

    Raises `AudienceNotFound`, `AudienceCycle`, `AudienceTooLarge`.
    """
    for one in conditions(node):
        if one.field.kind.name != "reference":
            continue
        for audience_id in one.value if isinstance(one.value, list) else [one.value]:
            with loader.entered(audience_id) as tree:
                if tree is not None:
                    check(tree, loader)


def referred(given: Mapping[str, Any] | None) -> set[UUID]:
    """The audiences that a filter names itself."""
    if given is None:
        return set()
    found: set[UUID] = set()
    for one in conditions(parsing.read(given)):
        if one.field.kind.name == "reference":
            found.update(one.value if isinstance(one.value, list) else [one.value])
    return found
