"""What a gateway told, whatever its form: a receipt or a reply."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Kind(StrEnum):
    """What became of a message after it was sent."""

    DELIVERED = "delivered"
    FAILED = "failed"  # it did not arrive this time
    BOUNCED = "bounced"  # nobody can be reached at this address
    COMPLAINED = "complained"
    OPENED = "opened"
    CLICKED = "clicked"


@dataclass(frozen=True, slots=True)
class Receipt:
    """`event` is unique at the provider. The message is named by our id, or by its `ref`."""

    provider: str
    event: str
    kind: Kind
    at: datetime
    message_id: UUID | None = None
    ref: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody wrote back. `address` as the provider writes it, a phone with its country."""

    provider: str
    event: str
    address: str
    text: str
    at: datetime
