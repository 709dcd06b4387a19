"""Calls outside reach what is public, and of what is inside only what the shop allows."""

import socket
from ipaddress import ip_address

import httpx
import pytest

from crm import outgoing
from crm.outgoing import Allowance, BadAllowance, Blocked

pytestmark = pytest.mark.usefixtures("no_database")
NOTHING = Allowance()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1",
        "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_addresses_inside_are_not_public(address: str):
    assert not outgoing.is_public(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "203.119.2.1", "2606:4700::1111"])
def test_addresses_outside_are(address: str):
    assert outgoing.is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost/", "http://2130706433/", "http://0x7f000001/",
        "http://0177.0.0.1/", "http://127.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/", "http://0/", "http://1.1.1.1:22/",
        "https://1.1.1.1:5432/",
    ],
)  # fmt: skip
def test_no_writing_of_an_address_gets_inside(url: str):
    """It is blocked, or no address at all to the name service or to the reader of URLs."""
    with (
        outgoing.client(NOTHING, seconds=1) as client,
        pytest.raises((Blocked, httpx.ConnectError, httpx.InvalidURL)) as caught,
    ):
        client.get(url)
    assert "refused" not in str(caught.value).lower()  # nobody was asked


def answers(monkeypatch: pytest.MonkeyPatch, *rounds: list[str]) -> list[str]:
    """A name service that answers in rounds; returns who was asked."""
    asked: list[str] = []
    left = list(rounds)

    def getaddrinfo(host, port, *args, **kwargs):
        asked.append(host)
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(outgoing.socket, "getaddrinfo", getaddrinfo)
    return asked


def test_one_bad_address_among_good_ones_blocks_the_name(monkeypatch: pytest.MonkeyPatch):
    answers(monkeypatch, ["1.1.1.1", "10.0.0.1"])
    with pytest.raises(Blocked, match=r"10\.0\.0\.1"):
        outgoing.check("shop.example", 443, NOTHING)


def test_what_was_checked_is_what_is_connected_to(monkeypatch: pytest.MonkeyPatch):
    """A name that leads outside when asked first, and inside when asked again."""
    connected: list[str] = []

    def connect(self, host, *args, **kwargs):
        connected.append(host)
        raise outgoing.httpcore.ConnectError("far away")

    asked = answers(monkeypatch, ["1.1.1.1"], ["127.0.0.1"])
    monkeypatch.setattr(outgoing.httpcore.SyncBackend, "connect_tcp", connect)
    with outgoing.client(NOTHING) as client, pytest.raises(httpx.ConnectError):
        client.get("http://rebinding.example/")
    assert (asked, connected) == (["rebinding.example"], ["1.1.1.1"])


def test_what_the_shop_allows_may_be_called(monkeypatch: pytest.MonkeyPatch):
    allowance = Allowance.read("10.1.0.0/16, 127.0.0.1:9000,[::1]:9000, gateway.internal:8443")
    assert allowance.has(ip_address("10.1.2.3"), 1234)
    assert not allowance.has(ip_address("10.2.0.1"), 80)
    assert allowance.has(ip_address("127.0.0.1"), 9000)
    assert not allowance.has(ip_address("127.0.0.1"), 9001)
    assert allowance.has(ip_address("::1"), 9000)
    answers(monkeypatch, ["10.9.9.9"])
    assert outgoing.check("gateway.internal", 8443, allowance) == ["10.9.9.9"]
    with pytest.raises(Blocked):
        outgoing.check("gateway.internal", 443, allowance)
    with pytest.raises(Blocked):
        outgoing.check("other.internal", 8443, allowance)


@pytest.mark.parametrize("entry", ["everything", "10.0.0.0/99", "a b:80", "gateway.internal"])
def test_an_entry_that_can_not_be_read_is_refused(entry: str):
    with pytest.raises(BadAllowance):
        Allowance.read(f"127.0.0.1,{entry}")
