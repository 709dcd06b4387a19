"""A mail server that takes everything and keeps nothing, for where Debian's smtp-sink is missing.

It is slower than smtp-sink and shares the machine, so rates against it flatter nobody.
"""

import selectors
import socket
import sys


class _Line:
    """One client: what it said, and whether a text is under way."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.said, self.in_text = sock, b"", False
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(b"220 sink\r\n")

    def serve(self) -> bool:
        """Answer what has come; False when the client has gone."""
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
        if answers:
            self.sock.sendall(b"".join(answers))
        return True

    def _answer(self, verb: bytes) -> bytes:
        if verb == b"EHLO":
            return b"250-sink\r\n250 PIPELINING\r\n"
        if verb == b"DATA":
            self.in_text = True
            return b"354 go on\r\n"
        return b"250 fine\r\n"


def main(port: int) -> None:
    """Serve until killed."""
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("127.0.0.1", port), backlog=256)
    selector.register(listener, selectors.EVENT_READ, None)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                sock, _ = listener.accept()
                selector.register(sock, selectors.EVENT_READ, _Line(sock))
                continue
            try:
                alive = key.data.serve()
            except OSError:
                alive = False
            if not alive:
                selector.unregister(key.fileobj)
                key.data.sock.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
