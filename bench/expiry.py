"""The expiry sweep beside the bare statements, and what awards and redemptions notice of it."""

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
import psycopg
from flask import Flask
from sqlalchemy import make_url

from bench import cpu, disk, histories, load, seeding, site, verifying
from bench.contest import Load
from crm.points import expiry

BARE_TARGET, P99_TARGET, STALL_TARGET_MS = 1.2, 4, 100
CONNECTIONS = 8
_TURN = 20  # chunks of one, then of the other
_POINTS = 100
# Which lots of whom lapse beside traffic: redemptions take the oldest of ten, so those are spared.
_LOTS = {"award": (1, 3), "redeem": (8, 10)}
# What has to be written in any case: the same rows with the same words, but no chain of hashes.
BARE = """
    CREATE FUNCTION bare_lapse(p_at timestamptz, p_members uuid[]) RETURNS bigint
    LANGUAGE plpgsql AS $$
    DECLARE
        v_said text := rfc3339(p_at);
        v_done bigint;
    BEGIN
        PERFORM 1 FROM points_account WHERE member_id = ANY (p_members)
        ORDER BY member_id FOR UPDATE;
        WITH closed AS (
            UPDATE points_lot SET remaining = 0
            WHERE member_id = ANY (p_members) AND expires_at = p_at AND remaining > 0
            RETURNING member_id, id, OLD.remaining AS points
        ), lapsed AS (
            SELECT member_id, sum(points)::bigint AS points FROM closed GROUP BY member_id
        ), accounts AS (
            UPDATE points_account a SET seq = a.seq + 1, balance = a.balance - d.points
            FROM lapsed d WHERE a.member_id = d.member_id
            RETURNING a.member_id, a.seq, a.balance, d.points
        ), moved AS (
            INSERT INTO points_movement (member_id, seq, lot_id, points)
            SELECT c.member_id, a.seq, c.id, -c.points
            FROM closed c JOIN accounts a USING (member_id)
        ), written AS (
            INSERT INTO points_entry (member_id, seq, kind, points, balance_after, occurred_at,
                                      source_type, source_id, hash)
            SELECT member_id, seq, 'expire', -points, balance, p_at, 'expiry', v_said, ''
            FROM accounts RETURNING 1
        )
        SELECT count(*) INTO v_done FROM written;
        RETURN v_done;
    END $$
"""
_CHUNKS = "SELECT expires_at, members FROM points_lapsing(now(), %s, 2000000000)"
_LAPSE_NOW = """
    UPDATE points_lot SET expires_at = date_trunc('day', now()) - interval '1 day'
    WHERE member_id BETWEEN %s AND %s AND opened_by BETWEEN %s AND %s
"""


def run(members: int, chunk: int | None, seconds: float, rate: float, folder: Path | None) -> bool:
    """`members` are swept beside the bare statements; two thirds as many more beside traffic."""
    chunk = chunk or expiry.CHUNK
    with site.open_site(folder) as here, ExitStack() as ending:
        app = here.app()
        secret = site.new_key(app, "points:write")
        site.close(app)
        click.echo(f"seeding {members:,} members with 3 or 4 lapsed lots, chunks of {chunk}")
        histories.seed(here.database_url, members, lots=3, points=_POINTS, days=-1, third=True)
        url = here.database_url
        with psycopg.connect(url) as connection:
            connection.execute(BARE)
        kept = [_beside_the_bare_statements(here, url, chunk)]
        groups = _crowds(url, members)
        server = ending.enter_context(here.serving("web", url))
        answered = {}
        for kind, (first, last) in groups.items():
            found = _beside_traffic(here, app, server, secret, kind, first, last, seconds, rate)
            kept.append(found[0])
            answered["award" if kind == "award" else "redeem"] = found[1]
        return all([verifying.sound(app, url, answered), *kept])


def _beside_the_bare_statements(here: site.Site, url: str, chunk: int) -> bool:
    copy = make_url(url).set(database="bare").render_as_string(False)
    with psycopg.connect(
        make_url(url).set(database="template1").render_as_string(False), autocommit=True
    ) as connection:
        connection.execute(f"CREATE DATABASE bare TEMPLATE {make_url(url).database}")
    seeding.settle(copy)
    taken: dict[str, list[float]] = {"points_lapse": [], "bare_lapse": []}
    rows = dict.fromkeys(taken, 0)
    with _connected(url) as ours, _connected(copy) as bare:
        spent = {"points_lapse": _cpu(ours), "bare_lapse": _cpu(bare)}
        began = time.perf_counter()
        lists = ours.execute(_CHUNKS, (chunk,)).fetchall()
        listing = time.perf_counter() - began
        for start in range(0, len(lists), _TURN):
            both = [("points_lapse", ours), ("bare_lapse", bare)]
            for name, connection in both if start // _TURN % 2 else reversed(both):
                for at, some in lists[start : start + _TURN]:
                    began = time.perf_counter()
                    row = connection.execute(f"SELECT {name}(%s, %s)", (at, some)).fetchone()
                    taken[name].append(time.perf_counter() - began)
                    rows[name] += row[0] if row else 0
        cpu_ours = _cpu(ours) - spent["points_lapse"]
        cpu_bare = _cpu(bare) - spent["bare_lapse"]
    ours_seconds, bare_seconds = sum(taken["points_lapse"]) + listing, sum(taken["bare_lapse"])
    assert rows["points_lapse"] == rows["bare_lapse"], rows
    for name, label in (("points_lapse", "the sweep"), ("bare_lapse", "bare statements")):
        each = sorted(1000 * one for one in taken[name])
        click.echo(
            f"{label}: {sum(taken[name]):.1f} s for {rows[name]:,} entries in {len(each)} chunks, "
            f"median {statistics.median(each):.1f} ms, longest {each[-1]:.0f} ms"
        )
    click.echo(f"the list of who lapses: {listing:.1f} s, counted in")
    click.echo(f"CPU of PostgreSQL: {cpu_ours:.1f} s against {cpu_bare:.1f} s")
    return verifying.promise(
        "the sweep, of the bare statements' time",
        ours_seconds / bare_seconds,
        BARE_TARGET,
        at_most=True,
    )


def _cpu(connection: psycopg.Connection) -> float:
    return cpu.seconds(connection.info.backend_pid)


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def _crowds(url: str, members: int) -> dict[str, tuple[int, int]]:
    """Members for the sweeps beside awards and beside redemptions; nothing of theirs has lapsed."""
    size = members // 3
    first, second = members + 1, members + size + 1
    histories.seed(url, size, lots=3, points=_POINTS, days=365, first=first, third=True)
    histories.seed(url, size, lots=10, points=_POINTS, days=365, first=second)
    return {"award": (first, second - 1), "redeem": (second, second + size - 1)}


def _beside_traffic(
    here: site.Site,
    app: Flask,
    server: site.Server,
    secret: str,
    kind: str,
    first: int,
    last: int,
    seconds: float,
    rate: float,
) -> tuple[bool, int]:
    """Whether traffic hardly notices a sweep; and how many requests were answered."""
    url = server.address.url

    def traffic() -> tuple[Load, float]:
        with disk.Probe(here.home.path) as probe:
            found = load.requests(
                kind, url, secret, last, seconds, connections=CONNECTIONS, rate=rate, first=first
            )
        return found, probe.longest_ms

    traffic()  # warms up
    idle, idle_disk = traffic()
    with psycopg.connect(here.database_url) as connection:
        ids = (seeding.MEMBER_ID % first, seeding.MEMBER_ID % last)
        lots = connection.execute(_LAPSE_NOW, (*ids, *_LOTS[kind])).rowcount
    seeding.settle(here.database_url)
    sweeping = _InBackground(app, expiry.sweep)
    busy, busy_disk = traffic()
    still = sweeping.is_alive()
    entries, took = sweeping.result()
    click.echo(
        f"{kind}, {rate:g} a second: alone p99 {idle.p99_ms:.1f} ms, longest {idle.max_ms:.0f} ms; "
        f"beside a sweep of {lots:,} lots in {took:.1f} s ({entries:,} entries) "
        f"p99 {busy.p99_ms:.1f} ms, longest {busy.max_ms:.0f} ms; "
        f"errors {idle.errors + busy.errors}"
    )
    click.echo(
        f"  the disk's longest write meanwhile: {idle_disk:.0f} ms alone, {busy_disk:.0f} ms beside"
    )
    if not still:
        click.echo("  (the sweep ended before the traffic: take more members or less seconds)")
    assert busy.p99_ms
    assert idle.p99_ms
    assert busy.max_ms
    kept = [
        verifying.promise(f"{kind}: p99, of p99 alone", busy.p99_ms / idle.p99_ms, P99_TARGET,
                          at_most=True),
        verifying.promise(f"{kind}: longest, ms", busy.max_ms, STALL_TARGET_MS, at_most=True),
    ]  # fmt: skip
    return all(kept) and not idle.errors + busy.errors, idle.operations + busy.operations


class _InBackground:
    """A function at work in a thread of its own, with its own application context."""

    def __init__(self, app: Flask, function: Callable[[], int]) -> None:
        self.found: list[tuple[int, float]] = []

        def work() -> None:
            began = time.perf_counter()
            with app.app_context():
                done = function()
            self.found.append((done, time.perf_counter() - began))

        self.thread = threading.Thread(target=work)
        self.thread.start()

    def is_alive(self) -> bool:
        """Whether it is still at work."""
        return self.thread.is_alive()

    def result(self) -> tuple[int, float]:
        """Wait; what it returned, and the seconds it took."""
        self.thread.join()
        assert self.found, "the sweep failed: see above"
        return self.found[0]
