"""A redemption over ten lots: the ledger's one statement, an ORM loop, and one lot; one connection.

All three are called in this process, so that nothing but the redemption is measured.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import click
from flask import Flask
from sqlalchemy import Engine, create_engine, insert, select
from sqlalchemy.orm import Session

from bench import contest, histories, seeding, site, twin, verifying
from bench.contest import Contender, Load
from crm.db import call
from crm.points.ledger import REDEEM

POINTS = 100
LOTS = 10
LOOP_TARGET, LOT_TARGET = 7, 0.85
_EVER = datetime(2199, 1, 1, tzinfo=UTC)


def run(count: int, rounds: int, folder: Path | None) -> bool:
    """Measure, print the table, verify the ledger; whether all is as promised."""
    with site.open_site(folder) as here:
        turns = rounds + 1  # one to warm up
        click.echo(f"seeding {2 * turns * count:,} members, who are redeemed once each")
        app = here.app()
        many, first = turns * count, turns * count + 1
        histories.seed(here.database_url, many, lots=LOTS, points=POINTS // LOTS, days=365)
        histories.seed(here.database_url, many, lots=1, points=POINTS, days=365, first=first)
        loop = _prepare_loop(here.new_database("loop"), turns * count)
        contenders = [
            Contender("the same by an ORM loop", _turns(loop, _loop, count, 1), None),
            Contender("over ten lots", _turns(app, _redeem, count, 1), None),
            Contender("over one lot", _turns(app, _redeem, count, first), None),
        ]
        samples = contest.run(
            contenders, here.postgres, rounds=rounds, seconds=60, report=click.echo
        )
        loop.dispose()
        click.echo(f"\n{contest.table(contenders, samples)}\n")
        over_loop, over_lot = (contest.ratio(samples[1], samples[at]) for at in (0, 2))
        kept = [
            verifying.promise("ten lots, of the ORM loop's rate", over_loop, LOOP_TARGET),
            verifying.promise("ten lots, of one lot's rate", over_lot, LOT_TARGET),
        ]
        sound = verifying.sound(app, here.database_url, {"redeem": 2 * turns * count})
        return all(kept) and sound


def _turns(
    where: Flask | Engine, redeem: Callable, count: int, first: int
) -> Callable[[float], Load]:
    """Drives a turn: `count` redemptions of members who have not been redeemed yet."""
    numbers = iter(range(first, first + 10**9))

    def drive(seconds: float) -> Load:
        began, errors, done = time.perf_counter(), 0, 0
        for good in redeem(where, [UUID(seeding.MEMBER_ID % next(numbers)) for _ in range(count)]):
            done += good
            errors += not good
        taken = time.perf_counter() - began
        return Load(done, taken, errors, 1000 * taken / count)

    return drive


def _redeem(app: Flask, members: list[UUID]) -> Iterator[bool]:
    """The product's own statement, as the door of the API calls it."""
    with app.app_context():
        for member in members:
            head = (None, uuid4(), uuid4(), datetime.now(UTC), False, "id", str(member))
            row = call(REDEEM, (*head, POINTS, "bench", "bench"))
            yield row is not None and row[0] == 201


def _prepare_loop(url: str, members: int) -> Engine:
    """The twin's tables with ten lots for each member."""
    twin.prepare(url, members, "unused")
    engine = create_engine(twin.driver_url(url), pool_size=1)
    with engine.begin() as connection:
        for start in range(1, members + 1, 5_000):
            ids = [
                UUID(seeding.MEMBER_ID % n) for n in range(start, min(start + 5_000, members + 1))
            ]
            entries = [
                {"id": uuid4(), "member_id": one, "activity": "seed", "source_key": str(one)}
                | {"points": 1000, "balance_after": 1000}
                for one in ids
            ]
            connection.execute(insert(twin.Entry), entries)
            lots = [
                {"id": uuid4(), "entry_id": entry["id"], "member_id": entry["member_id"]}
                | {"remaining": POINTS // LOTS, "expires_at": _EVER}
                for entry in entries
                for _ in range(LOTS)
            ]
            connection.execute(insert(twin.Lot), lots)
    seeding.settle(url)
    return engine


def _loop(engine: Engine, members: list[UUID]) -> Iterator[bool]:
    """As most people would write it: lock, load the lots, loop, one commit."""
    for member in members:
        with Session(engine) as session, session.begin():
            account = session.get(twin.Account, member, with_for_update=True)
            if account is None or account.balance < POINTS:
                yield False
                continue
            left = POINTS
            lots = session.scalars(
                select(twin.Lot)
                .where(twin.Lot.member_id == member, twin.Lot.remaining > 0)
                .order_by(twin.Lot.expires_at, twin.Lot.id)
            )
            account.balance -= POINTS
            entry = twin.Entry(
                member_id=member,
                activity="redeem",
                source_key=str(uuid4()),
                points=-POINTS,
                balance_after=account.balance,
            )
            session.add(entry)
            session.flush()
            for lot in lots:
                taken = min(left, lot.remaining)
                lot.remaining -= taken
                left -= taken
                session.add(twin.Movement(entry_id=entry.id, lot_id=lot.id, points=-taken))
                if not left:
                    break
        yield left == 0
