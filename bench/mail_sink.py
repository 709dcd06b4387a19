"""A mail server that takes everything and keeps nothing, for where Debian's smtp-sink is missing.

It is slower than smtp-sink and shares the machine, so rates against it flatter nobody. It can let
everybody wait for each answer, as a server far away does.
"""

import selectors
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import partial


class _Line:
    """One client: what it said, and whether a text is under way."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.said, self.in_text = sock, b"", False
        self.late: deque[tuple[float, bytes]] = deque()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(b"220 sink\r\n")

    def serve(self, delay: float) -> bool:
        """Answer what has come, after `delay` seconds; False when the client has gone."""
        data = self.sock.recv(262_144)
        if not data:
            return False
        self.said += data
        answers = []
        while True:
            if self.in_text:
                end = self.said.find(b"\r\n.\r\n")
                if end < 0:
                    break
                self.said, self.in_text = self.said[end + 5 :], False
                answers.append(b"250 taken\r\n")
                continue
            line, found, rest = self.said.partition(b"\r\n")
            if not found:
                break
            self.said = rest
            answers.append(self._answer(line[:4].upper()))
        if answers and delay:
            self.late.append((time.monotonic() + delay, b"".join(answers)))
        elif answers:
            self.sock.sendall(b"".join(answers))
        return True

    def send_late(self, now: float) -> bool:
        """Send the answers whose time has come."""
        while self.late and self.late[0][0] <= now:
            self.sock.sendall(self.late.popleft()[1])
        return True

    def _answer(self, verb: bytes) -> bytes:
        if verb == b"EHLO":
            return b"250-sink\r\n250 PIPELINING\r\n"
        if verb == b"DATA":
            self.in_text = True
            return b"354 go on\r\n"
        return b"250 fine\r\n"


def main(port: int, delay: float) -> None:
    """Serve until killed."""
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("127.0.0.1", port), backlog=256)
    selector.register(listener, selectors.EVENT_READ, None)
    lines: set[_Line] = set()
    while True:
        due = min((line.late[0][0] for line in lines if line.late), default=None)
        wait = None if due is None else max(due - time.monotonic(), 0)
        for key, _ in selector.select(wait):
            if key.data is None:
                line = _Line(listener.accept()[0])
                lines.add(line)
                selector.register(line.sock, selectors.EVENT_READ, line)
            elif not _alive(partial(key.data.serve, delay)):
                selector.unregister(key.fileobj)
                lines.discard(key.data)
                key.data.sock.close()
        now = time.monotonic()
        for line in lines:
            _alive(partial(line.send_late, now))


def _alive(do: Callable[[], bool]) -> bool:
    try:
        return do()
    except OSError:
        return False


if __name__ == "__main__":
    main(int(sys.argv[1]), float((sys.argv[2:] or ["0"])[0]))
