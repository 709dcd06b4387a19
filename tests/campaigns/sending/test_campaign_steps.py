"""Pausing, resuming and cancelling are exact; budgets and pools hold; counters always add up."""

from uuid import UUID

import pytest
from crowds import add_up, arm, crowd, deliver, figures, rows, state, template, work
from sqlalchemy import text

from crm import clock
from crm.campaigns import making, running
from crm.db import db, transaction
from crm.messages import channels, delivery

COUPONS = text("""
    SELECT state, count(*) FROM coupon WHERE member_id IS NOT NULL GROUP BY state
""")


def act(admin, found, what: str, **body):
    return admin.post(f"/campaigns/{found['id']}/{what}", body)


def coupons() -> dict[str, int]:
    return dict(db.session.execute(COUPONS).all())


def template_row(template_id):
    return db.session.execute(
        text("SELECT issued, committed, pool FROM coupon_template WHERE id = :id"),
        {"id": template_id},
    ).one()


@pytest.fixture
def small_batches(monkeypatch):
    """Ten messages a batch, and one batch a turn."""
    provider = channels.provider_of("email")
    monkeypatch.setattr(provider, "batch", 10)
    return lambda: delivery.deliver("email", until=0, on_crowd=bool)


def test_paused_at_half_nothing_more_goes_and_the_rest_goes_when_it_is_resumed(
    admin, launched, shown, small_batches
):
    found = launched(crowd(40), holdout_percent=0)
    work(found["id"])
    small_batches()
    small_batches()
    assert figures(found["id"]).sent == 20
    assert act(admin, found, "pause").get_json()["state"] == "paused"
    for _ in range(5):
        small_batches()
        work(found["id"])
        add_up(shown(found["id"]))
    assert (figures(found["id"]).sent, figures(found["id"]).pending) == (20, 20)
    before = {one for one, row in rows(found["id"]).items() if row.state == "sent"}
    assert act(admin, found, "resume").get_json()["state"] == "running"
    deliver()
    work(found["id"])
    assert figures(found["id"]).sent == 40
    assert state(found["id"]) == "done"
    assert len(before) == 20
    told = db.session.scalars(text("SELECT member_id FROM sandbox_message")).all()
    assert len(told) == len(set(told)) == 40


def test_paused_while_it_is_prepared_the_rest_is_made_when_it_is_resumed(
    admin, launched, shown, monkeypatch
):
    monkeypatch.setattr(making, "MOST", 10)
    found = launched(crowd(35), holdout_percent=0)
    with transaction():
        step(found)  # freezes
    with transaction():
        step(found)  # the first chunk
    assert figures(found["id"]).planned == 10
    act(admin, found, "pause")
    work(found["id"])
    deliver()
    assert (figures(found["id"]).planned, figures(found["id"]).sent) == (10, 0)
    assert shown(found["id"])["counters"]["pending"] == 35
    assert act(admin, found, "resume").get_json()["state"] == "launching"
    work(found["id"])
    deliver()
    assert figures(found["id"]).sent == 35


def step(found) -> bool:
    return running.step(UUID(found["id"]), now=clock.now())


def test_cancelled_at_half_the_rest_is_cancelled_and_its_coupons_come_back(
    admin, launched, shown, coupon_template, small_batches
):
    coupon = coupon_template(stock=40, value=2_000)
    found = launched(crowd(40), holdout_percent=0, arms=[arm(coupon_template=str(coupon))])
    work(found["id"])
    assert template_row(coupon).issued == 40
    small_batches()
    small_batches()
    assert act(admin, found, "cancel").get_json()["state"] == "cancelled"
    work(found["id"])
    deliver()
    after = shown(found["id"])
    add_up(after)
    assert (after["counters"]["sent"], after["counters"]["cancelled"]) == (20, 20)
    assert after["counters"]["pending"] == 0
    assert coupons() == {"issued": 20, "void": 20}
    assert template_row(coupon)[:2] == (20, 20 * 2_000)
    kept = {one for one, row in rows(found["id"]).items() if row.state == "sent"}
    assert kept == set(
        db.session.scalars(text("SELECT member_id FROM coupon WHERE state = 'issued'"))
    )


def test_codes_of_a_pool_go_back_into_it(admin, launched, coupon_template):
    coupon = coupon_template()
    admin.post(f"/coupon-templates/{coupon}/codes", {"count": 12})
    found = launched(crowd(10), holdout_percent=0, arms=[arm(coupon_template=str(coupon))])
    work(found["id"])
    assert template_row(coupon).pool == 2
    act(admin, found, "cancel")
    work(found["id"])
    assert template_row(coupon) == (0, 0, 12)
    free = text("SELECT count(*) FROM coupon WHERE member_id IS NULL AND state = 'issued'")
    assert db.session.scalar(free) == 12


def test_a_coupon_that_was_used_or_lies_in_a_cart_stays(admin, launched, coupon_template):
    coupon = coupon_template()
    found = launched(crowd(3), holdout_percent=0, arms=[arm(coupon_template=str(coupon))])
    work(found["id"])
    codes = db.session.scalars(text("SELECT code FROM coupon ORDER BY code")).all()
    order = {"channel": "web", "order_no": "1", "discount": 100}
    assert admin.post(f"/coupons/{codes[0]}/use", order).status_code == 200
    assert admin.post(f"/coupons/{codes[1]}/reserve", {"reference": "cart"}).status_code == 200
    act(admin, found, "cancel")
    work(found["id"])
    assert coupons() == {"used": 1, "reserved": 1, "void": 1}


def test_cancelled_before_its_time_everybody_is_cancelled(admin, launched, shown):
    found = launched(crowd(20), holdout_percent=30, schedule={"at": "2026-11-24T04:00:00Z"})
    work(found["id"])
    act(admin, found, "cancel")
    work(found["id"])
    after = shown(found["id"])["counters"]
    assert after["planned"] == 20 == after["holdout"] + after["cancelled"]
    assert {row.state for row in rows(found["id"]).values()} == {"holdout", "cancelled"}


def test_cancelled_at_once_nobody_is_lost(admin, launched, shown):
    found = launched(crowd(5), holdout_percent=0)
    act(admin, found, "cancel")
    work(found["id"])
    work(found["id"])
    assert shown(found["id"])["counters"]["cancelled"] == 5


def test_a_coupon_of_somebody_who_opted_out_meanwhile_comes_back_at_the_end(
    admin, launched, coupon_template, shown
):
    members = crowd(3)
    coupon = coupon_template(stock=3)
    found = launched(members, holdout_percent=0, arms=[arm(coupon_template=str(coupon))])
    work(found["id"])
    with transaction():
        db.session.execute(
            text("UPDATE member_consent SET granted = false WHERE member_id = :m"),
            {"m": members[0]},
        )
    deliver()
    work(found["id"])
    assert state(found["id"]) == "done"
    assert shown(found["id"])["counters"]["reasons"] == {"opted_out": 1}
    assert coupons() == {"issued": 2, "void": 1}
    assert template_row(coupon).issued == 2


def test_a_budget_is_never_overspent(admin, launched, shown, coupon_template):
    coupon = coupon_template(value=2_000)
    found = launched(
        crowd(10), holdout_percent=0, budget=13_900,
        arms=[arm(coupon_template=str(coupon), points=100)],
    )  # fmt: skip
    work(found["id"])
    after = shown(found["id"])
    assert after["spent"] == 6 * 2_100
    assert after["counters"]["reasons"] == {"budget": 4}
    assert template_row(coupon).issued == 6
    assert db.session.scalar(text("SELECT count(*) FROM points_entry")) == 6
    add_up(after)


def test_a_budget_of_nothing_lets_nothing_go_that_costs(admin, launched, shown, coupon_template):
    one = arm(coupon_template=str(coupon_template(value=2_000)))
    found = launched(crowd(3), holdout_percent=0, budget=1_999, arms=[one])
    work(found["id"])
    assert shown(found["id"])["counters"]["reasons"] == {"budget": 3}


def test_a_pool_that_runs_empty_says_so(admin, launched, shown, coupon_template):
    coupon = coupon_template()
    admin.post(f"/coupon-templates/{coupon}/codes", {"count": 4})
    found = launched(crowd(6), holdout_percent=0, arms=[arm(coupon_template=str(coupon))])
    work(found["id"])
    deliver()
    work(found["id"])
    after = shown(found["id"])
    assert after["counters"]["reasons"] == {"pool_empty": 2}
    assert after["counters"]["sent"] == 4
    assert after["state"] == "done"
    add_up(after)


def test_who_bought_twice_is_asked_again_just_before_each_call(admin, launched, shown):
    members = crowd(2)
    found = launched(members, holdout_percent=0)
    work(found["id"])
    with transaction():
        db.session.execute(
            text("INSERT INTO message_block VALUES (:m, 'open_case', 'c-1', now())"),
            {"m": members[0]},
        )
    deliver()
    assert shown(found["id"])["counters"]["reasons"] == {"open_case": 1}


@pytest.mark.parametrize(
    ("what", "code"),
    [("pause", "campaign_not_running"), ("resume", "campaign_not_paused"),
     ("cancel", "campaign_over")],
)  # fmt: skip
def test_a_draft_and_a_finished_campaign_are_neither_paused_nor_cancelled(
    admin, campaign, launched, what, code
):
    draft = campaign(crowd(1), holdout_percent=0)
    answer = act(admin, draft, what)
    assert (answer.status_code, answer.get_json()["code"]) == (409, code)
    done = launched(crowd(1), holdout_percent=0)
    work(done["id"])
    deliver()
    work(done["id"])
    assert state(done["id"]) == "done"
    assert act(admin, done, what).get_json()["code"] == code


def test_two_campaigns_share_a_members_cap(admin, launched, shown):
    members = crowd(3)
    first, second = (
        launched(members, holdout_percent=0, arms=[arm(template=template())]) for _ in range(2)
    )
    work(first["id"])
    work(second["id"])
    deliver()
    sent = [shown(one["id"])["counters"]["sent"] for one in (first, second)]
    assert sum(sent) == 3
