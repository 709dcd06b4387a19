"""The owner of an overdue case is told by mail, once; never when it was closed meanwhile."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest
from order_bodies import stamp
from sqlalchemy import text

from crm.cases.jobs import escalate, tell_owner
from crm.db import db, transaction
from crm.messages import channels
from crm.messages.channels.provider import Accepted, Ambiguous, Outcome, Outgoing, Refused, TryLater
from crm.messages.channels.smtp.letters import Letters, date_header
from crm.messages.staff_mail import NotTaken

HOUR = timedelta(hours=1)


class Server:
    """A mail server that keeps what it is given, and answers what it is told."""

    name, batch, honours_references = "test", 10, False

    def __init__(self) -> None:
        self.got: list[Outgoing] = []
        self.answers: list[Outcome] = []

    def send(self, batch: Sequence[Outgoing], *, seconds: float) -> list[Outcome]:
        self.got += batch
        return [self.answers.pop(0) if self.answers else Accepted() for _ in batch]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    found = Server()
    monkeypatch.setattr(channels, "provider_of", lambda channel: found)
    return found


@pytest.fixture
def late(complain, person, hired, now) -> Callable[..., dict]:
    """A case of a manager's that is due in an hour."""

    def make(locale: str = "en", **changes) -> dict:
        owner = hired("manager")
        with transaction():
            db.session.execute(
                text("UPDATE staff SET locale = :l WHERE id = :id"), {"l": locale, "id": owner}
            )
        body = {"owner": str(owner), "due_at": stamp(now + HOUR)} | changes
        return complain(person(), **body)

    return make


@pytest.fixture
def overdue(stand_at) -> Callable[[datetime], int]:
    """Lets it be that instant, and the job announce what is late by then; how many cases."""

    def announce(at: datetime) -> int:
        stand_at(at)
        return escalate(at)

    return announce


def tasks() -> list[tuple[str, list]]:
    """The mails that were put, by key, with what they are about."""
    rows = db.session.execute(
        text("SELECT key, args FROM task WHERE job = 'cases.tell_owner' AND state = 'waiting'")
    )
    return [tuple(row) for row in rows]


def work() -> list[bool]:
    """Do what a worker would with them."""
    done = [tell_owner(*args) for _, args in tasks()]
    with transaction():
        db.session.execute(text("UPDATE task SET state = 'done', finished_at = due_at"))
    return done


def test_the_owner_gets_one_mail_that_says_what_and_where(server, late, overdue, now):
    case = late(subject="Broken <cup>")
    assert [overdue(now + HOUR) for _ in range(2)] == [1, 0]
    key = f"case.overdue:{case['id']}:{(now + HOUR).isoformat()}"
    assert [one for one, _ in tasks()] == [key]
    work()
    (one,) = server.got
    assert one.address.startswith("manager.")
    assert one.part("subject") == "Overdue: Broken <cup>"
    said = one.part("text") or ""
    assert f"/console/cases/{case['id']}" in said
    assert "November" in said
    letter = Letters("Shop <shop@shop.test>").write(one, one.address, date_header())
    assert f"Message-ID: <{one.id}@shop.test>".encode() in letter


def test_it_is_told_in_the_owner_s_language(server, late, overdue, now):
    late("zh-Hans", subject="杯子碎了")
    overdue(now + HOUR)
    work()
    (one,) = server.got
    assert one.part("subject") == "已逾期：杯子碎了"
    assert "2026年11月" in (one.part("text") or "")


def test_who_closed_it_or_gave_it_more_time_is_told_nothing(admin, server, late, overdue, now):
    closed, moved = late(), late()
    overdue(now + HOUR)
    assert len(tasks()) == 2
    admin.patch(f"/cases/{closed['id']}", {"state": "closed", "reason": "resolved"})
    admin.patch(f"/cases/{moved['id']}", {"due_at": stamp(now + 3 * HOUR)})
    work()
    assert server.got == []


def test_another_due_date_is_another_mail(admin, server, late, overdue, now):
    case = late()
    overdue(now + HOUR)
    work()
    admin.patch(f"/cases/{case['id']}", {"due_at": stamp(now + 2 * HOUR)})
    overdue(now + 2 * HOUR)
    work()
    assert len(server.got) == len({one.id for one in server.got}) == 2


def test_a_case_whose_owner_left_is_told_to_who_would_be_given_it(
    server, late, overdue, hired, now
):
    late()
    with transaction():
        db.session.execute(text("UPDATE staff SET active = false"))
    stands_in = hired("manager")
    address = db.session.scalar(text("SELECT email FROM staff WHERE id = :id"), {"id": stands_in})
    overdue(now + HOUR)
    work()
    assert [one.address for one in server.got] == [address]


def test_a_server_that_takes_nothing_is_asked_again_with_the_same_letter(server, late, now):
    case = late()
    server.answers = [TryLater("451"), Accepted()]
    given = (case["id"], (now + HOUR).isoformat())
    with pytest.raises(NotTaken):
        tell_owner(*given)
    assert tell_owner(*given) is True
    assert len({one.id for one in server.got}) == 1


@pytest.mark.parametrize(("answer", "told"), [(Refused("550"), False), (Ambiguous("lost"), True)])
def test_what_is_refused_or_in_doubt_is_not_sent_again(server, late, overdue, now, answer, told):
    late()
    server.answers = [answer]
    overdue(now + HOUR)
    assert work() == [told]
    assert len(server.got) == 1


def test_a_shop_without_a_mail_server_has_its_history_alone(late, overdue, now, monkeypatch):
    monkeypatch.setattr(channels, "provider_of", lambda channel: None)
    case = late()
    assert overdue(now + HOUR) == 1
    assert tasks() == []
    assert tell_owner(case["id"], (now + HOUR).isoformat()) is False


def test_the_sandbox_shows_it_among_what_would_have_been_sent(admin, late, overdue, now):
    case = late(subject="Broken cup")
    overdue(now + HOUR)
    assert work() == [True]
    assert tell_owner(case["id"], (now + HOUR).isoformat()) is True, "shown once all the same"
    (one,) = admin.get("/sandbox/messages").get_json()["data"]
    assert (one["member_id"], one["channel"]) == (None, "email")
    assert one["address"].startswith("manager.")
    assert one["subject"] == "Overdue: Broken cup"
    assert f"/console/cases/{case['id']}" in one["text"]
