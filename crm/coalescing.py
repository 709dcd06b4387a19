"""Calls that come while the database is busy with others go to it together.

A statement for eight costs PostgreSQL a quarter of eight statements: one plan, one commit, one
round trip. Nobody waits for company: who finds a lane free goes at once, alone.
"""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class _Call(Generic[Asked, Answer]):
    """One caller: `turn` opens when he is answered, or when he is to lead `party`."""

    __slots__ = ("answer", "answered", "asked", "party", "turn")

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.answered = False
        self.answer: Answer | None = None
        self.party: list[_Call[Asked, Answer]] = []
        self.turn = Lock()


class Coalescer(Generic[Asked, Answer]):
    """Gathers the calls of a process's threads into parties of at most `most`.

    `run` takes what was asked and returns the answers in the same order, all or nothing: when it
    fails for a party, each of them asks again alone, so that an error belongs to one caller.
    `lanes` parties are on the way at a time.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Asked]], Sequence[Answer]],
        *,
        lanes: int,
        most: int,
    ) -> None:
        self._run = run
        self._most = most
        self._free = lanes
        self._lock = Lock()
        self._waiting: list[_Call[Asked, Answer]] = []

    def ask(self, asked: Asked) -> Answer:
        """The answer to one call; raises what `run` raises for it alone."""
        call: _Call[Asked, Answer] = _Call(asked)
        if not self._goes_at_once(call):
            call.turn.acquire()
        if call.party:
            self._lead(call.party)
        if call.answered:
            return call.answer  # type: ignore[return-value]  # answered
        return self._run([asked])[0]

    def _goes_at_once(self, call: _Call[Asked, Answer]) -> bool:
        with self._lock:
            if self._free:
                self._free -= 1
                call.party = [call]
                return True
            call.turn.acquire()
            self._waiting.append(call)
            return False

    def _lead(self, party: list[_Call[Asked, Answer]]) -> None:
        """Ask for all of a party, hand the lane on, and send everybody home."""
        try:
            answers = self._run([call.asked for call in party])
            for call, answer in zip(party, answers, strict=True):
                call.answer, call.answered = answer, True
        except Exception:
            if len(party) == 1:
                raise
        finally:
            self._hand_on()
            for call in party[1:]:
                call.turn.release()

    def _hand_on(self) -> None:
        with self._lock:
            if not self._waiting:
                self._free += 1
                return
            party, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        party[0].party = party
        party[0].turn.release()
