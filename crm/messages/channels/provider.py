"""What a provider gets, what it answers, and the protocol between.

A provider is asked for a batch at once and answers for every message of it. The message's id is
the reference of its call: a provider that honours references does nothing twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Protocol
from uuid import UUID

from crm.messages.wording import Language

__all__ = [
    "Accepted",
    "Ambiguous",
    "Careful",
    "Journal",
    "Outcome",
    "Outgoing",
    "Provider",
    "Refused",
    "TryLater",
    "Withdrawn",
]


@dataclass(slots=True)  # not frozen: that would cost more than all the rest of making one
class Outgoing:
    """One message on its way: what it says is `language` with `values` in its holes.

    `given` are the values by name, for channels that want them apart (SMS by template number).
    `unsubscribe` is the address that opts the member out at once; None for service messages.
    `by_consent`: it goes only as long as the member does not object (all but tests).
    """

    id: UUID
    fence: int
    member_id: UUID
    purpose: str
    address: str
    language: Language
    values: Sequence[str]
    given: Mapping[str, Any]
    template: tuple[UUID, int]
    attempt: int
    unsubscribe: str | None
    by_consent: bool = True

    def part(self, name: str) -> str | None:
        """One part (`subject`, `text`, `html`) as the member reads it."""
        form = self.language.parts.get(name)
        return form.filled(self.values) if form else None


@dataclass(slots=True)
class Accepted:
    """The provider took it. `price` in minor units, when it says so."""

    ref: str | None = None
    segments: int | None = None
    price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never take it. `bad_address`: nobody can be reached there, so nothing is sent there
    any more."""

    code: str
    bad_address: bool = False


@dataclass(frozen=True, slots=True)
class TryLater:
    """Not now. `counts`: it was a try for this message; otherwise the provider could not be
    reached at all, which says nothing about the message. `at_once`: there is nothing to wait for.
    """

    code: str
    after_seconds: float | None = None
    counts: bool = True
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """It may have been sent: the answer was lost."""

    code: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """It was not sent: the member opted out after he was judged."""


Outcome = Accepted | Refused | TryLater | Ambiguous | Withdrawn


class Journal(Protocol):
    """Where a provider without references says what it begins (`crm.messages.flight`)."""

    def begin(self, places: Iterable[int]) -> Future[frozenset[int]]:
        """Say that these places of the batch will be begun; the future tells which must not be.
        None of them may be begun before it is there, nor if it raises."""
        ...

    def took(self, place: int) -> None:
        """The provider took this one."""
        ...


class Provider(Protocol):
    """Takes messages of one channel. `name` is its token bucket and stands in each message.

    `batch`: most messages of one call; so many may be in doubt when a worker dies, unless the
    provider is `Careful`.
    `honours_references`: sending one id again has no second effect.
    """

    name: str
    batch: int
    honours_references: ClassVar[bool]

    def send(self, batch: Sequence[Outgoing], *, seconds: float) -> Sequence[Outcome]:
        """Send them, and answer for each in the same order, within `seconds`. What was not begun
        in time is `TryLater(counts=False)`. Called outside any transaction; never raises for what
        the world does."""
        ...

    def look_up(self, ids: Sequence[UUID]) -> Mapping[UUID, Outcome]:
        """What became of messages whose answer was lost, where the provider can be asked; those
        it does not know of are `TryLater`. Providers that can't be asked answer nothing."""
        ...


class Careful(Protocol):
    """A provider that knows no references, and so writes down what it begins before it does."""

    name: str
    batch: int
    honours_references: ClassVar[bool]
    keeps_journal: ClassVar[bool]

    def send(
        self, batch: Sequence[Outgoing], *, seconds: float, journal: Journal | None = None
    ) -> Sequence[Outcome]:
        """As `Provider.send`."""
        ...

    def look_up(self, ids: Sequence[UUID]) -> Mapping[UUID, Outcome]:
        """As `Provider.look_up`."""
        ...
