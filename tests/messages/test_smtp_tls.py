"""E-mail over TLS: with certificates that we trust, and never in clear where TLS was asked for."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from mail_servers import SHOP, Box, outgoing, scripted

from crm.config import BadSetting, Config
from crm.messages.channels.provider import Accepted, TryLater
from crm.messages.channels.smtp import Smtp
from crm.messages.channels.smtp.connecting import Server, Trouble
from crm.messages.channels.smtp.replies import Reply

OPENSSL = shutil.which("openssl")
pytestmark = [
    pytest.mark.usefixtures("context"),
    pytest.mark.skipif(OPENSSL is None, reason="needs openssl, which makes the certificates"),
]


class Certificate(NamedTuple):
    """One that vouches for itself: who trusts it trusts this file."""

    path: Path
    key: Path


AUTHORITY = """
[ca]
default_ca = own
[own]
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = IP:127.0.0.1
"""
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=mail")


def openssl(*words: str | Path) -> None:
    subprocess.run([str(OPENSSL), *map(str, words)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Callable[..., Certificate]:
    """Makes certificates, each once."""
    folder, made = tmp_path_factory.mktemp("certificates"), {}

    def make(name: str = "IP:127.0.0.1") -> Certificate:
        if name not in made:
            found = Certificate(folder / f"{len(made)}.pem", folder / f"{len(made)}.key")
            openssl("req", "-x509", *KEY, "-addext", f"subjectAltName={name}", "-days", "2",
                    "-keyout", found.key, "-out", found.path)  # fmt: skip
            made[name] = found
        return made[name]

    return make


@pytest.fixture
def expired(tmp_path) -> Certificate:
    """One that was good for the January of 2020."""
    found, asked = Certificate(tmp_path / "old.pem", tmp_path / "old.key"), tmp_path / "asked.pem"
    (tmp_path / "config").write_text(AUTHORITY.format(folder=tmp_path))
    (tmp_path / "index").touch()
    (tmp_path / "serial").write_text("01\n")
    openssl("req", *KEY, "-keyout", found.key, "-out", asked)
    openssl("ca", "-batch", "-selfsign", "-config", tmp_path / "config", "-keyfile", found.key,
            "-in", asked, "-startdate", "20200101000000Z", "-enddate", "20200201000000Z",
            "-notext", "-out", found.path)  # fmt: skip
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@contextmanager
def server(
    certificate: Certificate | None, *, at_once: bool = False, password: str = ""
) -> Iterator[tuple[Box, int]]:
    """A mail server with this certificate: by STARTTLS, or (`at_once`) from the first byte."""
    box, secure = Box(), None
    if certificate is not None:
        secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secure.load_cert_chain(certificate.path, certificate.key)

    def admit(server, session, envelope, mechanism, data) -> AuthResult:
        return AuthResult(success=data.password == password.encode(), handled=False)

    controller = Controller(
        box, hostname="127.0.0.1", port=free_port(),
        ssl_context=secure if at_once else None, tls_context=None if at_once else secure,
        authenticator=admit, auth_require_tls=True,
    )  # fmt: skip
    controller.start()
    try:
        yield box, controller.port
    finally:
        controller.stop()


def send(port: int, tls: str, trusted: Certificate | None, count: int = 1, **more):
    """The outcomes of letters, and why there was no connection, if so."""
    ca = str(trusted.path) if trusted else ""
    asked = Server("127.0.0.1", port, tls, name="shop.test", seconds=5, ca_file=ca, **more)
    mail = Smtp(asked, SHOP, 2)
    try:
        outcomes = [
            one
            for _ in range(2)
            for one in mail.send([outgoing(f"m{n}@b.test") for n in range(count)], seconds=10)
        ]
        return outcomes, mail.lines.trouble
    finally:
        mail.lines.close()


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_letters_go_over_tls_and_the_connections_stay_open(certificate, tls):
    good = certificate()
    with server(good, at_once=tls == "tls") as (box, port):
        outcomes, trouble = send(port, tls, good, count=8)
    assert all(isinstance(one, Accepted) for one in outcomes)
    assert (trouble, len(box.got)) == (None, 16)
    assert len(box.peers) == 2


@pytest.mark.parametrize("tls", ["starttls", "tls"])
@pytest.mark.parametrize(
    ("name", "is_trusted", "trouble"),
    [
        ("IP:127.0.0.1", False, Trouble.CERTIFICATE_UNTRUSTED),
        ("DNS:mail.other.test", True, Trouble.CERTIFICATE_OF_OTHER),
    ],
)
def test_a_certificate_that_will_not_do_is_said_and_nothing_is_sent(
    certificate, tls, name, is_trusted, trouble
):
    bad = certificate(name)
    with server(bad, at_once=tls == "tls") as (box, port):
        outcomes, found = send(port, tls, bad if is_trusted else None)
    assert found == trouble
    assert outcomes == [TryLater(trouble, counts=False)] * 2
    assert box.got == []


def test_an_expired_certificate_is_said_to_be(expired):
    with server(expired) as (box, port):
        _, found = send(port, "starttls", expired)
    assert (found, box.got) == (Trouble.CERTIFICATE_EXPIRED, [])


def test_a_server_without_starttls_gets_nothing_in_clear():
    with scripted() as plain:
        outcomes, found = send(plain.port, "starttls", None)
    assert found == Trouble.TLS_FAILED
    assert all(isinstance(one, TryLater) for one in outcomes)
    assert plain.heard == []


def test_who_is_not_let_in_says_so(certificate):
    good = certificate()
    with server(good, password="right") as (box, port):
        _, refused = send(port, "starttls", good, user="shop", password="wrong")
        outcomes, fine = send(port, "starttls", good, user="shop", password="right")
    assert (refused, fine) == (Trouble.SIGN_IN_REFUSED, None)
    assert all(isinstance(one, Accepted) for one in outcomes)
    assert len(box.got) == 2


def test_nobody_there_is_another_trouble_than_nobody_who_serves():
    _, found = send(1, "none", None)
    assert found == Trouble.UNREACHABLE
    with scripted(lambda verb, texts: "554 no" if verb == "GREET" else None) as closed:
        _, found = send(closed.port, "none", None)
    assert found == Trouble.NOT_SERVED
    assert Reply(554, "no").closes is False


def test_a_file_of_certificates_must_be_one(tmp_path, certificate):
    (tmp_path / "empty.pem").write_text("nothing")
    good = Config(database_url="postgresql://x/y", secret_key="x" * 32)
    for wrong in (tmp_path / "empty.pem", tmp_path / "missing.pem"):
        with pytest.raises(BadSetting, match="CRM_SMTP_CA_FILE"):
            replace(good, smtp_ca_file=str(wrong))
    assert replace(good, smtp_ca_file=str(certificate().path)).smtp_ca_file
