"""Mail: from a planned campaign to the last letter, beside Debian's smtp-source and its sink.

smtp-source only sends one text over and over: no audience, no database, no row per recipient, no
letter of its own for anybody. It is the most that the sink and the machine can take.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import psycopg
from flask import Flask
from redis import Redis
from sqlalchemy import text

from bench import cpu, site, verifying
from crm.clock import system_now
from crm.db import db, transaction
from crm.ids import uuid7
from crm.messages import planning, policy
from crm.messages.models import MessageTemplate, MessageTemplateVersion
from crm.messages.planning import Source

CPU_TARGET_US = 100  # of our processes, per mail
SHARE_TARGET = 0.4  # of smtp-source's rate
SIZE = 4_400  # bytes of a letter, about
WORKERS = 2
START_SECONDS = 60
ROW = (
    "<p>亲爱的会员 {{ member.name | default: 'friend' }}，生日快乐！ Your coupon: "
    "{{ coupon.code }}</p>"
)
FILLER = "<p>亲爱的会员 王小明，生日快乐！ Your coupon: ABC123</p>" * 36
HTML = f"<html><body>{ROW}{FILLER}<p><a href='{{{{ links.unsubscribe }}}}'>x</a></p></body></html>"
SAID = {
    "en": {"subject": "Happy birthday, {{ member.name | default: 'friend' }}", "html": HTML}
    | {"text": "Your coupon: {{ coupon.code }}"}
}
MEMBERS = text("""
    WITH m AS (
        INSERT INTO member (id, created_at, updated_at, member_no, status, name, timezone)
        SELECT uuidv7(), now(), now(), (7000000000 + n)::text, 'active', 'Member ' || n, :zone
        FROM generate_series(1, :count) AS n RETURNING id, member_no
    ), i AS (
        INSERT INTO member_identity (kind, value, member_id)
        SELECT 'email', 'm' || member_no || '@bench.test', id FROM m
    )
    INSERT INTO member_consent (member_id, id, channel, purpose, granted, at, actor)
    SELECT id, uuidv7(), 'email', 'marketing', true, now(), 'bench' FROM m
""")
AUDIENCE = """
    SELECT id AS member_id, :campaign || id AS occasion,
           jsonb_build_object('coupon', jsonb_build_object('code', 'A' || member_no)) AS variables,
           NULL::timestamptz AS due_at, NULL::timestamptz AS not_after, NULL AS state,
           NULL AS reason
    FROM member
"""
LEFT = "SELECT EXISTS (SELECT FROM message WHERE state IN ('waiting', 'sending'))"
SENT = "SELECT count(*) FILTER (WHERE state = 'sent'), count(*) FROM message"


@dataclass(frozen=True)
class Turn:
    """One campaign: seconds from the click to the last letter, and CPU per mail in µs."""

    seconds: float
    ours_us: float
    postgres_us: float


def run(count: int, rounds: int, folder: Path | None) -> bool:
    """Campaigns to `count` members, each in turn with as many letters of smtp-source."""
    with site.open_site(folder) as here, ExitStack() as ending:
        app = here.app()
        port = site.free_port()
        tool = shutil.which("smtp-source", path=f"{here.environment['PATH']}:/usr/sbin")
        ending.enter_context(_sink(port))
        template = _seed(app, count)
        ending.enter_context(_workers(here, port))
        ours, theirs = [], []
        for number in range(rounds):
            ours.append(_campaign(here, app, template, number, count))
            if tool:
                theirs.append(_source(tool, port, count))
        kept = [_all_went(here, count * rounds), *_told(count, ours, theirs)]
        site.close(app)
        return all(kept)


def _told(count: int, ours: list[Turn], theirs: list[float]) -> list[bool]:
    rate = count / statistics.median(turn.seconds for turn in ours)
    spent = statistics.median(turn.ours_us for turn in ours)
    postgres = statistics.median(turn.postgres_us for turn in ours)
    click.echo(f"{count:,} mails: {rate:,.0f} a second; PostgreSQL {postgres:.0f} µs CPU per mail")
    kept = [verifying.promise("our CPU per mail, µs", spent, CPU_TARGET_US, at_most=True)]
    if theirs:
        best = count / statistics.median(theirs)
        click.echo(f"smtp-source: {best:,.0f} a second")
        kept.append(verifying.promise("of smtp-source's rate", rate / best, SHARE_TARGET))
    else:
        click.echo("smtp-source is not here (Debian: apt-get install postfix): no ratio")
    return kept


def _seed(app: Flask, count: int) -> MessageTemplate:
    """Members who agreed, a template of about `SIZE` bytes, no caps, no quiet hours."""
    now = system_now()
    found = MessageTemplate(
        id=uuid7(), code="bench", channel="email", purpose="marketing", version=1,
        created_at=now, changed_at=now,
    )  # fmt: skip
    with app.app_context():
        with transaction():
            policy.put({"caps": {"per_day": 1000, "per_week": 1000}}, now=now)
            ahead = 12 - now.hour
            zone = f"Etc/GMT{-ahead:+d}"  # where it is about noon
            db.session.execute(MEMBERS, {"count": count, "zone": zone})
            db.session.add(found)
            db.session.flush()
            db.session.add(
                MessageTemplateVersion(
                    template_id=found.id, version=1, languages=SAID, created_by="bench",
                    created_at=now,
                )
            )  # fmt: skip
        db.session.expunge_all()
    with psycopg.connect(app.extensions["crm.config"].database_url, autocommit=True) as line:
        line.execute("VACUUM (ANALYZE)")
    return found


def _campaign(
    here: site.Site, app: Flask, template: MessageTemplate, number: int, count: int
) -> Turn:
    """Plan for everybody, which wakes the workers, and wait for the last letter."""
    spent = cpu.seconds(_own()), cpu.seconds(here.postgres)
    began = time.perf_counter()
    with app.app_context(), transaction():
        planned = planning.plan_select(
            AUDIENCE, {"campaign": f"bench:{number}:"}, template_id=template.id,
            source=Source("campaign", f"bench {number}"), now=system_now(),
        )  # fmt: skip
    assert planned == count
    with psycopg.connect(here.database_url, autocommit=True) as line:
        while line.execute(LEFT).fetchone() == (True,):
            time.sleep(0.02)
    seconds = time.perf_counter() - began
    ours = cpu.seconds(_own()) - spent[0]
    postgres = cpu.seconds(here.postgres) - spent[1]
    return Turn(seconds, 1e6 * ours / count, 1e6 * postgres / count)


_running: list[subprocess.Popen] = []


def _own() -> int:
    """The process above our workers."""
    return _running[0].pid


@contextmanager
def _workers(here: site.Site, port: int) -> Iterator[None]:
    """Workers as they run in production, under one shell whose CPU time is theirs."""
    mail: Mapping[str, str] = {
        "CRM_SMTP_HOST": "127.0.0.1", "CRM_SMTP_PORT": str(port), "CRM_SMTP_TLS": "none",
        "CRM_SMTP_FROM": "Shop <shop@bench.test>", "CRM_LOG_LEVEL": "ERROR",
    }  # fmt: skip
    one = f"{sys.executable} -m crm worker &"
    shell = f"trap 'kill $(jobs -p); wait' TERM; {one * WORKERS} wait"
    process = subprocess.Popen(["/bin/bash", "-c", shell], env={**here.environment, **mail})
    _running[:] = [process]
    try:
        _wait_until_ready(here.environment["REDIS_URL"], process)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_ready(redis_url: str, process: subprocess.Popen) -> None:
    redis = Redis.from_url(redis_url)
    deadline = time.monotonic() + START_SECONDS
    while len(redis.smembers("rq:workers")) < WORKERS:  # type: ignore[arg-type]
        assert process.poll() is None, "the workers do not start"
        assert time.monotonic() < deadline, "the workers do not start"
        time.sleep(0.1)


@contextmanager
def _sink(port: int) -> Iterator[None]:
    tool = shutil.which("smtp-sink") or shutil.which("smtp-sink", path="/usr/sbin")
    own = [sys.executable, str(Path(__file__).with_name("mail_sink.py")), str(port)]
    account = ("-u", "nobody") if os.geteuid() == 0 else ()  # it will not serve as root
    process = subprocess.Popen([tool, *account, f"127.0.0.1:{port}", "500"] if tool else own)
    time.sleep(0.5)
    assert process.poll() is None, "the mail sink does not start"
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _source(tool: str, port: int, count: int) -> float:
    began = time.perf_counter()
    command = [tool, "-d", "-s", "10", "-m", str(count), "-l", str(SIZE), f"127.0.0.1:{port}"]
    subprocess.run(command, check=True)
    return time.perf_counter() - began


def _all_went(here: site.Site, count: int) -> bool:
    with psycopg.connect(here.database_url) as line:
        sent, whole = line.execute(SENT).fetchone() or (0, 0)
    click.echo(f"messages: {whole:,} planned, {sent:,} sent")
    return sent == whole == count
