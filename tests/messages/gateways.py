"""A gateway of our own on this machine: it answers as a test tells it, and remembers."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from crm.messages.channels.provider import Outgoing
from crm.messages.templates.compiling import compile_one


@dataclass
class Seen:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Stub:
    """`answer` gives (status, headers, body) for each request; None drops the connection."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    answer: Callable[[Seen], tuple[int, dict[str, str], bytes] | None] = lambda seen: (
        200,
        {},
        b"{}",
    )

    def says(self, status: int, body: Any = None, **headers: str) -> None:
        """Answer everything like this."""
        raw = b"" if body is None else json.dumps(body).encode()
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answer = lambda seen: (status, told, raw)


@contextmanager
def stub() -> Iterator[Stub]:
    """A stub that listens while the block runs."""
    found = Stub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen = Seen(self.path, headers, self.rfile.read(length))
            found.seen.append(seen)
            told = found.answer(seen)
            if told is None:
                self.close_connection = True
                return
            status, more, body = told
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


def outgoing(
    channel: str = "sms",
    address: str = "+8613800138000",
    purpose: str = "service",
    values: dict[str, Any] | None = None,
    locale: str = "en",
    **saved: str,
) -> Outgoing:
    """A message on its way."""
    language = compile_one(channel, purpose, locale, saved or {"text": "Hello"}, check=True)
    given = values or {}
    return Outgoing(
        id=uuid4(), fence=1, member_id=uuid4(), purpose=purpose, address=address,
        language=language, values=language.fill(given), given=given, template=(uuid4(), 1),
        attempt=1, unsubscribe=None,
    )  # fmt: skip
