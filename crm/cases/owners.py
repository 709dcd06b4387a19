"""Who looks after a case: named by somebody, by the policy, or found."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import text

from crm.cases.errors import CaseOwnerUnknown
from crm.db import db
from crm.http.permissions import ROLES

ABLE = tuple(sorted(role for role, held in ROLES.items() if "cases:write" in held))

# Those of the shop first, then who minds all of them; who manages before who sells; the one with
# the fewest open cases, then the oldest account, so that the choice is always the same.
FIND = text("""
    SELECT s.id FROM staff s
    LEFT JOIN LATERAL (
        SELECT count(*) AS n FROM member_case c WHERE c.owner_id = s.id AND c.state <> 'closed'
    ) AS busy ON true
    WHERE s.active AND s.role IN ('manager', 'admin')
      AND (s.store IS NULL OR s.store = CAST(:store AS text))
    ORDER BY s.store IS NULL, s.role <> 'manager', busy.n, s.id LIMIT 1
""")
STORE = text("""
    SELECT coalesce(o.store, m.home_store) FROM member m
    LEFT JOIN orders o ON o.id = CAST(:order AS uuid) WHERE m.id = :member
""")
NAMES = text("SELECT id, name, active FROM staff WHERE id = ANY (:ids)")
CHOICES = text("""
    SELECT id, name, role, store FROM staff
    WHERE active AND role = ANY (:roles) ORDER BY name, id LIMIT 500
""")


def require(owner_id: UUID, *, pointer: str) -> UUID:
    """The id again, when it is that of somebody who may look after cases.

    Raises `CaseOwnerUnknown`.
    """
    found = db.session.execute(
        text("SELECT 1 FROM staff WHERE id = :id AND active AND role = ANY (:roles)"),
        {"id": owner_id, "roles": list(ABLE)},
    ).scalar()
    if found is None:
        raise CaseOwnerUnknown(pointer=pointer)
    return owner_id


def find(member_id: UUID, order_id: UUID | None, default: UUID | None) -> UUID | None:
    """The owner of a new case: `default` while that account works, else a manager of the shop
    where it was bought, else one of all shops; None when there is nobody."""
    if default is not None:
        try:
            return require(default, pointer="/owner")
        except CaseOwnerUnknown:
            pass  # disabled since the policy was written: a case is never left lying for that
    store = db.session.scalar(STORE, {"member": member_id, "order": order_id})
    return db.session.scalar(FIND, {"store": store})


def names(ids: Collection[UUID]) -> dict[UUID, str]:
    """What these people are called."""
    if not ids:
        return {}
    return {row.id: row.name for row in db.session.execute(NAMES, {"ids": list(ids)})}


def choices() -> list[tuple[UUID, str]]:
    """Whom a case may be given to, by name."""
    rows = db.session.execute(CHOICES, {"roles": list(ABLE)})
    return [(row.id, row.name) for row in rows]
