"""A shop with members who agreed to mails, workers, and a mail server that keeps nothing."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from flask import Flask
from redis import Redis
from sqlalchemy import text

from bench import cpu, site
from crm.clock import system_now
from crm.db import db, transaction
from crm.ids import uuid7
from crm.messages import planning, policy
from crm.messages.models import MessageTemplate, MessageTemplateVersion
from crm.messages.planning import Source

WORKERS = 2
START_SECONDS = 60
CHUNK = 100_000  # members of one statement, which may take two minutes
ROW = (
    "<p>亲爱的会员 {{ member.name | default: 'friend' }}，生日快乐！ Your coupon: "
    "{{ coupon.code }}</p>"
)
FILLER = "<p>亲爱的会员 王小明，生日快乐！ Your coupon: ABC123</p>" * 34
LINKS = (
    "<p><a href='https://shop.example/spring?from=mail'>Spring</a> "
    "<a href='https://shop.example/account'>Account</a> "
    "<a href='{{ links.unsubscribe }}'>x</a></p>"
)
HTML = f"<html><body>{ROW}{FILLER}{LINKS}</body></html>"
SAID = {
    "en": {"subject": "Happy birthday, {{ member.name | default: 'friend' }}", "html": HTML}
    | {"text": "Your coupon: {{ coupon.code }}"}
}
MEMBERS = text("""
    WITH m AS (
        INSERT INTO member (id, created_at, updated_at, member_no, status, name, timezone)
        SELECT uuidv7(), now(), now(), (7000000000 + n)::text, 'active', 'Member ' || n, :zone
        FROM generate_series(:first, :last) AS n RETURNING id, member_no
    ), i AS (
        INSERT INTO member_identity (kind, value, member_id)
        SELECT 'email', 'm' || member_no || '@bench.test', id FROM m
    )
    INSERT INTO member_consent (member_id, id, channel, purpose, granted, at, actor)
    SELECT id, uuidv7(), 'email', purpose, true, now(), 'bench'
    FROM m CROSS JOIN (VALUES ('marketing'), ('profiling')) AS p (purpose)
""")
AUDIENCE = """
    SELECT id AS member_id, :campaign || id AS occasion,
           jsonb_build_object('coupon', jsonb_build_object('code', 'A' || member_no)) AS variables,
           NULL::timestamptz AS due_at, NULL::timestamptz AS not_after, NULL AS state,
           NULL AS reason
    FROM member ORDER BY id LIMIT :most
"""
# Of the figures, which are few: to look for a row that waits reads all that have gone.
LEFT = "SELECT coalesce(sum(n), 0) > 0 FROM message_count WHERE figure = 'pending'"


@dataclass(frozen=True)
class Turn:
    """One campaign: seconds from the click until it was planned, and from then to the last letter;
    CPU per mail in µs of our processes and of PostgreSQL's."""

    planned: float
    sent: float
    ours_us: float
    postgres_us: float

    @property
    def whole(self) -> float:
        """From the click to the last letter."""
        return self.planned + self.sent


@dataclass
class Shop:
    """Campaigns are launched here, while workers run."""

    here: site.Site
    app: Flask
    template: MessageTemplate
    shell: subprocess.Popen
    launched: int = 0

    def campaign(self, count: int) -> Turn:
        """Plan for `count` members, which wakes the workers, and wait for the last letter."""
        self.launched += 1
        name = f"bench {self.launched}"
        spent = cpu.seconds(self.shell.pid), cpu.seconds(self.here.postgres)
        began = time.perf_counter()
        with self.app.app_context(), transaction():
            planned = planning.plan_select(
                AUDIENCE, {"campaign": f"{name}:", "most": count}, template_id=self.template.id,
                source=Source("campaign", name), now=system_now(),
            )  # fmt: skip
        assert planned == count
        launched = time.perf_counter()
        with psycopg.connect(self.here.database_url, autocommit=True) as line:
            while line.execute(LEFT).fetchone() == (True,):
                time.sleep(0.02)
        ended = time.perf_counter()
        ours = cpu.seconds(self.shell.pid) - spent[0]
        postgres = cpu.seconds(self.here.postgres) - spent[1]
        return Turn(launched - began, ended - launched, 1e6 * ours / count, 1e6 * postgres / count)

    def worker_megabytes(self) -> list[float]:
        """The memory that each worker holds now."""
        return [_resident(pid) for pid in cpu.children(self.shell.pid)]

    def redis_megabytes(self) -> float:
        """The memory that Redis holds."""
        redis = Redis.from_url(self.here.environment["REDIS_URL"])
        return redis.info("memory")["used_memory"] / 1e6  # type: ignore[index]

    def tidy(self) -> None:
        """Forget finished campaigns, so that turns are alike."""
        with psycopg.connect(self.here.database_url, autocommit=True) as line:
            line.execute("TRUNCATE message_event, message_flight, message_day, message_count")
            line.execute("TRUNCATE message CASCADE")
            line.execute("CHECKPOINT")


@contextmanager
def opened(here: site.Site, count: int, port: int, *, connections: int = 20) -> Iterator[Shop]:
    """A shop of `count` members whose workers send to a mail server on `port` of this machine."""
    app = here.app()
    template = seed(app, count)
    with _workers(here, port, connections) as shell:
        yield Shop(here, app, template, shell)
    site.close(app)


def seed(app: Flask, count: int) -> MessageTemplate:
    """Members who agreed, a template of a letter of 4.4 kB, no caps, no quiet hours."""
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
            db.session.add(found)
            db.session.flush()
            db.session.add(
                MessageTemplateVersion(
                    template_id=found.id, version=1, languages=SAID, created_by="bench",
                    created_at=now,
                )
            )  # fmt: skip
        for first in range(1, count + 1, CHUNK):
            with transaction():
                values = {"first": first, "last": min(first + CHUNK - 1, count), "zone": zone}
                db.session.execute(MEMBERS, values)
        db.session.expunge_all()
    with psycopg.connect(app.extensions["crm.config"].database_url, autocommit=True) as line:
        line.execute("VACUUM (ANALYZE)")
    return found


@contextmanager
def _workers(here: site.Site, port: int, connections: int) -> Iterator[subprocess.Popen]:
    """Workers as they run in production, under one shell whose CPU time is theirs."""
    mail: Mapping[str, str] = {
        "CRM_SMTP_HOST": "127.0.0.1", "CRM_SMTP_PORT": str(port), "CRM_SMTP_TLS": "none",
        "CRM_SMTP_FROM": "Shop <shop@bench.test>", "CRM_LOG_LEVEL": "ERROR",
        "CRM_SMTP_CONNECTIONS": str(connections),
    }  # fmt: skip
    one = f"{sys.executable} -m crm worker &"
    shell = f"trap 'kill $(jobs -p); wait' TERM; {one * WORKERS} wait"
    process = subprocess.Popen(["/bin/bash", "-c", shell], env={**here.environment, **mail})
    try:
        _wait_until_ready(here.environment["REDIS_URL"], process)
        yield process
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


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    return 0.0


@contextmanager
def sink(port: int, *, delay: float = 0) -> Iterator[None]:
    """A mail server that keeps nothing: smtp-sink, or our own where it is missing or answers are to
    come late."""
    tool = None if delay else shutil.which("smtp-sink", path=f"{os.environ['PATH']}:/usr/sbin")
    own = [sys.executable, str(Path(__file__).with_name("mail_sink.py")), str(port), str(delay)]
    account = ("-u", "nobody") if os.geteuid() == 0 else ()  # it will not serve as root
    process = subprocess.Popen([tool, *account, f"127.0.0.1:{port}", "500"] if tool else own)
    time.sleep(0.5)
    assert process.poll() is None, "the mail sink does not start"
    try:
        yield
    finally:
        process.kill()
        process.wait()
