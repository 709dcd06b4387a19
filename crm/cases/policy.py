"""What new cases follow unless told otherwise: in how many days they are due, and whose they are.

The default is two days, and the owner found by `owners`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from crm.cases import owners
from crm.cases.models import CasePolicy
from crm.policies import Versions

VERSIONS = Versions(CasePolicy, {"due_days": 2, "owner": None})
current = VERSIONS.document


def put(body: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """As `Versions.put`. Raises `CaseOwnerUnknown`."""
    if body.get("owner") is not None:
        owner = UUID(str(body["owner"]))
        owners.require(owner, pointer="/owner")
        body = {**body, "owner": str(owner)}
    return VERSIONS.put(body, now=now)
