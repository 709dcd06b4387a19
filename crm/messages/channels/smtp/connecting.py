"""Opening connections to a mail server: greeting, TLS, signing in; several at once.

smtplib does this part, which is done once per connection; what follows is done thousands of times
and has a loop of its own (`sending`).
"""

import logging
import smtplib
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server and how to talk to it. `tls`: none, starttls or tls (from the first byte)."""

    host: str
    port: int
    tls: str = "starttls"
    user: str = ""
    password: str = ""
    name: str = "localhost"
    seconds: float = 30


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection that takes letters. `pipelining`: it takes several commands at once."""

    sock: socket.socket
    pipelining: bool


def open_many(server: Server, count: int) -> Sequence[Opened]:
    """`count` connections, or as many as the server allows; none when it is away."""
    if count <= 0:
        return ()
    with ThreadPoolExecutor(min(count, 32)) as pool:
        return [one for one in pool.map(lambda _: _open(server), range(count)) if one]


def _open(server: Server) -> Opened | None:
    try:
        return _opened(server)
    except (OSError, smtplib.SMTPException) as error:
        # Whatever it is (refused, no route, TLS, password): the mails wait, and the log says why.
        logger.warning("no connection to %s:%s: %s", server.host, server.port, error)
        return None


def _opened(server: Server) -> Opened:
    secure = ssl.create_default_context()
    if server.tls == "tls":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, server.name, timeout=server.seconds, context=secure
        )
    else:
        smtp = smtplib.SMTP(server.host, server.port, server.name, timeout=server.seconds)
    try:
        smtp.ehlo_or_helo_if_needed()
        if server.tls == "starttls":
            smtp.starttls(context=secure)
            smtp.ehlo_or_helo_if_needed()
        if server.user:
            smtp.login(server.user, server.password)
        sock = smtp.sock
        assert sock is not None
        if smtp.file is not None:
            smtp.file.close()
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        return Opened(sock, smtp.has_extn("pipelining"))
    except BaseException:
        smtp.close()
        raise
