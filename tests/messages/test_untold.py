"""A room that gave something with a message hears when it was not to be sent after all."""

from datetime import timedelta

import pytest
from providers import Scripted
from readers import NOW
from test_delivery import SPRING, plan, went

from crm.db import db
from crm.messages import channels, delivery, untold
from crm.messages.channels.provider import Refused, Withdrawn
from crm.messages.planning import Source


@pytest.fixture
def heard(app, monkeypatch) -> list:
    """What the room of campaigns hears, each time with what the message is by then."""
    found: list = []
    monkeypatch.setitem(
        untold._asked, "campaign", lambda ids, now: found.append([went(one) for one in ids])
    )
    return found


def test_it_hears_of_those_that_may_not_go(heard, reader, template):
    form = template()
    plan(reader(consents={}), form)
    plan(reader(), form)
    plan(reader(), form, not_after=NOW - timedelta(hours=1))
    plan(reader(consents={}), form, source=Source("other", "spring"))
    delivery.drain(5)
    assert [sorted(one) for one in heard] == [["suppressed: expired", "suppressed: opted_out"]]
    assert SPRING.type == "campaign"


def test_it_hears_of_one_who_left_on_the_way_and_not_of_what_failed(
    heard, reader, template, monkeypatch
):
    answers = iter([Withdrawn(), Refused("554")])
    monkeypatch.setattr(channels, "provider_of", lambda _: Scripted(lambda _: next(answers)))
    form = template()
    messages = [plan(reader(), form), plan(reader(), form)]
    delivery.drain(5)
    db.session.expire_all()
    assert [went(one) for one in messages] == ["suppressed: opted_out", "failed: refused"]
    assert heard == [["suppressed: opted_out"]]
