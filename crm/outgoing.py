"""Calls to addresses outside, guarded: whoever names an address must not reach what is inside.

Every address that a name resolves to is checked, and the one that was checked is connected to, so
that a second answer of the name service changes nothing. No redirect is followed, no proxy asked.
Ports are 80 and 443. `CRM_OUTGOING_ALLOW` names what may be called all the same.
"""

import ipaddress
import socket
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
PORTS = (80, 443)
NAT64 = ipaddress.ip_network("64:ff9b::/96")
CONNECT_SECONDS = 5.0


class Blocked(Exception):
    """The address may not be called; the message says which and why."""


class BadAllowance(Exception):
    """An entry of the list of allowed addresses can't be read."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be called though it is not public: networks, at any port or one, and host names at
    one port."""

    networks: tuple[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, int | None], ...] = ()
    hosts: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def read(cls, text: str) -> "Allowance":
        """From `10.0.0.0/8`, `127.0.0.1:9000`, `[::1]:9000`, `gateway.internal:8443`, by commas.

        Raises `BadAllowance`.
        """
        networks, hosts = [], set()
        for entry in filter(None, (part.strip() for part in text.split(","))):
            host, port = _host_and_port(entry)
            try:
                networks.append((ipaddress.ip_network(host, strict=False), port))
            except ValueError:
                if port is None or not host.replace("-", "").replace(".", "").isalnum():
                    raise BadAllowance(entry) from None
                hosts.add((host.lower(), port))
        return cls(tuple(networks), frozenset(hosts))

    def has_host(self, host: str, port: int) -> bool:
        """Whether this name at this port is allowed, wherever it leads."""
        return (host.lower(), port) in self.hosts

    def has(self, address: IpAddress, port: int) -> bool:
        """Whether this address at this port is allowed."""
        return any(
            address.version == network.version and address in network and only in (None, port)
            for network, only in self.networks
        )


def _host_and_port(entry: str) -> tuple[str, int | None]:
    host, colon, port = entry.rpartition(":")
    if not colon or not port.isdigit() or (":" in host and not host.startswith("[")):
        return entry.strip("[]"), None
    return host.strip("[]"), int(port)


def is_public(address: IpAddress) -> bool:
    """Whether an address belongs to the public internet, and none inside hides in it."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None and not is_public(inner):
            return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def check(host: str, port: int, allowance: Allowance) -> list[str]:
    """The addresses of a host, each of which may be called. Raises `Blocked`, `OSError`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(info[4][0]).partition("%")[0] for info in found]
    if allowance.has_host(host, port):
        return addresses
    for text in addresses:
        address = ipaddress.ip_address(text)
        if allowance.has(address, port):
            continue
        if port not in PORTS:
            raise Blocked(f"{host}:{port}: only the ports 80 and 443 may be called")
        if not is_public(address):
            raise Blocked(f"{host} leads to {address}, which is not public")
    return addresses


class _Backend(httpcore.SyncBackend):
    """Connects to an address that was checked, never to a name."""

    def __init__(self, allowance: Allowance) -> None:
        self.allowance = allowance

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = check(host, port, self.allowance)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        for place, address in enumerate(addresses):
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if place == len(addresses) - 1:
                    raise
        raise httpcore.ConnectError(f"{host} has no address")

    def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        """No URL names one; were one named, it is inside."""
        raise Blocked("sockets of this machine may not be called")


class _Transport(httpx.HTTPTransport):
    """httpx's, over a pool whose connections are guarded."""

    def __init__(self, allowance: Allowance, most: int) -> None:
        super().__init__(trust_env=False)
        # httpx has no way to hand a network backend to its pool; httpcore has.
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=most,
            max_keepalive_connections=most,
            keepalive_expiry=30,
            network_backend=_Backend(allowance),
        )


def client(allowance: Allowance, *, seconds: float = 10, most: int = 20) -> httpx.Client:
    """A client whose every connection is guarded. Raises `Blocked` on a call that may not be."""
    return httpx.Client(
        transport=_Transport(allowance, most),
        timeout=httpx.Timeout(seconds, connect=CONNECT_SECONDS),
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": "Regulars"},
    )


def read_at_most(response: httpx.Response, size: int = 65_536) -> bytes:
    """The beginning of a streamed answer: nobody fills our memory."""
    pieces: list[bytes] = []
    left = size
    for piece in response.iter_bytes():
        pieces.append(piece[:left])
        left -= len(pieces[-1])
        if left <= 0:
            break
    return b"".join(pieces)


__all__: Sequence[str] = [
    "Allowance", "BadAllowance", "Blocked", "check", "client", "is_public", "read_at_most",
]  # fmt: skip
