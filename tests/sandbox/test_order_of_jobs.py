"""Moving the clock runs everything that falls due in between, each at its instant, in order."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clocks import set_to

from crm import clock
from crm.db import transaction
from crm.queue import JOBS, Job
from crm.sandbox import advance

START = datetime(2026, 11, 22, 4, 2, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
pytestmark = pytest.mark.usefixtures("committed")


class Diary:
    """Jobs that write down when they ran. `due` is what a job has to do, by its name."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ran: list[tuple[str, datetime]] = []
        self.due: dict[str, list[datetime]] = {}
        self.patch = monkeypatch

    def job(self, name: str, every: str | None = None, then: Callable[[], Any] = bool) -> Job:
        """A job with slots; or, without `every`, one that is put."""

        def run(*_: object) -> None:
            now = clock.now()
            self.ran.append((name, now))
            self.due[name] = [at for at in self.due.get(name, []) if at > now]
            then()

        made = Job(name, run, "default", every, "latest", lambda now: self.next(name, now))
        self.patch.setitem(JOBS, name, made)
        return made

    def next(self, name: str, now: datetime) -> datetime | None:
        return min((max(at, now) for at in self.due.get(name, [])), default=None)


@pytest.fixture
def diary(monkeypatch: pytest.MonkeyPatch) -> Diary:
    """Nobody has anything to do but the jobs of the test."""
    set_to(START)
    for name, job in list(JOBS.items()):
        monkeypatch.setitem(JOBS, name, Job(name, job.function, job.queue, None, "latest", None))
    return Diary(monkeypatch)


def test_what_one_job_makes_the_work_of_another_runs_at_its_time_on_the_same_day(diary: Diary):
    """A journey plans a message for the afternoon; it goes in the afternoon, not at the end."""
    at = START.replace(minute=0) + HOUR

    def plan() -> None:
        diary.due["deliver"] = [at + 3 * HOUR + MINUTE]

    diary.due["tick"] = [at]
    diary.job("tick", "0 * * * *", plan)
    diary.job("deliver", "* * * * *")
    assert advance.advance(START + 300 * DAY) == {"tick": 1, "deliver": 1}
    assert diary.ran == [("tick", at), ("deliver", at + 3 * HOUR + MINUTE)]


def test_work_that_comes_in_before_what_a_job_waited_for_is_done_first(diary: Diary):
    at = START.replace(minute=0) + HOUR
    diary.due["tick"] = [at]
    diary.due["lapse"] = [at + 200 * DAY]
    diary.job("tick", "0 * * * *", lambda: diary.due["lapse"].append(at + 5 * DAY))
    diary.job("lapse", "*/15 * * * *")
    advance.advance(START + 300 * DAY)
    assert diary.ran == [
        ("tick", at), ("lapse", at + 5 * DAY), ("lapse", at + 200 * DAY),
    ]  # fmt: skip


def test_a_task_for_later_runs_when_it_is_due_between_slots(diary: Diary):
    second = START + DAY + timedelta(seconds=7)
    diary.due["tick"] = [START + 2 * DAY]
    diary.job("tick", "0 * * * *")
    later = diary.job("later")
    with transaction():
        later.put(key="later", due_at=second)
    advance.advance(START + 10 * DAY)
    (first, at), (last, _) = diary.ran
    assert (first, at, last) == ("later", second, "tick")


def test_a_task_beyond_the_target_waits(diary: Diary):
    later = diary.job("later")
    with transaction():
        later.put(key="later", due_at=START + DAY)
    assert advance.advance(START + DAY - MINUTE) == {}
    assert diary.ran == []
    advance.advance(START + DAY)
    assert diary.ran == [("later", START + DAY)]


def test_moving_in_small_steps_does_what_one_jump_does(diary: Diary):
    dues = [START + hours * HOUR + 20 * MINUTE for hours in (1, 5, 26, 27, 60)]
    diary.due["tick"] = list(dues)
    diary.job("tick", "0 * * * *")
    advance.advance(START + 4 * DAY)
    jump, diary.ran = diary.ran, []
    assert [at for _, at in jump] == [at.replace(minute=0) + HOUR for at in dues]
    set_to(START)
    diary.due["steps"] = list(dues)
    diary.job("steps", "0 * * * *")
    for hour in range(1, 97):
        advance.advance(START + hour * HOUR)
    assert [at for _, at in diary.ran] == [at for _, at in jump]


def test_a_job_that_fails_is_tried_again_before_time_goes_on(diary: Diary):
    failing = [True, True, False]

    def fail() -> None:
        if failing.pop(0):
            raise RuntimeError("not yet")

    at = START.replace(minute=0) + HOUR
    diary.due["tick"], diary.due["next"] = [at], [at + HOUR]
    diary.job("tick", "0 * * * *", fail)
    diary.job("next", "0 * * * *")
    advance.advance(START + DAY)
    assert [name for name, _ in diary.ran] == ["tick", "tick", "tick", "next"]
    assert diary.ran[2][1] - at < MINUTE
