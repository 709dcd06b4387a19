"""Sending a batch over many connections by one loop, without a thread per connection.

Each letter ends as: taken; refused; later; or in doubt, when the connection broke after its end
had left and before an answer came. What broke earlier surely did not arrive and is sent again.
"""

import selectors
import time
from collections import deque
from collections.abc import Sequence

from crm.messages.channels.provider import Ambiguous, Outcome, TryLater
from crm.messages.channels.smtp.connecting import Server, open_many
from crm.messages.channels.smtp.line import Letter, Line, Lost

MOST_TRIES = 3  # of one letter on connections that break before its text
HELD_SECONDS = 60  # how long no more connections are asked for than the server gave
FRESH_SECONDS = 20  # a connection that rested longer may have been closed by the server


class Lines:
    """The connections of one process to one server; they stay open between batches."""

    def __init__(self, server: Server, most: int) -> None:
        self.server, self.most = server, most
        self.lines: list[Line] = []
        self.held_to, self.held_until = most, 0.0

    def ready(self, wanted: int) -> list[Line]:
        """At most `wanted` connections that take letters; opens what is missing."""
        self._drop_the_tired()
        now = time.monotonic()
        wanted = min(wanted, self.most if now >= self.held_until else self.held_to)
        missing = wanted - len(self.lines)
        opened = open_many(self.server, missing)
        self.lines += [Line(one) for one in opened]
        if len(opened) < missing:  # the server allows no more; asking for each batch costs time
            self.held_to, self.held_until = max(len(self.lines), 1), now + HELD_SECONDS
        return self.lines[:wanted]

    def drop(self, line: Line) -> None:
        """Forget a connection that broke."""
        line.close()
        if line in self.lines:
            self.lines.remove(line)

    def close(self) -> None:
        """Hang up all."""
        for line in list(self.lines):
            self.drop(line)

    def _drop_the_tired(self) -> None:
        for line in list(self.lines):
            if not line.is_free or time.monotonic() - line.used_at > FRESH_SECONDS:
                self.drop(line)


class Sending:
    """One batch on its way."""

    def __init__(self, lines: Lines, letters: Sequence[Letter], seconds: float) -> None:
        self.lines, self.letters = lines, letters
        self.queue: deque[Letter] = deque(letters)
        self.outcomes: dict[int, Outcome] = {}
        self.selector = selectors.DefaultSelector()
        self.at_work: set[Line] = set()
        self.end = time.monotonic() + seconds

    def run(self) -> list[Outcome]:
        """Send them all; the outcomes in the order of the letters."""
        try:
            while self.queue and self._start():
                self._loop()
        finally:
            self.selector.close()
        nothing = TryLater("unreachable", counts=False)
        return [self.outcomes.get(one.place, nothing) for one in self.letters]

    def _start(self) -> bool:
        """Set connections to work; False when there are none, or no time is left."""
        if time.monotonic() >= self.end:
            return False
        for line in self.lines.ready(len(self.queue)):
            self.selector.register(line, selectors.EVENT_READ, line)
            self.at_work.add(line)
            self._next(line)
        return bool(self.at_work) or not self.queue

    def _loop(self) -> None:
        """Until every connection has nothing more to do, or broke."""
        while self.at_work:
            now = time.monotonic()
            for key, events in self.selector.select(self._patience(now)):
                line: Line = key.data
                if line in self.at_work:
                    self._serve(line, events)
            now = time.monotonic()
            for line in [one for one in self.at_work if one.deadline <= now]:
                self._break(line, "no answer in time", again=False)

    def _patience(self, now: float) -> float:
        return max(min(line.deadline for line in self.at_work) - now, 0)

    def _serve(self, line: Line, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                line.flush()
            if events & selectors.EVENT_READ:
                for reply in line.receive():
                    decided = line.hear(reply, self._following)
                    if decided is not None and decided.outcome is not None:
                        self.outcomes[decided.place] = decided.outcome
        except Lost as lost:
            self._break(line, str(lost))
            return
        if line.is_free:
            self._next(line)
        else:
            self._watch(line)

    def _following(self) -> Letter | None:
        if not self.queue or time.monotonic() >= self.end:
            return None
        return self.queue.popleft()

    def _next(self, line: Line) -> None:
        """Give a free connection its next letter, or rest."""
        letter = self._following()
        if letter is None:
            self._rest(line)
            return
        letter.tries += 1
        try:
            line.begin(letter)
        except Lost as lost:
            self._break(line, str(lost))
            return
        self._watch(line)

    def _watch(self, line: Line) -> None:
        line.deadline = min(time.monotonic() + self.lines.server.seconds, self.end)
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.wants_to_write else 0)
        if self.selector.get_key(line).events != wanted:
            self.selector.modify(line, wanted, line)

    def _rest(self, line: Line) -> None:
        line.used_at = time.monotonic()
        self.selector.unregister(line)
        self.at_work.discard(line)

    def _break(self, line: Line, why: str, *, again: bool = True) -> None:
        """A connection broke: what is in doubt stays so, the rest is sent again."""
        self.selector.unregister(line)
        self.at_work.discard(line)
        current, behind = line.current, line.behind
        doubtful = line.in_doubt
        self.lines.drop(line)
        if current is not None and current.place not in self.outcomes:
            if current.outcome is not None:
                self.outcomes[current.place] = current.outcome
            elif doubtful:
                self.outcomes[current.place] = Ambiguous(why)
            elif again and current.tries < MOST_TRIES:
                self.queue.appendleft(current)
            else:
                self.outcomes[current.place] = TryLater(why, counts=False)
        if behind is not None:
            self.queue.appendleft(behind)
