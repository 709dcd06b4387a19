"""Features come from the running aggregates, and are the same for an instant whenever asked."""

from datetime import UTC, datetime, timedelta

from purchases import LONG_AGO, SHANGHAI, buy, new_members
from sqlalchemy import text

from crm.db import db
from crm.segments import reading
from crm.segments.features import NEVER
from crm.segments.vocabulary import PLACE

DAY = timedelta(days=1)


def features(as_of: datetime) -> dict:
    """(recency, frequency, monetary, tenure) by member."""
    people = reading.population(as_of, SHANGHAI)
    columns = (people.recency, people.frequency, people.monetary, people.tenure)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return dict(zip(people.member_ids(), rows, strict=True))


def test_an_empty_shop_has_an_empty_population(now):
    assert len(reading.population(now, SHANGHAI)) == 0


def test_two_orders_of_a_day_are_one_visit_and_two_amounts(now):
    (member,) = new_members(1)
    buy([(member, now - 3 * DAY, 500), (member, now - 3 * DAY, 700)], now=now)
    assert features(now) == {member: (3, 1, 1_200, 3)}


def test_members_without_a_counted_order_have_no_recency(now):
    never, refunded = new_members(2)
    buy([(refunded, now - DAY, 900, 0)], now=now)
    assert features(now) == {never: (NEVER, 0, 0, NEVER), refunded: (NEVER, 0, 0, NEVER)}


def test_monetary_is_net_of_refunds(now):
    (member,) = new_members(1)
    buy([(member, now - DAY, 900, 250)], now=now)
    assert features(now) == {member: (1, 1, 250, 1)}


def test_an_order_dated_in_the_future_does_not_count_yet(now):
    early, both = new_members(2)
    buy([(early, now + DAY, 100), (both, now - 5 * DAY, 100), (both, now + DAY, 100)], now=now)
    assert features(now) == {early: (NEVER, 0, 0, NEVER), both: (5, 1, 100, 5)}
    assert features(now + 2 * DAY) == {early: (1, 1, 100, 1), both: (1, 2, 200, 7)}


def test_a_past_instant_is_as_it_was_then(now):
    (member,) = new_members(1)
    buy([(member, now - 40 * DAY, 300), (member, now - 9 * DAY, 300)], now=now)
    then = features(now - 20 * DAY)
    buy([(member, now - DAY, 300)], now=now)
    assert then == features(now - 20 * DAY) == {member: (20, 1, 300, 20)}


def test_days_are_counted_to_the_day_it_is_in_the_programmes_zone():
    (member,) = new_members(1)
    bought = datetime(2026, 11, 21, 15, 59, tzinfo=UTC)  # one minute to midnight in Shanghai
    buy([(member, bought, 100)], now=bought)
    assert features(bought)[member][0] == 0
    assert features(bought + timedelta(minutes=1))[member][0] == 1


def test_a_member_whose_calendar_is_ahead_bought_0_days_ago_at_the_least(now):
    (member,) = new_members(1)
    buy([(member, now, 100)], now=now)
    db.session.execute(text("UPDATE purchase_summary SET last_day = last_day + 1"))
    assert features(now)[member][0] == 0


def test_who_registered_later_was_no_prospect_then(now):
    new_members(1, at=now - DAY)
    assert features(now - 2 * DAY) == {}
    assert len(features(now)) == 1


def test_merged_and_erased_members_are_left_out(now):
    new_members(1, status="erased")
    gone, left = new_members(2)
    db.session.execute(
        text("UPDATE member SET status = 'merged', merged_into = :left WHERE id = :gone"),
        {"gone": gone, "left": left},
    )
    assert list(features(now)) == [left]


def test_members_come_by_id_with_the_segment_they_are_in(now):
    ids = new_members(50, at=LONG_AGO)
    db.session.execute(
        text("UPDATE member SET segment = 'loyal' WHERE id = :id"), {"id": str(ids[7])}
    )
    people = reading.population(now, SHANGHAI)
    assert people.member_ids() == ids
    assert people.previous.tolist() == [PLACE["loyal"] if at == 7 else -1 for at in range(50)]


def test_what_guests_bought_is_known_in_sum(now):
    (member,) = new_members(1)
    buy([(None, now - DAY, 700), (None, now + DAY, 50), (member, now - DAY, 300)], now=now)
    assert reading.guests_revenue(now) == 700
