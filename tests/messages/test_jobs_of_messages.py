"""Workers come when something is due, help each other with a crowd, and leave what can't go."""

from datetime import timedelta

import pytest
from clocks import set_to
from providers import Scripted
from readers import NOW
from sqlalchemy import text
from test_delivery import plan, went

from crm.db import db, transaction
from crm.messages import channels, planning
from crm.messages.channels.provider import TryLater
from crm.messages.models import Message
from crm.messages.planning import Source
from crm.queue import JOBS

TASKS = text("""
    SELECT key, due_at FROM task WHERE job = 'messages.deliver' AND state = 'waiting'
    ORDER BY due_at, key
""")


def tasks() -> list:
    return db.session.execute(TASKS).all()


def run_next() -> None:
    """Do the next task of delivering, as a worker would."""
    first = tasks()[0]
    with transaction():
        db.session.execute(text("UPDATE task SET state = 'done' WHERE key = :k"), {"k": first.key})
    JOBS["messages.deliver"](NOW.isoformat())


@pytest.fixture
def provider(monkeypatch) -> Scripted:
    found = Scripted()
    monkeypatch.setattr(channels, "provider_of", lambda channel: found)
    return found


def test_planning_something_due_calls_one_worker_per_transaction(reader, template):
    members, form = [reader() for _ in range(3)], template()
    with transaction():
        for one in members:
            planning.plan(one, occasion=f"{one}", template_id=form, source=Source("t", "1"),
                          now=NOW, variables={"coupon": {"code": "1"}})  # fmt: skip
    assert len(tasks()) == 1


def test_planning_for_later_calls_nobody_until_then(reader, template):
    plan(reader(), template(), due_at=NOW + timedelta(seconds=1))
    assert tasks() == []
    assert JOBS["messages.deliver"].due_from(NOW) == NOW + timedelta(seconds=1)


def test_what_falls_due_before_the_next_minute_has_a_task_of_its_own(reader, template, provider):
    now, later = plan(reader(), template()), NOW + timedelta(seconds=20)
    soon = plan(reader(), template(), due_at=later)
    plan(reader(), template(), due_at=NOW + timedelta(hours=1))
    run_next()
    assert (went(now), went(soon)) == ("sent", "waiting")
    assert [one.due_at for one in tasks()] == [later + timedelta(seconds=1)]
    set_to(later + timedelta(seconds=1))
    run_next()
    assert went(soon) == "sent"


def test_a_crowd_calls_one_helper_and_a_few_messages_none(reader, template, provider):
    provider.batch = 2
    form = template()
    for _ in range(5):
        plan(reader(), form)
    with transaction():
        db.session.execute(text("UPDATE task SET state = 'done'"))
    JOBS["messages.deliver"](NOW.isoformat())
    assert len(tasks()) == 1
    plan(reader(), form)
    run_next()
    assert len(tasks()) == 1  # that of the plan


def test_helpers_do_not_multiply(reader, template, provider):
    provider.batch = 1
    form = template()
    for _ in range(12):
        plan(reader(), form)  # twelve tasks already
    JOBS["messages.deliver"](NOW.isoformat())
    assert len(tasks()) == 12


def test_a_provider_that_is_away_is_not_asked_by_worker_after_worker(reader, template, provider):
    provider.script = lambda one: TryLater("unreachable", counts=False)
    provider.batch = 2
    form = template()
    messages = [plan(reader(), form) for _ in range(6)]
    with transaction():
        db.session.execute(text("UPDATE task SET state = 'done'"))
    for _ in range(5):
        JOBS["messages.deliver"](NOW.isoformat())
    assert sum(provider.calls.values()) <= 4  # a batch, and that of the helper it called first
    assert {went(one).split(":")[0] for one in messages} == {"waiting"}
    now = [one for one in tasks() if one.due_at <= NOW]
    later = [one for one in tasks() if one.due_at > NOW]
    assert (len(now), len(later)) == (1, 1)
    assert db.session.get(Message, messages[0]).attempts == 0


def test_figures_are_folded_by_a_job(reader, template, provider):
    form = template()
    for _ in range(3):
        plan(reader(), form)
    assert JOBS["messages.figures"](NOW) == 3
    assert db.session.execute(text("SELECT count(*) FROM message_count")).scalar_one() == 1


def test_days_that_caps_no_longer_look_at_are_forgotten(reader, template, provider):
    plan(reader(), template())
    JOBS["messages.deliver"](NOW.isoformat())
    count = text("SELECT count(*) FROM message_day")
    set_to(NOW + timedelta(days=14))
    assert (JOBS["messages.forget"](NOW), db.session.execute(count).scalar_one()) == (0, 1)
    set_to(NOW + timedelta(days=15))
    assert (JOBS["messages.forget"](NOW), db.session.execute(count).scalar_one()) == (1, 0)
