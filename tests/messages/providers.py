"""A provider that answers as a test tells it to: the outside world of delivery."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from crm.messages.channels.provider import Accepted, Outcome, Outgoing


class Scripted:
    """Answers by `script` (else accepts), and remembers who called with what."""

    name, batch, honours_references = "scripted", 50, False

    def __init__(self, script: Callable[[Outgoing], Outcome | None] = lambda one: None) -> None:
        self.script = script
        self.calls: Counter[UUID] = Counter()
        self.answers: dict[UUID, Outcome] = {}

    def send(self, batch: Sequence[Outgoing], *, seconds: float) -> Sequence[Outcome]:
        found = []
        for one in batch:
            self.calls[one.id] += 1
            found.append(self.script(one) or Accepted(f"ref {one.id}"))
        return found

    def look_up(self, ids: Sequence[UUID]) -> Mapping[UUID, Outcome]:
        return {one: self.answers[one] for one in ids if one in self.answers}
