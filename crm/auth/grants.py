"""Nobody passes on more than they hold: who may give which permissions."""

from collections.abc import Iterable

from crm.errors import N_, Forbidden
from crm.http.principal import Principal


class ScopeNotHeld(Forbidden):
    """Keys, roles and passwords give no more than their giver has (403); `missing` lists it."""

    code = "scope_not_held"
    detail = N_("You can't pass on permissions that you don't have yourself: {missing}.")


def require_held(by: Principal, permissions: Iterable[str]) -> None:
    """Raise `ScopeNotHeld` unless `by` has all of these; the system may give anything."""
    missing = sorted(set(permissions) - by.permissions)
    if missing and by.kind != "system":
        raise ScopeNotHeld(missing=", ".join(missing))
