"""A mail server of a test: slow, pipelining, moody, and it remembers every letter that it took.

Its mood depends on the address, and holds for the first letter to it: it puts it off (451), closes
(421), hangs, hangs up before the text, in the middle of it, or after it without an answer. Some
addresses it refuses for good (550).
"""

import socketserver
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from zlib import crc32

MOODS = ("451", "421", "hang", "drop", "cut", "swallow", "550")
EVERY = 100  # of so many addresses one is in each mood


def mood_of(address: str) -> str:
    """What the server makes of the first letter to an address; "" for most of them."""
    return dict(enumerate(MOODS)).get(crc32(address.encode()) % EVERY, "")


class _Talk(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: "Sink"

    def handle(self) -> None:
        with suppress(ConnectionError):
            self.say("220 sink")
            for line in iter(self.rfile.readline, b""):
                verb = line[:4].upper()
                if verb == b"EHLO":
                    self.say("250-sink\r\n250 PIPELINING")
                elif verb == b"RCPT":
                    self.recipient(line.decode().partition("<")[2].partition(">")[0])
                elif verb != b"DATA":
                    self.say("250 fine")
                elif not self.letter():
                    return

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def recipient(self, address: str) -> None:
        self.mood = self.server.mood(address)
        self.say("550 5.1.1 nobody here" if self.mood == "550" else "250 fine")

    def letter(self) -> bool:
        """Take a letter, or not; False when the connection is over."""
        if self.mood == "550":
            self.say("554 5.5.1 for nobody")
            return True
        if self.mood == "drop":
            return False
        if self.mood == "hang":
            time.sleep(self.server.hangs)
            return False
        self.say("354 go on")
        found = b""
        for line in iter(self.rfile.readline, b".\r\n"):
            if not line or self.mood == "cut":
                return False
            if line.startswith(b"Message-ID: <"):
                found = line[13:49]
        time.sleep(self.server.seconds)
        if self.mood == "451":
            self.say("451 4.3.0 busy")
            return True
        if self.mood == "421":
            self.say("421 4.3.2 closing")
            return False
        with self.server.lock:
            self.server.taken.append(found.decode())
        if self.mood == "swallow":
            return False
        self.say("250 taken")
        return True


class Sink(socketserver.ThreadingTCPServer):
    """`taken` are the ids of messages in the order in which their letters came; `moods` counts
    what else it made of letters."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, seconds: float, *, moody: bool, hangs: float) -> None:
        self.seconds, self.moody, self.hangs = seconds, moody, hangs
        self.taken: list[str] = []
        self.moods: Counter[str] = Counter()
        self.known: set[str] = set()
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Talk)

    def mood(self, address: str) -> str:
        """For this letter to an address."""
        if not self.moody:
            return ""
        with self.lock:
            mood = mood_of(address)
            if mood != "550" and address in self.known:
                return ""
            self.known.add(address)
            if mood:
                self.moods[mood] += 1
            return mood

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server_address[1]


@contextmanager
def sink(seconds: float, *, moody: bool = False, hangs: float = 4) -> Iterator[Sink]:
    """A sink that thinks so long about each letter."""
    with Sink(seconds, moody=moody, hangs=hangs) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
