"""A mail server of a test: slow, pipelining, and it remembers every letter that it took."""

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class _Talk(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: "Sink"

    def handle(self) -> None:
        with suppress(ConnectionError):
            self.wfile.write(b"220 sink\r\n")
            for line in iter(self.rfile.readline, b""):
                verb = line[:4].upper()
                if verb == b"EHLO":
                    self.wfile.write(b"250-sink\r\n250 PIPELINING\r\n")
                elif verb != b"DATA":
                    self.wfile.write(b"250 fine\r\n")
                elif not self.take():
                    return

    def take(self) -> bool:
        self.wfile.write(b"354 go on\r\n")
        found = b""
        for line in iter(self.rfile.readline, b".\r\n"):
            if not line:
                return False
            if line.startswith(b"Message-ID: <"):
                found = line[13:49]
        time.sleep(self.server.seconds)
        with self.server.lock:
            self.server.taken.append(found.decode())
        self.wfile.write(b"250 taken\r\n")
        return True


class Sink(socketserver.ThreadingTCPServer):
    """`taken` are the ids of messages in the order in which their letters came."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, seconds: float) -> None:
        self.seconds, self.taken, self.lock = seconds, [], threading.Lock()
        super().__init__(("127.0.0.1", 0), _Talk)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server_address[1]


@contextmanager
def sink(seconds: float) -> Iterator[Sink]:
    """A sink that thinks so long about each letter."""
    with Sink(seconds) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
