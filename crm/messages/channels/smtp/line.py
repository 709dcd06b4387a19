"""One connection at work: which replies are due, what has left, what is in doubt if it breaks.

A letter's envelope goes in one packet where the server allows it, and the next letter's envelope
travels behind the last one's text, so that a letter costs one round trip.
"""

import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from crm.messages.channels.provider import Outcome
from crm.messages.channels.smtp.connecting import Opened
from crm.messages.channels.smtp.replies import Garbled, Reader, Reply, meaning

CHUNK = 65_536
WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Lost(Exception):
    """The connection is of no more use."""


@dataclass(slots=True)
class Letter:
    """A letter of a batch: its place there, its envelope, and its text once it is needed."""

    place: int
    sender: str
    recipient: str
    write: Callable[[], bytes]
    outcome: Outcome | None = None
    tries: int = 0


Following = Callable[[], Letter | None]  # gives a letter to send behind a text
Heard = Callable[[Reply, Letter, Following], Letter | None]


class Line:
    """A connection and the letters on it: at most one whose text is out, and one behind it."""

    def __init__(self, opened: Opened) -> None:
        self.sock, self.pipelining = opened.sock, opened.pipelining
        self.pending: Callable[[], int] = getattr(opened.sock, "pending", int)
        self.reader = Reader()
        self.due: deque[tuple[Heard, Letter]] = deque()  # what each reply answers, of which letter
        self.commands: deque[bytes] = deque()  # one by one, where the server wants them so
        self.out = bytearray()
        self.dirty = False  # an envelope was begun and given up: the server must forget it
        self.current: Letter | None = None  # whose envelope or text is under way
        self.behind: Letter | None = None  # whose envelope travels behind that text
        self.text_left: int | None = None  # bytes of the current text still here; None: not begun
        self.deadline = 0.0
        self.watched = 0  # the events that the selector was told
        self.used_at = 0.0

    def fileno(self) -> int:
        """For selectors."""
        return self.sock.fileno()

    @property
    def is_free(self) -> bool:
        """Whether it can begin a letter."""
        return self.current is None

    @property
    def wants_to_write(self) -> bool:
        """Whether something waits to leave."""
        return bool(self.out)

    @property
    def in_doubt(self) -> bool:
        """Whether the current letter may arrive although no reply came: its end has left."""
        return self.text_left == 0

    def begin(self, letter: Letter) -> None:
        """Send a letter's envelope. Raises `Lost`."""
        assert self.current is None
        self.current = letter
        self._envelope(letter)
        self.flush()

    def receive(self) -> list[Reply]:
        """Replies that have arrived. Raises `Lost` when the server hung up or talks nonsense."""
        try:
            data = self.sock.recv(CHUNK)
            while pending := self.pending():
                data += self.sock.recv(pending)
        except WOULD_BLOCK:
            return []
        except OSError as error:
            raise Lost(str(error)) from error
        if not data:
            raise Lost("the server hung up")
        try:
            return self.reader.feed(data)
        except Garbled:
            raise Lost("the server talks nonsense") from None

    def hear(self, reply: Reply, following: Following) -> Letter | None:
        """Take a reply; returns the letter whose `outcome` it decided, if it did. What is to be
        said to it waits for `flush`. Raises `Lost`."""
        if not self.due or (reply.closes and self.due[0][0] != self._taken):
            raise Lost(reply.said())
        heard, letter = self.due.popleft()
        if self.commands:
            self.out += self.commands.popleft()
        return heard(reply, letter, following)

    def _envelope(self, letter: Letter) -> None:
        letter.outcome = None
        sender = f"MAIL FROM:<{letter.sender}>\r\n"
        recipient = f"RCPT TO:<{letter.recipient}>\r\n"
        if self.dirty:
            sender = f"RSET\r\n{sender}"
            self.due.append((self._nothing, letter))
            self.dirty = False
        self.due += (
            (self._sender_heard, letter),
            (self._recipient_heard, letter),
            (self._may_write, letter),
        )
        if self.pipelining:
            self.out += f"{sender}{recipient}DATA\r\n".encode("ascii")
        else:
            first, *rest = f"{sender}{recipient}DATA\r\n".encode("ascii").splitlines(keepends=True)
            self.out += first
            self.commands.extend(rest)

    def _nothing(self, reply: Reply, letter: Letter, following: Following) -> None:
        """It answers a RSET, or the end of a text that was none."""

    def _sender_heard(self, reply: Reply, letter: Letter, following: Following) -> None:
        if reply.code not in (250, 251, 252) and letter.outcome is None:
            letter.outcome = meaning(reply)

    def _recipient_heard(self, reply: Reply, letter: Letter, following: Following) -> None:
        if reply.code not in (250, 251, 252) and letter.outcome is None:
            letter.outcome = meaning(reply, of_recipient=True)

    def _may_write(self, reply: Reply, letter: Letter, following: Following) -> Letter | None:
        if reply.code != 354:
            letter.outcome = letter.outcome or meaning(reply)
            self.dirty = True
            return self._end(letter)
        if letter.outcome is not None:  # a server that takes texts for nobody: give it none
            self.due.append((self._nothing, letter))
            self.out += b".\r\n"
            self.dirty = True
            return self._end(letter)
        self.due.append((self._taken, letter))
        self.out += letter.write()
        self.text_left = len(self.out)
        if self.pipelining:
            self.behind = following()
            if self.behind is not None:
                self._envelope(self.behind)
        return None

    def _taken(self, reply: Reply, letter: Letter, following: Following) -> Letter:
        letter.outcome = meaning(reply)
        return self._end(letter)

    def _end(self, letter: Letter) -> Letter:
        self.current, self.behind, self.text_left = self.behind, None, None
        return letter

    def flush(self) -> None:
        """Send what can be sent without waiting. Raises `Lost`."""
        while self.out:
            try:
                sent = self.sock.send(self.out)
            except WOULD_BLOCK:
                return
            except OSError as error:
                raise Lost(str(error)) from error
            del self.out[:sent]
            if self.text_left:
                self.text_left = max(self.text_left - sent, 0)

    def close(self) -> None:
        """Hang up."""
        self.sock.close()
