"""The connections of one process to one mail server."""

import time

from crm.messages.channels.smtp.connecting import Server, Trouble, open_many
from crm.messages.channels.smtp.line import Line

HELD_SECONDS = 60  # how long no more connections are asked for than the server gave
FRESH_SECONDS = 20  # a connection that rested longer may have been closed by the server


class Lines:
    """They stay open between batches."""

    def __init__(self, server: Server, most: int) -> None:
        self.server, self.most = server, most
        self.lines: list[Line] = []
        self.held_to, self.held_until = most, 0.0
        self.trouble: Trouble | None = None  # why there are none, or fewer

    def ready(self, wanted: int) -> list[Line]:
        """At most `wanted` connections that take letters; opens what is missing."""
        self._drop_the_tired()
        now = time.monotonic()
        wanted = min(wanted, self.most if now >= self.held_until else self.held_to)
        missing = wanted - len(self.lines)
        opened, trouble = open_many(self.server, missing)
        if missing > 0:
            self.trouble = trouble
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
