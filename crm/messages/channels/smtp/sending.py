"""Sending a batch over many connections by one loop, without a thread per connection.

Each letter ends as: taken; refused; later; or in doubt, when the connection broke after its end
had left and before an answer came. What broke earlier surely did not arrive and is sent again.
A letter is begun only after the journal says so; the next are written there meanwhile.
"""

import logging
import selectors
import socket
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future

from crm.messages.channels.provider import (
    Accepted,
    Ambiguous,
    Journal,
    Outcome,
    TryLater,
    Withdrawn,
)
from crm.messages.channels.smtp.line import Letter, Line, Lost
from crm.messages.channels.smtp.lines import Lines

logger = logging.getLogger(__name__)
MOST_TRIES = 3  # of one letter on connections that break before its text
AHEAD = 2  # letters per connection that are written into the journal at once
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Sending:
    """One batch on its way."""

    def __init__(
        self,
        lines: Lines,
        letters: Sequence[Letter],
        seconds: float,
        journal: Journal | None = None,
    ) -> None:
        self.lines, self.letters, self.journal = lines, letters, journal
        self.patience = lines.server.seconds  # with which an answer is waited for
        self.queue: deque[Letter] = deque(letters)  # not in the journal yet
        self.clear: deque[Letter] = deque()  # may be begun
        if journal is None:
            self.queue, self.clear = self.clear, self.queue
        self.asked: list[Letter] = []  # being written into the journal
        self.answer: Future[frozenset[int]] | None = None
        self.idle: list[Line] = []  # connections that wait for it
        self.outcomes: dict[int, Outcome] = {}
        self.selector = selectors.DefaultSelector()
        self.at_work: set[Line] = set()
        self.now = time.monotonic()  # as of the last wait: asking for each letter adds up
        self.end = self.now + seconds
        self.bell, self.ringing = socket.socketpair()

    def run(self) -> list[Outcome]:
        """Send them all; the outcomes in the order of the letters."""
        self.bell.setblocking(False)
        self.selector.register(self.bell, READ, None)
        try:
            self._ask()
            while (self.queue or self.clear or self.asked) and self._start():
                self._loop()
        finally:
            self.selector.close()
            if self.answer is None or self.answer.done():
                self.ringing.close()
            self.bell.close()
        nothing = TryLater(self.lines.trouble or "unreachable", counts=False)
        return [self.outcomes.get(one.place, nothing) for one in self.letters]

    def _start(self) -> bool:
        """Set connections to work; False when there are none, or no time is left."""
        if time.monotonic() >= self.end:
            return False
        ready = self.lines.ready(len(self.queue) + len(self.clear) + len(self.asked))
        self.now = time.monotonic()
        for line in ready:
            self.selector.register(line, READ, line)
            line.watched = READ
            self.at_work.add(line)
            self._next(line)
        return bool(self.at_work) or not (self.queue or self.clear or self.asked)

    def _loop(self) -> None:
        """Until every connection has nothing more to do, or broke."""
        soonest = 0.0  # deadlines only move away, so they are looked at when the first may be due
        while self.at_work:
            if self.now >= soonest:
                for line in [one for one in self.at_work if one.deadline <= self.now]:
                    self._break(line, "no answer in time", again=False)
                soonest = min((line.deadline for line in self.at_work), default=self.now)
                continue
            ready = self.selector.select(soonest - self.now)
            self.now = time.monotonic()
            for key, events in ready:
                line: Line | None = key.data
                if line is None:
                    self._answered()
                elif line in self.at_work:
                    self._serve(line, events)

    def _ask(self) -> None:
        """Write the next letters into the journal."""
        if self.journal is None or self.answer is not None or not self.queue:
            return
        most = AHEAD * self.lines.most
        self.asked = [self.queue.popleft() for _ in range(min(most, len(self.queue)))]
        self.answer = self.journal.begin([letter.place for letter in self.asked])
        if self.answer.done():
            self._take_answer()
        else:
            self.answer.add_done_callback(lambda _, bell=self.ringing: _ring(bell))

    def _answered(self) -> None:
        """The bell rang: what was asked is in the journal, or never will be."""
        self.bell.recv(16)
        self._take_answer()
        idle, self.idle = self.idle, []
        for line in idle:
            if line in self.at_work:
                self._next(line)

    def _take_answer(self) -> None:
        assert self.answer is not None
        answer, asked, self.answer, self.asked = self.answer, self.asked, None, []
        error = answer.exception()
        if error is not None:
            logger.warning("nothing more of this batch is begun: %s", error or type(error).__name__)
            self.queue.clear()  # and stays without an outcome: it was not begun
            return
        withdrawn = answer.result()
        for letter in asked:
            if letter.place in withdrawn:
                self.outcomes[letter.place] = Withdrawn()
            else:
                self.clear.append(letter)

    def _serve(self, line: Line, events: int) -> None:
        try:
            if events & WRITE:
                line.flush()
            if events & READ:
                for reply in line.receive():
                    decided = line.hear(reply, self._following)
                    if decided is not None and decided.outcome is not None:
                        self._decided(decided, decided.outcome)
                line.flush()
        except Lost as lost:
            self._break(line, str(lost))
            return
        if line.is_free:
            self._next(line)
        else:
            self._watch(line)

    def _decided(self, letter: Letter, outcome: Outcome) -> None:
        self.outcomes[letter.place] = outcome
        if self.journal is not None and isinstance(outcome, Accepted):
            self.journal.took(letter.place)

    def _following(self) -> Letter | None:
        if len(self.clear) <= self.lines.most:
            self._ask()
        if not self.clear or self.now >= self.end:
            return None
        return self.clear.popleft()

    def _next(self, line: Line) -> None:
        """Give a free connection its next letter, or let it wait for one, or rest."""
        letter = self._following()
        if letter is None:
            if self.answer is not None and self.now < self.end:
                self.idle.append(line)
                self._watch(line)
            else:
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
        line.deadline = min(self.now + self.patience, self.end)
        wanted = READ | WRITE if line.out else READ
        if line.watched != wanted:
            self.selector.modify(line, wanted, line)
            line.watched = wanted

    def _rest(self, line: Line) -> None:
        line.used_at = self.now
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
                self.clear.appendleft(current)
            else:
                self.outcomes[current.place] = TryLater(why, counts=False)
        if behind is not None:
            self.clear.appendleft(behind)


def _ring(bell: socket.socket) -> None:
    try:
        bell.send(b"!")
    except OSError:
        bell.close()  # nobody waits any more
