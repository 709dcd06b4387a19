"""Rewards under many at once, with real commits: stock, limits, points are never overspent."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from api_client import Api
from rewarding import counters_are_true
from sqlalchemy import text

from crm.db import db
from crm.points import check

pytestmark = pytest.mark.usefixtures("committed")
THREADS = 8


@pytest.fixture
def at_once(app, admin: Api):
    """Runs `ask(api, item)` for every item, eight at a time."""

    def run(items, ask):
        start = Barrier(THREADS)

        def some(first):
            api = Api(app.test_client(), admin.key)
            start.wait()
            return [ask(api, item) for item in items[first::THREADS]]

        with ThreadPoolExecutor(THREADS) as pool:
            return [answer for part in pool.map(some, range(THREADS)) for answer in part]

    return run


def outcomes(answers):
    return Counter(
        "made" if answer.status_code in (200, 201) else answer.get_json()["code"]
        for answer in answers
    )


def taking(one):
    path = f"/rewards/{one['id']}/redemptions"
    return lambda api, member: api.post(path, {"member": {"id": str(member)}})


def test_a_stock_of_ten_for_twenty_members_is_ten(person, award, reward, coupon_template, at_once):
    members = [person() for _ in range(20)]
    for one in members:
        award(one, 500)
    deal = reward(stock=10, coupon_template=coupon_template())
    assert outcomes(at_once(members, taking(deal))) == {"made": 10, "reward_out_of_stock": 10}
    codes = db.session.scalar(text("SELECT count(DISTINCT code) FROM coupon"))
    spent = db.session.scalar(text("SELECT sum(points) FROM points_entry WHERE kind = 'redeem'"))
    assert (codes, spent) == (10, -5000)
    counters_are_true()
    assert check.run() == []


def test_the_last_coupons_go_to_as_many_and_the_others_keep_their_points(
    person, award, reward, coupon_template, at_once
):
    members = [person() for _ in range(16)]
    for one in members:
        award(one, 500)
    deal = reward(coupon_template=coupon_template(stock=5))
    assert outcomes(at_once(members, taking(deal))) == {"made": 5, "stock_empty": 11}
    counters_are_true()
    assert check.run() == []


def test_one_member_many_times_keeps_within_his_limit_and_his_points(
    person, award, reward, at_once
):
    member = person()
    award(member, 1000)
    mug = reward(points=100, per_member_limit=3)
    found = outcomes(at_once([member] * 16, taking(mug)))
    assert found == {"made": 3, "reward_limit_reached": 13}
    bag = reward(points=200)
    found = outcomes(at_once([member] * 16, taking(bag)))
    assert found == {"made": 3, "insufficient_points": 13}
    assert check.run() == []


def test_cancelled_by_many_at_once_points_come_back_once(
    person, award, reward, coupon_template, at_once, take, points_of
):
    member = person()
    award(member, 500)
    deal = reward(stock=1, coupon_template=coupon_template())
    made = take(deal, member).get_json()
    path = f"/reward-redemptions/{made['id']}/cancel"
    assert outcomes(at_once([None] * 16, lambda api, _: api.post(path))) == {"made": 16}
    assert points_of(member)["available"] == 500
    counters_are_true()
    assert check.run() == []


def test_taking_and_cancelling_side_by_side_never_deadlock(
    person, award, reward, coupon_template, at_once
):
    members = [person() for _ in range(4)]
    for one in members:
        award(one, 2000)
    deal = reward(stock=3, coupon_template=coupon_template())

    def there_and_back(api, member):
        answer = taking(deal)(api, member)
        if answer.status_code != 201:
            return answer
        return api.post(f"/reward-redemptions/{answer.get_json()['id']}/cancel")

    found = outcomes(at_once(members * 12, there_and_back))
    assert set(found) <= {"made", "reward_out_of_stock"}
    assert db.session.scalar(text("SELECT sum(redeemed) FROM reward")) == 0
    counters_are_true()
    assert check.run() == []
