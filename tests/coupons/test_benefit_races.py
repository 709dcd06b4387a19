"""What tiers bring, granted by many workers at once, and by a moving sandbox."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from coupon_counters import counters_are_true
from sqlalchemy import text

from crm.coupons.benefits import granting
from crm.coupons.benefits.jobs import grant
from crm.db import db, transaction

pytestmark = pytest.mark.usefixtures("committed")
DAY = timedelta(days=1)
SLOT = datetime(2026, 11, 22, 16, 20, tzinfo=UTC)
WORKERS = 4


@pytest.fixture
def members(admin, person, coupon_template, stand_at):
    """Thirty members of the lowest tier, born on 23 November, of whom each has three promises."""
    stand_at(SLOT - 30 * DAY)
    tiers = admin.get("/tiers").get_json()["tiers"]
    one = str(coupon_template())
    tiers[0]["benefits"] = {
        "birthday_coupon": str(coupon_template()),
        "monthly_coupons": [one, one],
    }
    assert admin.put("/tiers", {"tiers": tiers}).status_code == 200
    found = [person() for _ in range(30)]
    db.session.execute(
        text(
            "UPDATE member SET birthday_month = 11, birthday_day = 23, birthday_calendar = 'solar'"
        )
    )
    db.session.commit()
    return found


def given():
    db.session.rollback()
    rows = db.session.execute(
        text("SELECT occasion, count(*) FROM coupon GROUP BY occasion ORDER BY occasion")
    )
    return dict(tuple(row) for row in rows)


def test_many_workers_give_each_coupon_once(app, members, stand_at):
    stand_at(SLOT + DAY)
    start = Barrier(WORKERS)

    def work(number):
        with app.app_context():
            start.wait()
            return grant(SLOT + DAY * (number % 2))

    with ThreadPoolExecutor(WORKERS) as pool:
        found = list(pool.map(work, range(WORKERS)))
    assert sum(found) == 90
    assert given() == {
        "tier:birthday:2026": 30,
        "tier:month:2026-11": 30,
        "tier:month:2026-11#2": 30,
    }
    counters_are_true()


def test_a_birthday_brings_one_coupon_though_two_workers_go_by_two_ladders(
    app, admin, members, coupon_template, stand_at
):
    tiers = admin.get("/tiers").get_json()["tiers"]
    tiers[0]["benefits"] = {"birthday_coupon": str(coupon_template())}
    at = (SLOT + DAY / 2).isoformat()
    assert admin.put("/tiers", {"tiers": tiers, "effective_at": at}).status_code == 200
    stand_at(SLOT + DAY)

    def other():
        with app.app_context():
            return grant(SLOT + DAY)

    with ThreadPoolExecutor(1) as pool:
        with transaction():
            promised = granting.birthday_promises(SLOT)
            for template, promises in promised.items():
                at = SLOT + DAY
                granting.grant_birthdays(members, template, promises, slot=SLOT, now=at)
            late = pool.submit(other)
            with pytest.raises(TimeoutError):
                late.result(timeout=0.3)  # it waits for what is being given here
        assert late.result() == 0
    assert given() == {"tier:birthday:2026": 30}


def test_the_sandbox_clock_grants_on_its_way(admin, members, stand_at):
    stand_at(SLOT - DAY)
    answer = admin.post("/sandbox/clock", {"now": (SLOT + 40 * DAY).isoformat()})
    assert answer.status_code == 200, answer.data
    assert given() == {
        "tier:birthday:2026": 30,
        "tier:month:2026-11": 30,
        "tier:month:2026-11#2": 30,
        "tier:month:2026-12": 30,
        "tier:month:2026-12#2": 30,
        "tier:month:2027-01": 30,
        "tier:month:2027-01#2": 30,
    }
    counters_are_true()
