"""Our own load generator, for machines without wrk: one process, one thread, asyncio.

python -m bench.generator URL SECRET RUN MEMBERS CONNECTIONS SECONDS
"""

import asyncio
import json
import random
import statistics
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.seeding import MEMBER_ID


@dataclass
class Tally:
    """What all connections have seen."""

    milliseconds: list[float] = field(default_factory=list)
    errors: int = 0


def request(host: str, secret: str, name: str, members: int) -> bytes:
    """One award as it stands on the wire."""
    award = {
        "member": {"id": MEMBER_ID % random.randint(1, members)},
        "activity": "review",
        "source_key": name,
        "points": 100,
    }
    body = json.dumps(award)
    return (
        f"POST /api/v1/points/awards HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {secret}\r\n"
        f"Idempotency-Key: {name}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def connection(
    place: int, url: str, secret: str, run: str, members: int, until: float, tally: Tally
) -> None:
    """Send and wait for the answer, again and again, until the time is over."""
    address = urlsplit(url)
    assert address.hostname is not None
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    count = 0
    while time.perf_counter() < until:
        count += 1
        began = time.perf_counter()
        writer.write(request(address.netloc, secret, f"{run}-{place}-{count}", members))
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(_length(head))
        tally.milliseconds.append(1000 * (time.perf_counter() - began))
        tally.errors += not head.startswith(b"HTTP/1.1 201")
    writer.close()
    await writer.wait_closed()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise ValueError("an answer without a length")


async def main(
    url: str, secret: str, run: str, members: str, connections: str, seconds: str
) -> None:
    """Run all connections, print one line of JSON."""
    tally, began = Tally(), time.perf_counter()
    until = began + float(seconds)
    await asyncio.gather(
        *(
            connection(place, url, secret, run, int(members), until, tally)
            for place in range(int(connections))
        )
    )
    times = tally.milliseconds
    figures = {
        "requests": len(times),
        "seconds": time.perf_counter() - began,
        "errors": tally.errors,
        "mean_ms": statistics.fmean(times),
        "p99_ms": statistics.quantiles(times, n=100)[98],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
