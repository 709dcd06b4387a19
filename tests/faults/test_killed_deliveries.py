"""Workers that are killed while they send lose no message, and send no marketing twice; whatever
the mail server makes of letters meanwhile. Of a dead worker's batch only that is in doubt which
was on the wire.

`CRM_TEST_STORM=1` makes it a storm: 5,000 messages, 20 deaths, Redis emptied and restarted,
PostgreSQL restarted.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from mail_sink import Sink, mood_of, sink
from processes import Process
from redis import Redis
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from crm import migrations
from crm.app import create_app
from crm.clock import system_now
from crm.config import Config
from crm.db import db, transaction
from crm.ids import uuid7
from crm.launcher import homes
from crm.launcher.postgres import Postgres
from crm.launcher.processes import spawn, stop
from crm.messages import planning, policy, sources
from crm.messages.models import MessageTemplate, MessageTemplateVersion
from crm.messages.planning import Source
from crm.queue import JOBS

STORM = bool(os.environ.get("CRM_TEST_STORM"))
SOURCE = Source("campaign", "storm")
LEASE = 3
WORKERS = 3
CONNECTIONS = 3
# Of one death: what the connections hold, what is written ahead, what came back since.
DOUBTFUL = 5 * CONNECTIONS
KINDS = (("email", "marketing"), ("email", "service"), ("sms", "marketing"))

MEMBERS = text("""
    WITH m AS (
        INSERT INTO member (id, created_at, updated_at, member_no, status, timezone)
        SELECT uuidv7(), now(), now(), (8000000000 + n)::text, 'active', :zone
        FROM generate_series(1, :count) AS n RETURNING id, member_no
    ), i AS (
        INSERT INTO member_identity (kind, value, member_id)
        SELECT 'email', 'm' || member_no || '@storm.test', id FROM m
        UNION ALL SELECT 'phone', '+861' || member_no, id FROM m
    )
    INSERT INTO member_consent (member_id, id, channel, purpose, granted, at, actor)
    SELECT m.id, uuidv7(), c, 'marketing', true, now(), 'test'
    FROM m, unnest(ARRAY['email', 'sms']) AS c
""")
PLANNED = """
    SELECT id AS member_id, :kind || id AS occasion, NULL::jsonb AS variables,
           NULL::timestamptz AS due_at, NULL::timestamptz AS not_after, NULL AS state,
           NULL AS reason
    FROM member WHERE member_no LIKE '8%'
"""
STATES = text("""
    SELECT (SELECT json_object_agg(state, n) FROM (
               SELECT state, count(*) AS n FROM message GROUP BY 1) AS s),
           (SELECT json_object_agg(figure, n) FROM (
               SELECT figure, sum(n) AS n FROM message_count GROUP BY 1) AS f)
""")


def noon() -> str:
    """A zone in which it is about noon now: nothing here is about quiet hours."""
    ahead = 12 - system_now().hour
    return f"Etc/GMT{-ahead:+d}"


def plan_all(count: int) -> None:
    """A marketing mail, a service mail and a marketing text message to every member."""
    with transaction():
        policy.put(
            {"caps": {"per_day": 9, "per_week": 9}}
            | {"retries": {"most": 8, "first_seconds": 1, "longest_seconds": 2}},
            now=system_now(),
        )
        db.session.execute(MEMBERS, {"count": count, "zone": noon()})
    for channel, purpose in KINDS:
        form = MessageTemplate(
            id=uuid7(), code=f"{channel}.{purpose}", channel=channel, purpose=purpose, version=1,
            created_at=system_now(), changed_at=system_now(),
        )  # fmt: skip
        said = {"en": {"subject": "x", "text": "x"} if channel == "email" else {"text": "x"}}
        with transaction():
            db.session.add(form)
            db.session.flush()
            db.session.add(
                MessageTemplateVersion(
                    template_id=form.id, version=1, languages=said, created_by="test",
                    created_at=system_now(),
                )
            )  # fmt: skip
            planning.plan_select(
                PLANNED, {"kind": f"{channel}.{purpose}:"}, template_id=form.id, source=SOURCE,
                now=system_now(),
            )  # fmt: skip


@dataclass
class Storm:
    """Workers that die while they send, and others that take their place."""

    settings: Config
    mails: Sink
    texts: Path
    whole: int
    workers: list[Process]
    deaths: int = 0
    looks: int = 0

    def start(self) -> None:
        """One more worker."""
        self.workers.append(
            Process(
                self.settings, "-m", "sms_worker", "worker", CRM_SMTP_HOST="127.0.0.1",
                CRM_SMTP_PORT=str(self.mails.port), CRM_SMTP_TLS="none", CRM_LOG_LEVEL="ERROR",
                CRM_SMTP_FROM="shop@storm.test", CRM_SMTP_CONNECTIONS=str(CONNECTIONS),
                CRM_SMTP_TIMEOUT_SECONDS="2", CRM_MESSAGE_LEASE_SECONDS=str(LEASE),
                SMS_FILE=str(self.texts),
            )
        )  # fmt: skip

    def kill_one(self) -> None:
        """The worker that began first, which is surely at work, dies, and another begins."""
        gone = self.workers.pop(0)
        gone.kill()
        gone.end()
        self.deaths += 1
        self.start()

    def done(self) -> int:
        """How many calls the providers got."""
        lines = self.texts.read_text().count("\n") if self.texts.exists() else 0
        return len(self.mails.taken) + lines

    def tick(self) -> None:
        """What the scheduler does every minute, every moment."""
        with transaction():
            now = system_now()
            JOBS["messages.deliver"].put(now.isoformat(), key=f"storm:{uuid7()}")

    def look(self) -> dict[str, int]:
        """Where all messages stand; the figures must say the same at this very instant."""
        states, figures = db.session.execute(STATES).one()
        db.session.rollback()
        pending = states.get("waiting", 0) + states.get("sending", 0)
        by_figure = {k: v for k, v in states.items() if k not in ("waiting", "sending")}
        if pending:
            by_figure["pending"] = pending
        assert {k: v for k, v in figures.items() if v} == by_figure
        assert sum(states.values()) == self.whole
        self.looks += 1
        return states

    def rage(self, deaths: int, seconds: float, mishaps: dict[int, object]) -> None:
        """Kill workers as their work goes on, until all is decided."""
        for _ in range(WORKERS):
            self.start()
        end = time.monotonic() + seconds
        while True:
            try:
                states = self.look()
                self.tick()
            except OperationalError:  # PostgreSQL is being restarted
                db.session.remove()
                time.sleep(0.3)
                continue
            if self.done() > self.whole * (self.deaths + 1) / (deaths + 2) and self.deaths < deaths:
                self.kill_one()
                mishap = mishaps.pop(self.deaths, None)
                if callable(mishap):
                    mishap()
            if not states.get("waiting") and not states.get("sending"):
                return
            assert time.monotonic() < end, (states, self.deaths, self.done())
            time.sleep(0.1)


def check(storm: Storm) -> list[tuple[str, int]]:
    """Nothing is lost; what can't be known is said to be unknown, and is little; no marketing came
    twice. Returns what happened, as a table."""
    rows = db.session.execute(
        text("""
            SELECT m.id::text, m.channel, m.purpose, m.state, m.reason, m.attempts,
                   i.value AS address
            FROM message m JOIN member_identity i ON i.member_id = m.member_id AND i.kind = 'email'
        """)
    ).all()
    db.session.rollback()
    mails = Counter(storm.mails.taken)
    texts = set(storm.texts.read_text().split())
    for row in rows:
        if row.channel == "sms":
            assert (row.state, row.id in texts) == ("sent", True), row
        elif mood_of(row.address) == "550":
            # The second to an address that does not exist is not even tried.
            assert (row.state, row.reason) in {
                ("failed", "refused"), ("suppressed", "address_suppressed")
            }, row  # fmt: skip
            assert mails[row.id] == 0, row
        elif row.purpose == "service":
            assert (row.state, mails[row.id] >= 1) == ("sent", True), row
            assert mails[row.id] <= row.attempts, row
        elif row.state == "sent":
            assert mails[row.id] == 1, row
        else:
            assert (row.state, row.reason) in {
                ("unknown", "interrupted"), ("unknown", "no_answer")
            }, row  # fmt: skip
            assert mails[row.id] <= 1, row
    states = Counter((row.state, row.reason) for row in rows)
    doubles = sum(count - 1 for count in mails.values())
    lost_answers = storm.mails.moods["cut"] + storm.mails.moods["swallow"]
    assert states["unknown", "no_answer"] <= lost_answers
    assert states["unknown", "interrupted"] <= storm.deaths * DOUBTFUL
    assert doubles <= storm.deaths * DOUBTFUL + lost_answers
    figures = sources.figures(SOURCE)
    assert figures.planned == storm.whole == figures.sent + figures.failed + figures.suppressed
    assert figures.pending == 0
    return [
        ("messages planned", storm.whole),
        ("workers killed -9", storm.deaths),
        *((f"server's mood: {mood}", n) for mood, n in sorted(storm.mails.moods.items())),
        *((f"{state}{f': {reason}' if reason else ''}", n)
          for (state, reason), n in sorted(states.items(), key=str)),
        ("service mails that came twice", doubles),
        ("marketing that came twice", 0),
        ("lost", 0),
        ("looks at figures that added up", storm.looks),
    ]  # fmt: skip


@pytest.fixture
def mails() -> Iterator[Sink]:
    with sink(0.005, moody=True) as server:
        yield server


@pytest.fixture
def tell(capsys):
    """Prints a table, whatever pytest captures."""

    def show(table: list[tuple[str, int]]) -> None:
        lines = [f"  {name:<36} {count:>6,}" for name, count in table]
        with capsys.disabled():
            sys.stdout.write("\n".join(["", *lines, ""]))

    return show


def rage(settings: Config, mails: Sink, folder: Path, members: int, deaths: int, seconds: float,
         mishaps: dict[int, object]) -> list[tuple[str, int]]:  # fmt: skip
    plan_all(members)
    storm = Storm(settings, mails, folder / "texts", members * len(KINDS), [])
    try:
        storm.rage(deaths, seconds, mishaps)
    finally:
        for worker in storm.workers:
            worker.end()
    assert storm.deaths >= deaths
    assert storm.looks > deaths
    return check(storm)


def test_killed_workers_lose_nothing_and_send_no_marketing_twice(
    committed, settings, mails, tmp_path, tell
):
    tell(rage(settings, mails, tmp_path, members=100, deaths=4, seconds=120, mishaps={}))


@pytest.mark.skipif(not STORM, reason="CRM_TEST_STORM=1 runs it; it takes minutes")
@pytest.mark.timeout(900)
def test_a_storm_over_workers_redis_and_postgresql(
    no_database, settings, restartable_valkey, mails, tmp_path, tell
):
    redis_url, forget = restartable_valkey
    with ExitStack() as ending:
        home = ending.enter_context(homes.occupy(tmp_path / "home", os.getpid()))
        postgres = Postgres(home, lasting=True)
        ending.callback(postgres.tidy)
        postgres.prepare()
        program = postgres.program()
        running = [spawn(program)]
        ending.callback(lambda: stop(program, running[-1], program.grace_seconds))
        url = postgres.wait_until_ready(running[-1], "regulars")

        def restart() -> None:
            stop(program, running[-1], program.grace_seconds)
            running.append(spawn(program))
            postgres.wait_until_ready(running[-1], "regulars")

        own = replace(settings, database_url=url, redis_url=redis_url)
        migrations.upgrade(own.sqlalchemy_url)
        app = create_app(own)
        with app.app_context():
            mishaps = {
                5: restart,
                9: Redis.from_url(redis_url).flushall,
                12: forget,
                15: restart,
            }
            tell(rage(own, mails, tmp_path, members=1667, deaths=20, seconds=600, mishaps=mishaps))
            db.session.remove()
            for engine in db.engines.values():
                engine.dispose()
