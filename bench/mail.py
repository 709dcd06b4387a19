"""Mail: from a planned campaign to the last letter, beside Debian's smtp-source and its sink.

smtp-source only sends one text over and over: no audience, no database, no row per recipient, no
letter of its own for anybody. It is the most that the sink and the machine can take.
"""

import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

import click
import psycopg

from bench import mail_shop, site, verifying
from bench.mail_shop import Shop, Turn

CPU_TARGET_US = 100  # of our processes, per mail
SHARE_TARGET = 0.5  # of smtp-source's rate, from the launch on
LAUNCH, LAUNCH_TARGET = 20_000, 3.0  # mails from the click to the last, in smtp-source's time
MEMORY_TARGET = 150.0  # megabytes of a worker
REDIS_TARGET = 2.0  # megabytes per million recipients
FEW = 200_000  # for fewer, what Redis needs for anything hides what it needs for them
DELAY, DELAYED_TARGET = 0.02, 1_500  # seconds until each answer; mails per second
SIZE = 4_400  # bytes of a letter, about
SENT = "SELECT count(*) FILTER (WHERE state = 'sent'), count(*) FROM message"


def run(count: int, rounds: int, folder: Path | None) -> bool:
    """Campaigns to `count` members, each in turn with as many letters of smtp-source; and a small
    one from the click on."""
    tool = shutil.which("smtp-source", path=f"{os.environ['PATH']}:/usr/sbin")
    with site.open_site(folder) as here:
        port = site.free_port()
        with (
            mail_shop.sink(port),
            mail_shop.opened(here, max(count, LAUNCH), port) as shop,
        ):
            shop.campaign(min(count, 1_000))  # what is made once is made
            redis = shop.redis_megabytes()
            ours, theirs = _rounds(shop, tool, port, count, rounds)
            kept = _told(count, ours, theirs)
            small, least = _rounds(shop, tool, port, LAUNCH, rounds)
            if least:
                slower = statistics.median(one.whole for one in small) / statistics.median(least)
                name = f"{LAUNCH:,} mails from the click, times smtp-source's"
                kept.append(verifying.promise(name, slower, LAUNCH_TARGET, at_most=True))
            kept += _memory(shop, redis, count)
            return all(kept)


def delayed(count: int, connections: int, folder: Path | None) -> bool:
    """A campaign to a mail server that lets everybody wait for each answer."""
    with site.open_site(folder) as here:
        port = site.free_port()
        with (
            mail_shop.sink(port, delay=DELAY),
            mail_shop.opened(here, count, port, connections=connections) as shop,
        ):
            shop.campaign(min(count, 1_000))
            turn = shop.campaign(count)
            _all_went(shop, count)
            name = f"mails a second with {DELAY * 1000:.0f} ms to each answer"
            return verifying.promise(name, count / turn.sent, DELAYED_TARGET)


def _rounds(
    shop: Shop, tool: str | None, port: int, count: int, rounds: int
) -> tuple[list[Turn], list[float]]:
    ours, theirs = [], []
    for _ in range(rounds):
        shop.tidy()
        ours.append(shop.campaign(count))
        _all_went(shop, count)
        if tool:
            theirs.append(_source(tool, port, count))
    return ours, theirs


def _told(count: int, ours: list[Turn], theirs: list[float]) -> list[bool]:
    rate = count / statistics.median(turn.sent for turn in ours)
    spent = statistics.median(turn.ours_us for turn in ours)
    postgres = statistics.median(turn.postgres_us for turn in ours)
    planned = statistics.median(turn.planned for turn in ours)
    click.echo(
        f"{count:,} mails: planned in {planned:.2f} s, then {rate:,.0f} a second; "
        f"PostgreSQL {postgres:.0f} µs CPU per mail"
    )
    kept = [verifying.promise("our CPU per mail, µs", spent, CPU_TARGET_US, at_most=True)]
    if theirs:
        ratios = [their / turn.sent for turn, their in zip(ours, theirs, strict=True)]
        click.echo(f"smtp-source: {count / statistics.median(theirs):,.0f} a second")
        share = statistics.median(ratios)
        kept.append(verifying.promise("of smtp-source's rate", share, SHARE_TARGET))
    else:
        click.echo("smtp-source is not here (Debian: apt-get install postfix): no ratio")
    return kept


def _memory(shop: Shop, redis: float, count: int) -> list[bool]:
    most = max(shop.worker_megabytes())
    kept = [verifying.promise("memory of a worker, MB", most, MEMORY_TARGET, at_most=True)]
    grown = max(shop.redis_megabytes() - redis, 0)
    if count < FEW:
        click.echo(f"Redis: {grown:.2f} MB more (judged from {FEW:,} mails on)")
        return kept
    per_million = grown * 1e6 / count
    return [
        *kept,
        verifying.promise("Redis, MB per million", per_million, REDIS_TARGET, at_most=True),
    ]


def _source(tool: str, port: int, count: int) -> float:
    began = time.perf_counter()
    command = [tool, "-d", "-s", "10", "-m", str(count), "-l", str(SIZE), f"127.0.0.1:{port}"]
    subprocess.run(command, check=True)
    return time.perf_counter() - began


def _all_went(shop: Shop, count: int) -> None:
    with psycopg.connect(shop.here.database_url) as line:
        sent, whole = line.execute(SENT).fetchone() or (0, 0)
    assert sent == whole >= count, (sent, whole, count)
