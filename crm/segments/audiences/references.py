"""Audiences inside audiences: found, entered one by one, and never in a circle."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy import select

from crm.db import db
from crm.segments.audiences import parsing
from crm.segments.audiences.errors import AudienceCycle, AudienceNotFound, AudienceTooLarge
from crm.segments.audiences.field import Field
from crm.segments.audiences.kinds import IDS
from crm.segments.audiences.models import Audience
from crm.segments.audiences.parsing import MOST_CONDITIONS, Condition, Group, Node, conditions

# Who was uploaded and then merged counts as the one that lives on.
LISTED = Field(
    "audience.list",
    "",
    "",
    IDS,
    """
    SELECT l.member_id FROM audience_member l WHERE {match}
    UNION ALL
    SELECT x.merged_into FROM member x JOIN audience_member l ON l.member_id = x.id
    WHERE x.merged_into IS NOT NULL AND {match}""",
    column="l.audience_id",
)
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


def expanded(node: Node, loader: Loader) -> Node:
    """The tree with what it refers to in the places of the references; lists stay conditions.

    Raises `AudienceNotFound`, `AudienceCycle`, `AudienceTooLarge`.
    """
    if isinstance(node, Group):
        return Group(node.how, tuple(expanded(part, loader) for part in node.parts))
    if node.field.kind.name != "reference":
        return node
    ids = node.value if isinstance(node.value, list) else [node.value]
    return Group("any", tuple(_referred(one, loader) for one in ids))


def _referred(audience_id: UUID, loader: Loader) -> Node:
    with loader.entered(audience_id) as tree:
        if tree is None:
            return Condition(LISTED, "has", audience_id)
        return expanded(tree, loader)
