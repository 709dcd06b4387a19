"""Many acts at once, with real commits: no cap is passed, nothing is given twice."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from api_client import Api
from clocks import set_to
from order_bodies import PLACED
from sqlalchemy import text

from crm import clock
from crm.activities import jobs
from crm.db import db
from crm.points import check

pytestmark = pytest.mark.usefixtures("committed")
THREADS = 6


@pytest.fixture
def at_once(app, admin: Api):
    """Runs `ask(api, number)` for every number, many at a time."""

    def run(times, ask):
        start = Barrier(THREADS)

        def some(first):
            api = Api(app.test_client(), admin.key)
            start.wait()
            return [ask(api, number) for number in range(first, times, THREADS)]

        with ThreadPoolExecutor(THREADS) as pool:
            return [answer for part in pool.map(some, range(THREADS)) for answer in part]

    return run


def act(api, member, **more):
    return api.post("/points/awards", {"member": {"id": str(member)}} | more)


def test_parallel_acts_never_pass_a_cap(admin, person, rule, at_once, points_of):
    rule("review", 30, cap={"per_member_day": 100})
    setting = {"activities": {"per_member_day": {"share": 70}}}
    assert admin.put("/points/programme", setting).status_code == 200
    rule("share", 20)
    member = person()

    def ask(api, number):
        activity = "review" if number % 2 else "share"
        return act(api, member, activity=activity, source_key=str(number))

    answers = at_once(30, ask)
    assert {answer.status_code for answer in answers} == {201}
    granted = Counter()
    for answer in answers:
        entry = answer.get_json()
        granted[entry["source"]["type"]] += entry["granted"]
    assert granted == {"award:review": 100, "award:share": 70}
    assert points_of(member)["available"] == 170
    assert not check.run()


def test_one_act_from_many_threads_is_one_award(person, rule, at_once, points_of):
    rule("check_in", 3)
    member = person()
    answers = at_once(24, lambda api, _: act(api, member, activity="check_in"))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 23}
    assert len({answer.get_json()["id"] for answer in answers}) == 1
    assert points_of(member)["available"] == 3


def test_acts_changes_and_orders_at_once_do_not_block_each_other_for_ever(
    admin, person, rule, put_order, at_once
):
    rule("profile_completed", 50)
    rule("review", 5, requires_paid_order=True)
    member = person()
    put_order("A1", member)
    order = {"channel": "web", "order_no": "A1"}

    def ask(api, number):
        if number % 3 == 0:
            body = {
                "name": f"n{number}",
                "birthday": {"month": 1, "day": 2},
                "email": "a@shop.test",
            }
            return api.patch(f"/members/{member}", body)
        if number % 3 == 1:
            return act(api, member, activity="review", source_key=str(number), order=order)
        path = f"/orders/web/A1/refunds/{number}"
        return api.put(path, {"refunded_at": "2026-11-03T02:00:00Z", "amount": 10})

    answers = at_once(30, ask)
    assert {answer.status_code for answer in answers} <= {200, 201}
    given = "SELECT count(*) FROM points_entry WHERE source_type = 'award:profile_completed'"
    assert db.session.scalar(text(given)) == 1
    assert not check.run()


def test_jobs_and_people_at_once_release_a_referral_once(app, admin, rule, put_order, at_once):
    set_to(PLACED - timedelta(days=1))
    rule("referral", 300, referee_points=100)
    device = ["device-0123456789"]
    referrer = admin.post("/members", {"fingerprints": device}).get_json()["id"]
    friends = []
    for number in range(4):
        body = {"referred_by": {"id": referrer}} | ({"fingerprints": device} if number < 2 else {})
        friends.append(admin.post("/members", body).get_json()["id"])
        put_order(f"A{number}", friends[-1])
    set_to(PLACED + timedelta(days=30))
    jobs.release_referrals(clock.now())
    found = admin.get("/referrals").get_json()["data"]
    assert Counter(one["state"] for one in found) == {"review": 2, "released": 2}
    db.session.execute(text("UPDATE referral SET state = 'open' WHERE state = 'released'"))
    db.session.commit()

    def work(api, number):
        if number % 2:
            with app.app_context():
                return jobs.release_referrals(clock.now())
        return api.post(f"/referrals/{friends[number % 4 // 2]}/approve").status_code

    done = at_once(24, work)
    assert {answer for answer in done if answer >= 200} == {200, 409}
    awards = db.session.execute(
        text("""
            SELECT count(*), sum(points) FROM points_entry WHERE source_type = 'award:referral'
        """)
    ).one()
    assert tuple(awards) == (8, 1600)
    assert not check.run()
