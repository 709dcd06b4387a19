"""A day's birthdays among a million members: what the tick that gives them asks of the database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import psycopg
from sqlalchemy import event

from bench import seeding, site, verifying
from crm.campaigns.journeys import due, running, switching
from crm.coupons import templates
from crm.db import db, transaction

SECONDS_TARGET = 1.0
DAY = timedelta(days=1)
COUPON = {"name": "Birthday", "kind": "amount", "value": 2000, "valid_days": 30}
ZONES = ("Asia/Shanghai",) * 8 + ("Asia/Hong_Kong", "America/New_York")
PEOPLE = """
    UPDATE member SET birthday_month = extract(month FROM d.day), birthday_calendar = d.calendar,
        birthday_day = extract(day FROM d.day), timezone = (%(zones)s::text[])[d.zone]
    FROM (
        SELECT id, date '2024-01-01' + (random() * 365)::integer AS day,
               CASE WHEN random() < 0.1 THEN 'lunar' ELSE 'solar' END AS calendar,
               1 + (random() * 9)::integer AS zone
        FROM member
    ) d WHERE d.id = member.id
"""
CONSENTS = """
    INSERT INTO member_consent (member_id, id, channel, purpose, granted, at, actor)
    SELECT id, uuidv7(), 'email', 'marketing', true, created_at, 'bench'
    FROM member WHERE random() < 0.6
"""


def run(members: int, folder: Path | None) -> bool:
    """A day of greetings, tick by tick, and a day on which each brings points and a coupon too."""
    with site.open_site(folder) as here:
        app = here.app()
        click.echo(f"seeding {members:,} members with birthdays")
        seeding.seed(here.database_url, members)
        with psycopg.connect(here.database_url) as connection:
            connection.execute(PEOPLE, {"zones": list(ZONES)})
            connection.execute(CONSENTS)
        seeding.settle(here.database_url)
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        with app.app_context():
            _switch(midnight - DAY, {})
            greetings = _day("greetings", midnight)
            with transaction():
                coupon = templates.create(COUPON, now=midnight).id
            _switch(midnight + DAY, {"points": 100, "coupon_template": str(coupon)})
            _day("with points and a coupon", midnight + DAY)
            db.session.remove()
        site.close(app)
        return verifying.promise(
            "seconds of SQL of the fullest tick of greetings", greetings, SECONDS_TARGET,
            at_most=True,
        )  # fmt: skip


def _switch(now: datetime, settings: dict[str, Any]) -> None:
    with transaction():
        switching.change("birthday", {"enabled": True, "settings": settings}, now=now)


def _day(label: str, midnight: datetime) -> float:
    """Tick by tick through a day; the seconds of SQL of the fullest one."""
    longest, idle = 0.0, 0.0
    for hour in range(25):
        with _clocked() as taken:
            count = _tick(midnight + timedelta(hours=hour, minutes=5))
        if hour == 0:
            continue  # what was due when it was switched on, a day's backlog, is no usual tick
        if count:
            click.echo(f"{label}, hour {hour:2}: {count:,} birthdays, {taken[0]:.2f} s of SQL")
            longest = max(longest, taken[0])
        else:
            idle = max(idle, taken[0])
    click.echo(f"{label}: a tick without any, {1000 * idle:.0f} ms at most")
    return longest


def _tick(now: datetime) -> int:
    handled, after = 0, due.NOBODY
    while after is not None:
        with transaction():
            done, after = running.step("birthday", after, now=now)
        handled += done
    return handled


@contextmanager
def _clocked() -> Iterator[list[float]]:
    """The seconds that statements take, commits included."""
    taken, began = [0.0], [0.0]
    engine = db.engine

    def before(*_: object) -> None:
        began[0] = time.perf_counter()

    def after(*_: object) -> None:
        taken[0] += time.perf_counter() - began[0]

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    try:
        yield taken
    finally:
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)
