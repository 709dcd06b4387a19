"""Who is asking: an API key, a member of staff, or the system itself."""

from dataclasses import dataclass
from uuid import UUID

from flask import g

from crm.errors import Forbidden


@dataclass(frozen=True)
class Principal:
    """The one that a request is answered for. `role` and `store` are set for staff only."""

    kind: str  # "key", "staff" or "system"
    id: UUID | None
    name: str
    permissions: frozenset[str]
    role: str | None = None
    store: str | None = None
    member_id: UUID | None = None  # the member record of a member of staff, where there is one

    def may(self, permission: str) -> bool:
        """Whether this permission is held."""
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Raise `Forbidden` unless this permission is held."""
        if not self.may(permission):
            raise Forbidden(needs=permission)


SYSTEM = Principal("system", None, "system", frozenset())


def principal() -> Principal:
    """The principal of this request; the system itself in jobs and commands."""
    return g.get("principal", SYSTEM)
