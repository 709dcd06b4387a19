"""Our own load generator: one process, one thread, asyncio.

python -m bench.generator KIND URL SECRET RUN MEMBERS CONNECTIONS SECONDS RATE

KIND is award, batch or redeem; MEMBERS is 1-1000, the numbers to choose from. RATE 0: each
connection sends as soon as it was answered. Else requests are due at an even pace, and a request's
time counts from when it was due, so that a stall is seen by all that should have been sent then.
"""

import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from bench.seeding import MEMBER_ID

BATCH = 1_000


@dataclass
class Tally:
    """What all connections have seen. `done` counts awards, not requests, where many go in one."""

    milliseconds: list[float] = field(default_factory=list)
    done: int = 0
    errors: int = 0


@dataclass(frozen=True)
class Kind:
    """A kind of request: where it goes, its body, and what an answer of success holds."""

    path: str
    body: Callable[[str, range], Any]
    answer: bytes
    holds: bytes = b""
    operations: int = 1


def award(name: str, members: range) -> dict[str, Any]:
    """100 points to a random member."""
    member = {"id": MEMBER_ID % random.choice(members)}
    return {"member": member, "activity": "review", "source_key": name, "points": 100}


def batch(name: str, members: range) -> list[dict[str, Any]]:
    """A thousand of these."""
    return [award(f"{name}-{place}", members) for place in range(BATCH)]


def redemption(name: str, members: range) -> dict[str, Any]:
    """100 points of a random member."""
    member = {"id": MEMBER_ID % random.choice(members)}
    return {"member": member, "points": 100, "reference": name}


KINDS = {
    "award": Kind("/api/v1/points/awards", award, b"HTTP/1.1 201"),
    "batch": Kind(
        "/api/v1/points/awards/batch",
        batch,
        b"HTTP/1.1 200",
        b'"given":%d,' % BATCH,
        BATCH,
    ),
    "redeem": Kind("/api/v1/points/redemptions", redemption, b"HTTP/1.1 201"),
}


def request(kind: Kind, host: str, secret: str, name: str, members: range) -> bytes:
    """One request as it stands on the wire."""
    body = json.dumps(kind.body(name, members))
    return (
        f"POST {kind.path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {secret}\r\n"
        f"Idempotency-Key: {name}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


@dataclass(frozen=True)
class Run:
    """What all connections share."""

    kind: Kind
    url: str
    secret: str
    name: str
    members: range
    connections: int
    seconds: float
    rate: float
    began: float

    def due(self, place: int, count: int) -> float:
        """When a connection's request is to be sent; at once without a pace."""
        if not self.rate:
            return time.perf_counter()
        return self.began + (count * self.connections + place) / self.rate


async def connection(run: Run, place: int, tally: Tally) -> None:
    """Send and wait for the answer, again and again, until the time is over."""
    address = urlsplit(run.url)
    assert address.hostname is not None
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    count, until = 0, run.began + run.seconds
    while (due := run.due(place, count)) < until and time.perf_counter() < until:
        count += 1
        text = request(
            run.kind, address.netloc, run.secret, f"{run.name}-{place}-{count}", run.members
        )
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        since = due if run.rate else time.perf_counter()
        writer.write(text)
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_length(head))
        tally.milliseconds.append(1000 * (time.perf_counter() - since))
        good = head.startswith(run.kind.answer) and run.kind.holds in body.replace(b" ", b"")
        tally.done += run.kind.operations if good else 0
        tally.errors += not good
    writer.close()
    await writer.wait_closed()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise ValueError("an answer without a length")


async def main(kind: str, url: str, secret: str, name: str, *numbers: str) -> None:
    """Run all connections, print one line of JSON."""
    members, connections, seconds, rate = numbers
    first, last = map(int, members.split("-"))
    began = time.perf_counter()
    run = Run(
        KINDS[kind], url, secret, name, range(first, last + 1), int(connections), float(seconds),
        float(rate), began,
    )  # fmt: skip
    tally = Tally()
    await asyncio.gather(*(connection(run, place, tally) for place in range(run.connections)))
    times = tally.milliseconds
    figures = {
        "requests": tally.done,
        "seconds": time.perf_counter() - began,
        "errors": tally.errors,
        "mean_ms": statistics.fmean(times),
        "p99_ms": statistics.quantiles(times, n=100)[98] if len(times) > 1 else times[0],
        "max_ms": max(times),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
