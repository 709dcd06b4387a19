"""Mail servers for tests: a real one that keeps what it got, and one that says what it is told."""

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from uuid import UUID, uuid4

from aiosmtpd.controller import Controller

from crm.messages.channels.provider import Outgoing
from crm.messages.channels.smtp import Smtp
from crm.messages.channels.smtp.connecting import Server
from crm.messages.templates import compiling

SHOP = "Café Regulars <shop@shop.test>"


@dataclass
class Box:
    """What arrived: envelopes with the letters as `email` reads them."""

    got: list[tuple[str, list[str], EmailMessage]] = field(default_factory=list)
    refuse: Callable[[str], str | None] = lambda address: None
    answer: Callable[[], str] = lambda: "250 2.0.0 taken as 1"
    peers: set[tuple[str, int]] = field(default_factory=set)  # connections that letters came by

    async def handle_RCPT(self, server, session, envelope, address, options) -> str:
        refused = self.refuse(address)
        if refused:
            return refused
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server, session, envelope) -> str:
        self.peers.add(session.peer)
        said = self.answer()
        if said.startswith("2"):
            letter = message_from_bytes(envelope.content, policy=policy.default)
            self.got.append((envelope.mail_from, envelope.rcpt_tos, letter))  # type: ignore[arg-type]
        return said


@contextmanager
def real_server(**box) -> Iterator[tuple[Box, int]]:
    """aiosmtpd on a free port, which is no server that pipelines."""
    found = Box(**box)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(found, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield found, port
    finally:
        controller.stop()


class Talk:
    """One connection of a server that says what a test tells it: `answers` maps what a client
    says (MAIL, RCPT, DATA, TEXT, RSET) to a reply, None for silence, or "drop"."""

    def __init__(self, server: "ScriptedServer", line: socket.socket) -> None:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server, self.line, self.file = server, line, line.makefile("rb")

    def run(self) -> None:
        self.server.connections += 1
        if not self.say("GREET", "220 scripted"):
            return
        for raw in iter(self.file.readline, b""):
            verb = raw.split(b":")[0].split()[0].decode().upper()
            if verb == "EHLO":
                pipelining = "250-PIPELINING\r\n" if self.server.pipelining else ""
                self.line.sendall(f"250-scripted\r\n{pipelining}250 SIZE\r\n".encode())
                continue
            self.server.heard.append(raw.decode().strip())
            if not self.say(verb, "354 go on" if verb == "DATA" else "250 fine"):
                return
            if verb == "DATA" and self.said.startswith("354") and not self.text():
                return

    def text(self) -> bool:
        lines = []
        for raw in iter(self.file.readline, b""):
            if raw == b".\r\n":
                break
            if self.server.answers("CUT", self.server.texts) == "drop":
                return False
            lines.append(raw)
        else:
            return False
        self.server.texts.append(b"".join(lines))
        return self.say("TEXT", "250 2.0.0 taken")

    def say(self, verb: str, usual: str) -> bool:
        said = self.server.answers(verb, self.server.texts)
        if said == "drop":
            return False
        if said == "silence":
            self.server.silent.wait(20)
            return False
        self.said = said or usual
        self.line.sendall(f"{self.said}\r\n".encode())
        return True


class ScriptedServer(socketserver.ThreadingTCPServer):
    """Listens on a free port; `answers(verb, texts so far)` says what it answers."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, answers: Callable[[str, list[bytes]], str | None], pipelining: bool) -> None:
        self.answers, self.pipelining = answers, pipelining
        self.heard: list[str] = []
        self.texts: list[bytes] = []
        self.connections = 0
        self.silent = threading.Event()
        super().__init__(("127.0.0.1", 0), None)  # type: ignore[arg-type]

    @property
    def port(self) -> int:
        return self.server_address[1]

    def finish_request(self, request, client_address) -> None:
        with suppress(ConnectionError):  # the client hung up, as it may
            Talk(self, request).run()


@contextmanager
def scripted(
    answers: Callable[[str, list[bytes]], str | None] = lambda verb, texts: None,
    *,
    pipelining: bool = True,
) -> Iterator[ScriptedServer]:
    """A server that answers as told."""
    with ScriptedServer(answers, pipelining) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.silent.set()
            server.shutdown()
            thread.join()


def mailer(port: int, connections: int = 4, seconds: float = 5) -> Smtp:
    """The product's provider, talking to a port of this machine."""
    server = Server("127.0.0.1", port, tls="none", name="shop.test", seconds=seconds)
    return Smtp(server, SHOP, connections)


def outgoing(
    address: str = "lin@b.test",
    *,
    purpose: str = "marketing",
    languages: dict | None = None,
    id: UUID | None = None,
    **variables,
) -> Outgoing:
    """A message on its way, of a template that is made ready here."""
    given = languages or {
        "en": {"subject": "Hello {{ custom.name }}", "text": "Line one\nof {{ custom.name }}",
               "html": "<p>Dear {{ custom.name }},</p>"}
    }  # fmt: skip
    (language,) = compiling.compiled("email", "service", given).values()
    values = {"custom": {"name": "Lin"} | variables}
    return Outgoing(
        id=id or uuid4(), fence=1, member_id=uuid4(), purpose=purpose, address=address,
        language=language, values=language.fill(values), given=values, template=(uuid4(), 1),
        attempt=1, unsubscribe="https://shop.test/u/abc" if purpose == "marketing" else None,
    )  # fmt: skip
