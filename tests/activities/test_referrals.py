"""Referrals: both sides have their points once, when the friend's first order can't come back."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest
from clocks import set_to
from order_bodies import PLACED, stamp
from sqlalchemy import text

from crm import clock
from crm.activities import jobs, releasing
from crm.activities.models import Referral
from crm.db import db, transaction
from crm.points import check

JOINED = PLACED - timedelta(days=2)
PAID = PLACED + timedelta(minutes=5)
WINDOW_ENDS = PAID + timedelta(days=15)
DAY = timedelta(days=1)
CARD, DEVICE = "card_0123456789abcdef", "device_0123456789abcd"


@pytest.fixture(autouse=True)
def at_the_beginning():
    set_to(JOINED)


@pytest.fixture
def join(admin):
    def register(referrer=None, **more):
        body = dict(more)
        if referrer is not None:
            body["referred_by"] = {"id": str(referrer)}
        answer = admin.post("/members", body)
        assert answer.status_code == 201, answer.data
        return UUID(answer.get_json()["id"])

    return register


@pytest.fixture
def friends(join, rule):
    """A rule, a referrer and a friend of his."""
    rule("referral", 300, referee_points=100)
    referrer = join(fingerprints=[DEVICE])
    return referrer, join(referrer)


@pytest.fixture
def run():
    def work(at=None):
        if at is not None:
            set_to(at)
        return jobs.release_referrals(clock.now())

    return work


@pytest.fixture
def referral_of(admin):
    def read(referee):
        found = admin.get("/referrals?limit=200").get_json()["data"]
        return next((one for one in found if one["referee_id"] == str(referee)), None)

    return read


@pytest.fixture
def given(points_of):
    """What referrals gave to members: all that they have beside their orders."""

    def read(*members):
        found = []
        for member in members:
            found.append(
                db.session.scalar(
                    text("""
                        SELECT coalesce(sum(points), 0)::int FROM points_entry
                        WHERE member_id = :member AND source_type = 'award:referral'
                    """),
                    {"member": member},
                )
            )
        return found

    return read


def test_both_sides_are_rewarded_when_the_window_has_passed_and_once(
    friends, put_order, run, given, referral_of
):
    friend = friends[1]
    assert referral_of(friend)["state"] == "open"
    put_order("A1", friend)
    set_to(PAID)
    shown = referral_of(friend)
    assert (shown["order"], shown["due_at"]) == (
        {"channel": "web", "order_no": "A1"},
        stamp(WINDOW_ENDS),
    )
    run(WINDOW_ENDS - timedelta(microseconds=1))
    assert given(*friends) == [0, 0]
    assert run(WINDOW_ENDS) == 1
    assert given(*friends) == [300, 100]
    assert run() == 0
    assert run(WINDOW_ENDS + 400 * DAY) == 0
    assert given(*friends) == [300, 100]
    shown = referral_of(friend)
    assert (shown["state"], shown["capped"], shown["due_at"]) == ("released", False, None)
    assert shown["promised"][0]["points"] == 300
    assert not check.run()


def test_points_of_referrals_are_spendable_at_once(friends, put_order, run, points_of):
    referrer, friend = friends
    put_order("A1", friend)
    run(WINDOW_ENDS)
    assert points_of(referrer)["available"] == 300


def test_a_window_that_passed_while_nothing_ran_is_caught_up(friends, put_order, run, given):
    put_order("A1", friends[1])
    run(WINDOW_ENDS + 90 * DAY)
    assert given(*friends) == [300, 100]


@pytest.mark.parametrize(
    ("events", "state"),
    [
        (("paid", "later order", "part refund"), "released"),
        (("paid", "later order", "full refund"), "void"),
        (("paid", "part refund", "rest refund"), "void"),
        (("paid", "cancelled", "later order"), "void"),
        (("paid", "delivered", "later refunded"), "released"),
    ],
    ids=str,
)
def test_the_order_in_which_news_arrives_makes_no_difference(
    join, rule, put_order, refund, run, given, referral_of, events, state
):
    rule("referral", 300, referee_points=100)
    expected = [300, 100] if state == "released" else [0, 0]
    for number, arrival in enumerate(permutations(events)):
        set_to(JOINED + timedelta(seconds=number))
        referrer = join()
        friend = join(referrer)
        for event in arrival:
            happen(event, friend, f"{number}", put_order, refund)
            run(clock.now() + timedelta(minutes=1))
        run(WINDOW_ENDS + 2 * DAY)
        assert referral_of(friend)["state"] == state, arrival
        assert given(referrer, friend) == expected, arrival


def happen(event, friend, number, put_order, refund):
    """One piece of news about the friend's orders A (the first) and B (a day later)."""
    first, later = f"A{number}", f"B{number}"
    if event == "paid":
        put_order(first, friend, updated_at=stamp(PAID))
    elif event == "delivered":
        done = stamp(PAID + DAY)
        put_order(first, friend, status=event, delivered_at=done, updated_at=done)
    elif event == "cancelled":
        put_order(first, friend, status=event, updated_at=stamp(PAID + DAY))
    elif event.startswith("later"):
        at = stamp(PAID + DAY)
        put_order(later, friend, placed_at=at, paid_at=at, updated_at=at)
        if event == "later refunded":
            refund(later, amount=25000)
    else:
        refund(first, amount={"part refund": 10000, "rest refund": 15000}.get(event, 25000))


def test_a_refund_after_the_window_takes_nothing_back(friends, put_order, refund, run, given):
    put_order("A1", friends[1])
    run(WINDOW_ENDS)
    refund("A1", at=stamp(WINDOW_ENDS), amount=25000)
    run(WINDOW_ENDS + DAY)
    assert given(*friends) == [300, 100]


def test_a_delivery_brings_the_window_forward(friends, put_order, run, given):
    put_order("A1", friends[1])
    at = PAID + timedelta(hours=1)
    put_order("A1", friends[1], status="delivered", updated_at=stamp(at), delivered_at=stamp(at))
    run(at + 7 * DAY - timedelta(microseconds=1))
    assert given(*friends) == [0, 0]
    run(at + 7 * DAY)
    assert given(*friends) == [300, 100]


def test_what_was_promised_at_registration_is_given_whatever_the_rule_says_now(
    admin, join, rule, put_order, run, given
):
    made = rule("referral", 300, referee_points=100)
    referrer = join()
    friend = join(referrer)
    set_to(JOINED + DAY)
    body = {"kind": "activity", "activity": "referral", "points": 1}
    assert admin.put(f"/points/rules/{made['id']}", body).status_code == 200
    late = join(referrer)
    assert admin.delete(f"/points/rules/{made['id']}").status_code == 204
    set_to(JOINED + DAY + timedelta(seconds=1))
    nothing = join(referrer)
    for number, one in enumerate((friend, late, nothing)):
        put_order(f"A{number}", one)
    run(WINDOW_ENDS)
    assert given(referrer, friend, late, nothing) == [301, 100, 0, 0]


def test_conditions_of_the_rule_are_the_referrers_to_meet(join, rule, put_order, referral_of):
    rule("referral", 300, conditions={"tiers": ["gold"]})
    assert referral_of(join(join())) is None


def test_only_so_many_friends_count_in_a_month_but_each_has_his_points(
    admin, join, rule, put_order, run, given, referral_of
):
    setting = {"activities": {"referral": {"per_referrer_month": 2}}}
    assert admin.put("/points/programme", setting).status_code == 200
    rule("referral", 300, referee_points=100)
    referrer = join(timezone="Pacific/Kiritimati")
    mine = [join(referrer) for _ in range(4)]
    for number, friend in enumerate(mine[:3]):
        put_order(f"A{number}", friend)
    run(WINDOW_ENDS)
    assert given(referrer, *mine) == [600, 100, 100, 100, 0]
    capped = [one for one in mine[:3] if referral_of(one)["capped"]]
    assert len(capped) == 1
    (entry,) = [
        entry
        for entry in admin.get(f"/members/{referrer}/points/entries").get_json()["data"]
        if entry["points"] == 0
    ]
    why = admin.get(f"/members/{referrer}/points/entries/{entry['seq']}").get_json()["why"]
    assert (why["desired"], why["granted"], why["capped_by"]) == (300, 0, "referrals_per_month")
    month = datetime(2026, 11, 30, 10, tzinfo=UTC)  # December begins on Kiritimati
    at = stamp(month - 15 * DAY)
    put_order("A9", mine[3], placed_at=at, paid_at=at, updated_at=at)
    run(month)
    assert given(referrer) == [900]
    assert not check.run()


@pytest.fixture
def shared(friends, put_order):
    """The friend pays with a device that the referrer registered with."""
    put_order("A1", friends[1], fingerprints=[CARD, DEVICE])
    return friends


def test_a_shared_device_waits_for_a_person_who_approves(admin, shared, run, given, referral_of):
    run(WINDOW_ENDS)
    shown = referral_of(shared[1])
    assert (shown["state"], shown["flags"]) == ("review", ["shared_with_referrer"])
    assert run(WINDOW_ENDS + DAY) == 0
    assert given(*shared) == [0, 0]
    path = f"/referrals/{shared[1]}/approve"
    answer = admin.post(path, {"note": "mother and son"}, idem="k")
    assert answer.status_code == 200
    assert answer.get_json()["state"] == "released"
    assert given(*shared) == [300, 100]
    assert admin.post(path, {"note": "mother and son"}, idem="k").data == answer.data
    again = admin.post(path)
    assert (again.status_code, again.get_json()["code"]) == (409, "referral_decided")
    assert given(*shared) == [300, 100]
    listed = admin.get("/referrals?state=released").get_json()["data"]
    assert [one["note"] for one in listed] == ["mother and son"]
    trail = admin.get("/audit").get_json()["data"]
    assert "referral.approved" in [one["action"] for one in trail]


def test_a_person_may_reject_and_then_nothing_is_given(admin, shared, run, given, referral_of):
    path = f"/referrals/{shared[1]}/reject"
    assert admin.post(path, {}).get_json()["errors"][0]["pointer"] == "/note"
    assert admin.post(path, {"note": "one person"}).status_code == 200
    run(WINDOW_ENDS)
    assert given(*shared) == [0, 0]
    assert referral_of(shared[1])["state"] == "rejected"
    assert admin.post(path, {"note": "again"}).get_json()["code"] == "referral_decided"


def test_an_approval_gives_nothing_for_an_order_that_came_back(admin, shared, run, refund, given):
    run(WINDOW_ENDS)
    refund("A1", at=stamp(WINDOW_ENDS), amount=25000)
    answer = admin.post(f"/referrals/{shared[1]}/approve")
    assert (answer.get_json()["state"], answer.get_json()["reason"]) == ("void", "order_refunded")
    assert given(*shared) == [0, 0]


def test_flags_are_ignored_where_the_shop_wants_that(admin, shared, run, given):
    setting = {"activities": {"referral": {"review_flagged": False}}}
    assert admin.put("/points/programme", setting).status_code == 200
    run(WINDOW_ENDS)
    assert given(*shared) == [300, 100]


def test_friends_who_share_a_card_are_flagged(join, rule, put_order, run, referral_of):
    rule("referral", 300)
    referrer = join()
    one, two = join(referrer), join(referrer)
    put_order("A1", one, fingerprints=[CARD])
    put_order("A2", two, fingerprints=[CARD])
    run(WINDOW_ENDS)
    for friend in (one, two):
        assert referral_of(friend)["flags"] == ["shared_with_other_friend"]


def test_an_unknown_referral_is_not_found(admin, join):
    for path in (f"/referrals/{join()}/approve", f"/referrals/{join()}/reject"):
        answer = admin.post(path, {"note": "x"})
        assert (answer.status_code, answer.get_json()["code"]) == (404, "referral_not_found")


def test_who_may_not_decide_is_refused(api_with, shared):
    shop = api_with("points:read", "points:write")
    assert shop.get("/referrals").status_code == 200
    assert shop.post(f"/referrals/{shared[1]}/approve").status_code == 403


def test_a_referral_of_somebody_who_left_is_void(friends, put_order, run, referral_of):
    referrer, friend = friends
    put_order("A1", friend)
    db.session.execute(text("UPDATE member SET status = 'erased' WHERE id = :i"), {"i": referrer})
    run(WINDOW_ENDS)
    assert (referral_of(friend)["state"], referral_of(friend)["reason"]) == ("void", "member_gone")


def test_the_sandbox_knows_when_the_next_window_ends(friends, put_order):
    assert releasing.earliest(JOINED) is None
    put_order("A1", friends[1])
    assert releasing.earliest(PAID) == WINDOW_ENDS


def test_many_open_referrals_are_walked_through_in_chunks(
    monkeypatch, join, rule, put_order, run, given
):
    monkeypatch.setattr(jobs, "CHUNK", 2)
    rule("referral", 10)
    referrer = join()
    for number in range(5):
        friend = join(referrer)
        if number % 2 == 0:
            put_order(f"A{number}", friend)
    assert run(WINDOW_ENDS) == 3
    assert given(referrer) == [30]


def test_a_referral_is_released_once_however_often_it_is_settled(friends, put_order, given):
    put_order("A1", friends[1])
    set_to(WINDOW_ENDS)
    with transaction():
        releasing.settle(friends[1], now=WINDOW_ENDS)
        db.session.get_one(Referral, friends[1]).state = "open"
        db.session.flush()
        releasing.settle(friends[1], now=WINDOW_ENDS)
    assert given(*friends) == [300, 100]


def merge(admin, gone, into):
    answer = admin.post(f"/members/{into}/merge", {"from": {"id": str(gone)}})
    assert answer.status_code in (200, 201), answer.data


def test_a_friend_who_was_merged_into_another_record_still_counts(
    admin, friends, join, put_order, run, given, referral_of
):
    referrer, friend = friends
    put_order("A1", friend)
    other = join(fingerprints=[CARD])
    set_to(PAID + DAY)
    merge(admin, friend, other)
    run(WINDOW_ENDS)
    assert referral_of(friend)["state"] == "released"
    assert given(referrer, other) == [300, 100]
    assert not check.run()


@pytest.mark.parametrize("gone", ["friend", "referrer"])
def test_two_who_turned_out_to_be_one_give_nothing(
    admin, friends, put_order, run, given, referral_of, gone
):
    referrer, friend = friends
    put_order("A1", friend)
    set_to(PAID + DAY)
    pair = (friend, referrer) if gone == "friend" else (referrer, friend)
    merge(admin, *pair)
    run(WINDOW_ENDS)
    assert (referral_of(friend)["state"], referral_of(friend)["reason"]) == ("void", "same_person")
    assert given(*friends) == [0, 0]


def test_two_friends_who_turned_out_to_be_one_count_once(
    admin, friends, join, put_order, run, given
):
    referrer, friend = friends
    again = join(referrer)
    put_order("A1", friend)
    put_order("A2", again)
    set_to(PAID + DAY)
    merge(admin, again, friend)
    run(WINDOW_ENDS)
    states = {one["state"] for one in admin.get("/referrals").get_json()["data"]}
    assert states == {"released", "void"}
    assert given(referrer, friend) == [300, 100]


def test_a_device_of_a_merged_record_still_tells(admin, friends, join, put_order, run, referral_of):
    friend, other = friends[1], join(fingerprints=[DEVICE])
    put_order("A1", friend)
    set_to(PAID + DAY)
    merge(admin, friend, other)
    run(WINDOW_ENDS)
    assert referral_of(friend)["flags"] == ["shared_with_referrer"]
