"""What waits for a record that is merged goes to the one that lives on, once, judged as he is."""

from datetime import timedelta

import pytest
from clocks import set_to
from providers import Scripted
from readers import NOW
from sqlalchemy import text
from test_delivery import SPRING, kept_in_sandbox, plan, went

from crm.db import db, transaction
from crm.messages import channels, delivery, planning, policy, sources
from crm.messages.channels.provider import TryLater
from crm.messages.states import Reason, State
from crm.overview import merging


def merge(kept, *gone):
    with transaction():
        return [merging.merge(kept, one, actor="test", now=NOW).merge.id for one in gone]


def untold(member, state: State) -> None:
    """Plan what comes to nothing from the start."""
    reason = Reason.OPTED_OUT if state == State.SUPPRESSED else None
    row = {"member_id": member, "occasion": f"campaign:spring:{member}"}
    with transaction():
        planning.plan_many(
            [row | {"state": state, "reason": reason}], template_id=None, source=SPRING, now=NOW
        )


def counted(member) -> int:
    found = text("SELECT coalesce(sum(sent), 0) FROM message_day WHERE member_id = :m")
    return db.session.execute(found, {"m": member}).scalar_one()


@pytest.fixture
def uncapped(app):
    with transaction():
        policy.put({"caps": {"per_day": None, "per_week": None}}, now=NOW)


def test_what_waits_goes_to_the_one_that_lives_on(reader, template, uncapped):
    gone, kept = reader(zone="Pacific/Auckland"), reader(email="kept@b.test", name="Lin")
    news = plan(gone, template(), "news")
    receipt = plan(gone, template(purpose="service"), "receipt")
    merge(kept, gone)
    delivery.drain(5)
    assert (went(news), went(receipt)) == ("sent", "sent")
    assert {(row.address, row.subject, row.member_id) for row in kept_in_sandbox()} == {
        ("kept@b.test", "Hello Lin", kept)
    }


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"consents": {"email.marketing": False}}, "suppressed: opted_out"),
        ({"zone": "America/New_York"}, "waiting: quiet_hours"),
    ],
)
def test_it_is_judged_by_what_counts_for_him(reader, template, more, said):
    gone, kept = reader(), reader(**more)
    news = plan(gone, template())
    merge(kept, gone)
    delivery.drain(5)
    assert went(news) == said


@pytest.mark.parametrize("purpose", ["marketing", "service"])
@pytest.mark.parametrize("first", ["gone", "kept"])
def test_who_has_one_of_his_own_gets_only_that(reader, template, uncapped, purpose, first):
    gone, kept = reader(), reader()
    form = template(purpose=purpose)
    order = (gone, kept) if first == "gone" else (kept, gone)
    planned = {one: plan(one, form, f"campaign:spring:{one}") for one in order}
    merge(kept, gone)
    delivery.drain(5)
    assert went(planned[kept]) == "sent"
    assert went(planned[gone]) == "suppressed: duplicate_person"
    figures = sources.figures(SPRING)
    assert (figures.planned, figures.sent, figures.suppressed) == (2, 1, 1)
    assert figures.reasons == {"duplicate_person": 1}


def test_who_was_told_as_the_one_is_not_told_again_as_the_other(reader, template, uncapped):
    gone, kept = reader(), reader()
    form = template()
    had = plan(gone, form, f"campaign:spring:{gone}")
    own = plan(kept, form, f"campaign:spring:{kept}", due_at=NOW + timedelta(hours=1))
    delivery.drain(5)
    merge(kept, gone)
    set_to(NOW + timedelta(hours=1))
    delivery.drain(5)
    assert (went(had), went(own)) == ("sent", "suppressed: duplicate_person")


def test_of_two_records_that_went_the_first_message_goes(reader, template, uncapped):
    gone, other, kept = reader(), reader(), reader()
    form = template()
    messages = [plan(one, form, f"campaign:spring:{one}") for one in (gone, other)]
    merge(kept, gone, other)
    delivery.drain(5)
    assert [went(one) for one in messages] == ["sent", "suppressed: duplicate_person"]


@pytest.mark.parametrize("state", [State.SUPPRESSED, State.CANCELLED, State.HOLDOUT])
def test_one_of_his_own_that_came_to_nothing_is_in_the_way_only_of_what_is_compared(
    reader, template, state
):
    """A holdout stays one: nobody is told through another record what he shall not hear."""
    gone, kept = reader(), reader()
    untold(kept, state)
    news = plan(gone, template(), f"campaign:spring:{gone}")
    merge(kept, gone)
    delivery.drain(5)
    told = "suppressed: duplicate_person" if state == State.HOLDOUT else "sent"
    assert went(news) == told


def test_a_holdout_of_the_record_that_went_leaves_his_own_alone(reader, template):
    gone, kept = reader(), reader()
    untold(gone, State.HOLDOUT)
    own = plan(kept, template(), f"campaign:spring:{kept}")
    merge(kept, gone)
    delivery.drain(5)
    assert went(own) == "sent"


def test_caps_count_what_both_records_had(reader, template):
    gone, kept = reader(), reader()
    form = template()
    plan(gone, form, "yesterday's")
    delivery.drain(5)
    (done,) = merge(kept, gone)
    assert (counted(gone), counted(kept)) == (0, 1)
    late = plan(gone, form, "one more")
    own = plan(kept, form, "and another")
    delivery.drain(5)
    assert {went(late), went(own)} == {"suppressed: capped"}
    with transaction():
        merging.undo(done, actor="test", now=NOW)
    assert (counted(gone), counted(kept)) == (1, 0)


def test_what_did_not_go_after_all_counts_against_nobodys_cap(reader, template, monkeypatch):
    found = Scripted(lambda one: TryLater("451"))
    monkeypatch.setattr(channels, "provider_of", lambda channel: found)
    gone, kept = reader(), reader()
    news = plan(gone, template())
    merge(kept, gone)
    delivery.drain(5)
    assert went(news) == "waiting: try_later"
    assert (counted(gone), counted(kept)) == (0, 0)
