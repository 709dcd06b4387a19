"""Planning: a campaign's rows from an audience, beside a bare INSERT … SELECT of the same rows.

The bare table has the same columns and indexes, and nothing else: nobody reads the audience, makes
keys of occasions, passes over those that are known, checks whom messages are for, or counts them.
"""

import statistics
import time
from pathlib import Path

import click
import psycopg

from bench import mail_shop, site, verifying
from crm.clock import system_now
from crm.db import transaction
from crm.messages import planning
from crm.messages.planning import Source

TARGET = 3.0
BARE = """
    CREATE TABLE bare_message (LIKE message INCLUDING DEFAULTS INCLUDING INDEXES)
"""
FILL = "INSERT INTO bare_message SELECT * FROM message"


def run(count: int, rounds: int, folder: Path | None) -> bool:
    """Plan `count` messages and write the same rows bare, in turns."""
    with site.open_site(folder) as here:
        app = here.app()
        template = mail_shop.seed(app, count)
        ours, bare = [], []
        for number in range(rounds):
            ours.append(_planned(app, template.id, number, count))
            bare.append(_bare(here.database_url))
        site.close(app)
    ratio = statistics.median(one / other for one, other in zip(ours, bare, strict=True))
    rates = [count / statistics.median(one) for one in (ours, bare)]
    click.echo(f"{count:,} messages: {rates[0]:,.0f} a second planned, {rates[1]:,.0f} bare")
    return verifying.promise("times as long as bare", ratio, TARGET, at_most=True)


def _planned(app, template_id, number: int, count: int) -> float:
    with app.app_context():
        began = time.perf_counter()
        with transaction():
            done = planning.plan_select(
                mail_shop.AUDIENCE, {"campaign": f"plan {number}:", "most": count},
                template_id=template_id, source=Source("campaign", f"plan {number}"),
                now=system_now(),
            )  # fmt: skip
        assert done == count
        return time.perf_counter() - began


def _bare(url: str) -> float:
    with psycopg.connect(url, autocommit=True) as line:
        line.execute(BARE)
        began = time.perf_counter()
        line.execute(FILL)
        seconds = time.perf_counter() - began
        line.execute("DROP TABLE bare_message; TRUNCATE message CASCADE; CHECKPOINT")
    return seconds
