"""When members usually buy again: quartiles of their own gaps, drawn towards the store's."""

from datetime import timedelta
from math import ceil, exp, floor, log
from uuid import uuid4

import numpy as np
import pytest
from goods import Visit, give_back, sell
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from purchases import buy, new_members
from sqlalchemy import text

from crm.db import db, transaction
from crm.segments.next_purchase import jobs, reading, rhythm
from crm.segments.next_purchase.models import PatternBuild, StoreRhythm, UsualWindow

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def standing_clock(now):
    """Time stands at `now`, as in a sandbox whose clock was moved."""
    with transaction():
        db.session.execute(text("INSERT INTO sandbox_clock (now) VALUES (:now)"), {"now": now})


def bought_every(member, gaps, *, last, things=("tea/oolong",)) -> list[Visit]:
    """Visits with these gaps in days, the last one at `last`."""
    at, found = last, [Visit(member, last, things)]
    for gap in reversed(gaps):
        at -= gap * DAY
        found.append(Visit(member, at, things))
    return found


def rhythm_is(category: str, lower: float, middle: float, upper: float, now) -> None:
    db.session.add(
        StoreRhythm(
            category=category,
            members=100,
            gaps=300,
            lower_days=lower,
            middle_days=middle,
            upper_days=upper,
            measured_at=now,
        )
    )
    db.session.flush()


def test_a_window_is_the_quartiles_of_the_gaps_shrunk_to_the_stores(now):
    (member,) = new_members(1)
    gaps = [10, 14, 20, 40]
    sell(bought_every(member, gaps, last=now - 5 * DAY), now=now)
    rhythm_is("", 20, 30, 60, now)
    (found,) = reading.windows([member], now=now, category=reading.ANY)
    own = np.quantile(np.log(gaps), [0.25, 0.5, 0.75])
    lower, middle, upper = (
        exp((4 * mine + 4 * log(stores)) / 8)
        for mine, stores in zip(own, (20, 30, 60), strict=True)
    )
    assert (found.lower_days, found.upper_days) == (floor(lower), ceil(upper))
    assert found.middle_days == round(middle)
    assert found.gaps == 4
    assert found.last_day == (now - 5 * DAY).date()
    assert found.opens == found.last_day + timedelta(days=found.lower_days)


def test_windows_are_per_category_too(now):
    (member,) = new_members(1)
    sell(
        bought_every(member, [30, 30], last=now - DAY, things=("tea/oolong", "cups/white"))
        + bought_every(member, [90], last=now - 2 * DAY, things=("pots/clay",)),
        now=now,
    )
    for category in ("", "tea", "cups", "pots"):
        rhythm_is(category, 30, 30, 30, now)
    found = {each.category: each for each in reading.windows([member], now=now)}
    assert found.keys() == {"", "tea", "cups", "pots"}
    assert (found["tea"].lower_days, found["tea"].upper_days) == (30, 30)
    assert (found["pots"].gaps, found["pots"].lower_days) == (1, floor(exp(log(90 * 30**4) / 5)))


def test_who_bought_once_has_no_window_of_his_own(now):
    (member,) = new_members(1)
    sell([Visit(member, now - DAY, ("tea/oolong",))], now=now)
    rhythm_is("", 20, 30, 60, now)
    assert reading.windows([member], now=now) == []
    (found,) = reading.windows([member], now=now, least_gaps=0)
    assert (found.gaps, found.lower_days, found.middle_days, found.upper_days) == (0, 20, 30, 60)


def test_without_the_stores_rhythm_two_gaps_are_too_few_and_three_are_enough(now):
    two, three = new_members(2)
    sell(
        bought_every(two, [10, 10], last=now) + bought_every(three, [10, 20, 30], last=now), now=now
    )
    found = reading.windows([two, three], now=now, category=reading.ANY)
    assert [each.member_id for each in found] == [three]
    assert found[0].middle_days == 20


def test_goods_given_back_and_gifts_make_no_rhythm(now):
    (member,) = new_members(1)
    visits = bought_every(member, [10, 10, 10], last=now, things=("tea/oolong", "cups/white"))
    gifts = [visit._replace(things=("extra/sample",), net=0) for visit in visits]
    for order in sell(visits + gifts, now=now)[:4]:
        give_back(order, [{"line_no": 2, "quantity": 1}], now=now)
    assert {each.category for each in reading.windows([member], now=now)} == {"", "tea"}


def test_a_past_instant_is_told_as_it_was(now):
    (member,) = new_members(1)
    sell(bought_every(member, [10, 10, 10, 50], last=now), now=now)
    (then,) = reading.windows([member], now=now - DAY, category=reading.ANY)
    assert (then.gaps, then.upper_days, then.last_day) == (3, 10, (now - 50 * DAY).date())


@pytest.mark.parametrize(
    ("days", "state"), [(19, "before"), (20, "open"), (60, "open"), (61, "past")]
)
def test_a_window_is_before_open_or_past(now, days, state):
    (member,) = new_members(1)
    sell([Visit(member, now - days * DAY, ("tea/oolong",))], now=now)
    rhythm_is("", 20, 30, 60, now)
    (found,) = reading.windows([member], now=now, least_gaps=0)
    assert found.state(now.date()) == state


def shop_of(now, size=40, gap=30):
    """Members who buy tea every `gap` days, so that the store has a rhythm."""
    members = new_members(size)
    visits = [
        visit for member in members for visit in bought_every(member, [gap] * 3, last=now - DAY)
    ]
    sell(visits, now=now - DAY)
    return members


def test_the_stores_rhythm_is_measured_from_its_members(now):
    shop_of(now)
    assert rhythm.measure(1.0, now)
    found = {row.category: row for row in db.session.scalars(db.select(StoreRhythm))}
    assert found.keys() == {"", "tea"}
    assert (found["tea"].members, found["tea"].gaps) == (40, 120)
    assert found["tea"].lower_days == found["tea"].upper_days == 30


def test_who_buys_all_the_time_does_not_speak_for_all(now):
    shop_of(now, size=30, gap=30)
    (daily,) = new_members(1)
    sell(bought_every(daily, [1] * 300, last=now - DAY), now=now)
    rhythm.measure(1.0, now)
    assert db.session.get_one(StoreRhythm, "").middle_days == 30


def test_a_store_with_few_gaps_has_no_rhythm(now):
    shop_of(now, size=9)
    assert not rhythm.measure(1.0, now)


def test_the_nights_windows_are_those_of_now_for_all_members(now):
    members = shop_of(now)
    jobs.usual_windows(now)
    stored = [
        (row.member_id, row.category, row.last_day, row.gaps, row.lower_days, row.upper_days)
        for row in db.session.scalars(db.select(UsualWindow).order_by("member_id", "category"))
    ]
    told = reading.windows(members, now=now, least_gaps=0)
    assert stored == [
        (each.member_id, each.category, each.last_day, each.gaps, each.lower_days, each.upper_days)
        for each in told
    ]
    assert len(stored) == 80


def test_the_next_night_writes_only_who_bought(now):
    members = shop_of(now)
    jobs.usual_windows(now)
    sell([Visit(members[0], now, ("tea/oolong",))], now=now + DAY)
    db.session.execute(
        text("UPDATE purchase_summary SET updated_at = :at WHERE member_id <> :id"),
        {"at": now - DAY, "id": members[0]},
    )
    move_clock(now + DAY)
    jobs.usual_windows(now + DAY)
    facts = db.session.get_one(PatternBuild, "usual_windows", populate_existing=True).facts
    assert facts == {"written": 2, "all": False}


def test_a_night_that_was_killed_is_done_whole_by_the_next_try(now, monkeypatch):
    members = shop_of(now)
    renewed = rhythm.renew

    def dies(chunk, at):
        if chunk[0] != members[0]:
            raise KeyboardInterrupt
        return renewed(chunk, at)

    monkeypatch.setattr(jobs, "CHUNK", 25)
    monkeypatch.setattr(rhythm, "renew", dies)
    with pytest.raises(KeyboardInterrupt):
        jobs.usual_windows(now)
    assert len(db.session.scalars(db.select(UsualWindow)).all()) == 50
    monkeypatch.setattr(rhythm, "renew", renewed)
    jobs.usual_windows(now)
    assert len(db.session.scalars(db.select(UsualWindow)).all()) == 80


def test_windows_of_purchases_that_were_taken_back_go(now):
    members = shop_of(now)
    jobs.usual_windows(now)
    db.session.execute(
        text("UPDATE orders SET counted = false WHERE member_id = :id"), {"id": members[0]}
    )
    db.session.execute(text("UPDATE purchase_summary SET updated_at = :at"), {"at": now})
    jobs.usual_windows(now)
    kept = db.session.scalars(db.select(UsualWindow).where(UsualWindow.member_id == members[0]))
    assert kept.all() == []


def test_open_windows_are_read_a_page_at_a_time(now):
    members = shop_of(now)
    jobs.usual_windows(now)
    day = (now - DAY).date() + timedelta(days=30)
    first = reading.open_on(day, 25)
    last = first[-1]
    rest = reading.open_on(day, 25, after=(last.member_id, last.category))
    assert [each.member_id for each in first + rest] == members
    assert {each.category for each in first} == {"tea"}
    assert reading.open_on(day + DAY, 25) == reading.open_on(day - DAY, 25) == []
    gone = text("UPDATE member SET status = 'erased' WHERE id = :id")
    db.session.execute(gone, {"id": members[0]})
    assert [each.member_id for each in reading.open_on(day, 1, by_category=False)] == [members[1]]
    jobs.usual_windows(now)
    assert members[0] not in db.session.scalars(db.select(UsualWindow.member_id)).all()


def move_clock(to) -> None:
    with transaction():
        db.session.execute(text("UPDATE sandbox_clock SET now = :now"), {"now": to})


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.lists(st.integers(-3, 400), max_size=5), max_size=4),
    st.sampled_from([500, 0]),
)
def test_no_shop_whatever_is_an_error(now, shop, net):
    """Nobody, one, equals, free orders, orders of the future: the job and the reading work."""
    with db.session.begin_nested() as point:
        members = new_members(len(shop)) if shop else []
        rows = [
            (member, now - days * DAY, 500, net)
            for member, each in zip(members, shop, strict=True)
            for days in each
        ]
        if rows:
            buy(rows, now=now)
        rhythm.measure(1.0, now)
        everybody = [*members, uuid4()]
        rhythm.renew(everybody, now)
        for window in reading.windows(everybody, now=now, least_gaps=0):
            assert 1 <= window.lower_days <= window.middle_days <= window.upper_days
        point.rollback()


def test_what_the_night_wrote_is_told_while_it_holds_and_not_after(now):
    members = shop_of(now)
    jobs.usual_windows(now)
    later = now + 2 * DAY
    db.session.execute(text("UPDATE usual_window SET gaps = 77"))
    assert {each.gaps for each in reading.of_member(members[0], now=later)} == {77}
    sell([Visit(members[0], now + DAY, ("tea/oolong",))], now=now + DAY)
    told = reading.of_member(members[0], now=later)
    assert told == reading.windows([members[0]], now=later, least_gaps=0)
    assert {each.gaps for each in told} == {4}
    assert {each.gaps for each in reading.of_member(members[0], now=now - DAY)} == {3}, "the past"


def test_an_order_of_the_future_counts_when_its_time_has_come(now):
    members = shop_of(now)
    sell([Visit(members[0], now + 3 * DAY, ("tea/oolong",))], now=now - DAY)
    jobs.usual_windows(now)
    assert reading.of_member(members[0], now=now)[0].gaps == 3
    assert reading.of_member(members[0], now=now + 4 * DAY)[0].gaps == 4
    move_clock(now + 4 * DAY)
    jobs.usual_windows(now + 4 * DAY)
    assert db.session.get_one(UsualWindow, (members[0], ""), populate_existing=True).gaps == 4


def test_what_was_written_as_the_night_began_is_looked_at_again(now):
    """An order may be written before the night begins, and be committed after the night has read:
    what the night left of its member is not told, and the next night comes back to him."""
    members = shop_of(now)
    jobs.usual_windows(now)
    db.session.execute(text("UPDATE usual_window SET gaps = 77"))
    written = text("UPDATE purchase_summary SET updated_at = :at WHERE member_id = :id")
    db.session.execute(written, {"at": now - timedelta(minutes=5), "id": members[0]})
    assert {each.gaps for each in reading.of_member(members[0], now=now + DAY)} == {3}
    assert {each.gaps for each in reading.of_member(members[1], now=now + DAY)} == {77}
    jobs.usual_windows(now)
    left = db.session.execute(text("SELECT DISTINCT member_id FROM usual_window WHERE gaps = 3"))
    assert left.scalars().all() == [members[0]]
