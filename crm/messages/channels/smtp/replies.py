"""What an SMTP server says, and what it means for a letter (RFC 5321, RFC 3463)."""

import re
from dataclasses import dataclass
from functools import lru_cache

from crm.messages.channels.provider import Accepted, Outcome, Refused, TryLater

ENHANCED = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})\b")
NOTHING_SAID = re.compile(r"(2\.\d+\.\d+)?\s*(ok)?\s*", re.IGNORECASE)  # no number to keep
LONGEST = 200  # characters kept of what a server says
NOBODY_THERE = {(1, 1), (1, 2), (1, 3), (1, 6), (1, 10), (2, 1)}  # X.1.1 and its like


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: its number and its text."""

    code: int
    text: str

    @property
    def closes(self) -> bool:
        """Whether the server says that it hangs up."""
        return self.code == 421

    def said(self) -> str:
        """The reply in one line."""
        return f"{self.code} {self.text}"[:LONGEST]


class Garbled(Exception):
    """What came is no SMTP."""


class Reader:
    """Cuts what arrives into replies; one reply may have many lines."""

    def __init__(self) -> None:
        self.rest = b""
        self.texts: list[str] = []

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that are whole now. Raises `Garbled`."""
        found = []
        whole = (self.rest + data if self.rest else data).split(b"\n")
        self.rest = whole.pop()
        if len(self.rest) > 4096 or len(self.texts) > 200:
            raise Garbled
        for line in whole:
            reply = self._line(line) if self.texts else _single(line) or self._line(line)
            if reply is not None:
                found.append(reply)
        return found

    def _line(self, line: bytes) -> Reply | None:
        """A line of a reply of several; the reply, if it is the last."""
        if not line[:3].isdigit() or line[3:4] not in (b" ", b"-", b"\r", b""):
            raise Garbled
        self.texts.append(line[4:].decode("utf-8", "replace").strip())
        if line[3:4] == b"-":
            return None
        found = Reply(int(line[:3]), " ".join(self.texts))
        self.texts = []
        return found


@lru_cache(maxsize=512)
def _single(line: bytes) -> Reply | None:
    """A reply of one line; a server says the same few again and again. None if it is not one."""
    if not line[:3].isdigit() or line[3:4] != b" ":
        return None
    return Reply(int(line[:3]), line[4:].decode("utf-8", "replace").strip())


def meaning(reply: Reply, *, of_recipient: bool = False) -> Outcome:
    """What a reply to one letter means: 2xx taken, 4xx later, anything else never.

    `of_recipient`: it answers the address itself, so 5xx can mean that nobody is there.
    """
    if 200 <= reply.code < 300:
        return Accepted(ref=None if NOTHING_SAID.fullmatch(reply.text) else reply.said())
    if 400 <= reply.code < 500:
        return TryLater(reply.said())
    return Refused(reply.said(), bad_address=of_recipient and _nobody_there(reply))


def _nobody_there(reply: Reply) -> bool:
    found = ENHANCED.match(reply.text)
    if found is None:
        return reply.code == 550
    return found[1] == "5" and (int(found[2]), int(found[3])) in NOBODY_THERE
