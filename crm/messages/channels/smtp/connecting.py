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
from enum import StrEnum
from functools import lru_cache

logger = logging.getLogger(__name__)


EXPIRED, OTHER_NAME = 10, 62  # X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_HOSTNAME_MISMATCH
OTHER_ADDRESS = 64  # X509_V_ERR_IP_ADDRESS_MISMATCH


class Trouble(StrEnum):
    """Why there is no connection. Nothing is sent in clear because TLS failed."""

    UNREACHABLE = "unreachable"  # nobody answers there
    TLS_FAILED = "tls_failed"  # TLS was asked for and did not come about
    CERTIFICATE_UNTRUSTED = "certificate_untrusted"  # nobody whom we trust vouches for it
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_OF_OTHER = "certificate_of_other"  # it is for another name
    SIGN_IN_REFUSED = "sign_in_refused"
    NOT_SERVED = "not_served"  # it answers, and wants nothing of us


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server and how to talk to it. `tls`: none, starttls or tls (from the first byte).

    `ca_file` holds certificates to trust beside those that the system trusts.
    """

    host: str
    port: int
    tls: str = "starttls"
    user: str = ""
    password: str = ""
    name: str = "localhost"
    seconds: float = 30
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection that takes letters. `pipelining`: it takes several commands at once."""

    sock: socket.socket
    pipelining: bool


def open_many(server: Server, count: int) -> tuple[Sequence[Opened], Trouble | None]:
    """`count` connections, or as many as the server allows; none when it is away. And why not more,
    if there are fewer."""
    if count <= 0:
        return (), None
    secure = None if server.tls == "none" else _trusting(server.ca_file)
    with ThreadPoolExecutor(min(count, 32)) as pool:
        found = list(pool.map(lambda _: _open(server, secure), range(count)))
    opened = [one for one in found if isinstance(one, Opened)]
    return opened, next((one for one in found if isinstance(one, Trouble)), None)


@lru_cache(maxsize=4)
def _trusting(ca_file: str) -> ssl.SSLContext:
    """Made once: to read all that the system trusts takes a megabyte and some milliseconds."""
    secure = ssl.create_default_context()
    if ca_file:
        secure.load_verify_locations(ca_file)
    return secure


def _open(server: Server, secure: ssl.SSLContext | None) -> Opened | Trouble:
    try:
        return _opened(server, secure)
    except (OSError, smtplib.SMTPException) as error:
        trouble = _trouble(error)
        logger.warning("no connection to %s:%s: %s: %s", server.host, server.port, trouble, error)
        return trouble


def _trouble(error: Exception) -> Trouble:
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code == EXPIRED:
            return Trouble.CERTIFICATE_EXPIRED
        other = error.verify_code in (OTHER_NAME, OTHER_ADDRESS)
        return Trouble.CERTIFICATE_OF_OTHER if other else Trouble.CERTIFICATE_UNTRUSTED
    if isinstance(error, (ssl.SSLError, NoTls)):
        return Trouble.TLS_FAILED
    if isinstance(error, (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError)):
        return Trouble.SIGN_IN_REFUSED
    if isinstance(error, smtplib.SMTPException) and not isinstance(
        error, smtplib.SMTPServerDisconnected
    ):
        return Trouble.NOT_SERVED
    return Trouble.UNREACHABLE


class NoTls(smtplib.SMTPException):
    """The server offers no STARTTLS, or refused it."""


def _opened(server: Server, secure: ssl.SSLContext | None) -> Opened:
    if server.tls == "tls":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, server.name, timeout=server.seconds, context=secure
        )
    else:
        smtp = smtplib.SMTP(server.host, server.port, server.name, timeout=server.seconds)
    try:
        smtp.ehlo_or_helo_if_needed()
        if server.tls == "starttls":
            assert secure is not None
            _start_tls(smtp, secure)
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


def _start_tls(smtp: smtplib.SMTP, secure: ssl.SSLContext) -> None:
    if not smtp.has_extn("starttls"):
        raise NoTls("the server offers no STARTTLS")
    try:
        smtp.starttls(context=secure)
    except smtplib.SMTPResponseException as refused:
        raise NoTls(str(refused)) from refused
    smtp.ehlo_or_helo_if_needed()
