"""Rewards: points, stock and coupon change together, and cancelling returns both."""

from datetime import timedelta

import pytest
from rewarding import counters_are_true
from sqlalchemy import text

from crm.coupons import redemption, returning
from crm.coupons.models import Coupon
from crm.coupons.redemption import Asked
from crm.db import db, transaction
from crm.members.tiers import storage
from crm.points import check

DAY = timedelta(days=1)
NOBODY = "01900000-0000-7000-8000-00000000ffff"


@pytest.fixture
def member(person, award, stand_at, now):
    stand_at(now)
    one = person()
    award(one, 1000)
    return one


def made(answer, status=201):
    assert answer.status_code == status, answer.data
    return answer.get_json()


def code(answer, status):
    return made(answer, status)["code"]


def coupon(which):
    found = db.session.get(Coupon, which, populate_existing=True)
    assert found is not None
    return found


def hold_tier(member_id, tier):
    db.session.execute(
        text("UPDATE tier_standing SET tier = :t, held = :t WHERE member_id = :m"),
        {"t": tier, "m": member_id},
    )
    db.session.commit()


def test_a_reward_takes_the_points_and_one_of_the_stock(
    member, reward, take, admin, points_of, entries_of
):
    mug = reward(stock=3)
    found = made(take(mug, member))
    assert (found["state"], found["points"], found["coupon"]) == ("redeemed", 500, None)
    assert found["member_id"] == str(member)
    assert points_of(member)["available"] == 500
    entry = entries_of(member)[0]
    assert (entry["kind"], entry["points"]) == ("redeem", -500)
    assert entry["source"] == {"type": "reward", "id": found["id"]}
    shown = made(admin.get(f"/rewards/{mug['id']}"), 200)
    assert (shown["redeemed"], shown["stock_left"], shown["state"]) == (1, 2, "open")
    assert made(admin.get(f"/reward-redemptions/{found['id']}"), 200) == found
    counters_are_true()
    assert check.run() == []


def test_a_reward_may_cost_what_the_till_would_not_redeem(member, reward, take, points_of):
    made(take(reward(points=37), member))
    assert points_of(member)["available"] == 963


def test_a_coupon_for_points_is_issued_and_says_that_points_bought_it(
    member, reward, take, coupon_template
):
    found = made(take(reward(coupon_template=coupon_template()), member))
    row = coupon(found["coupon"])
    assert (row.member_id, row.state, row.bought_with_points) == (member, "issued", True)
    assert (row.source_type, row.source_id) == ("reward", found["id"])
    assert check.run() == []


def test_the_same_request_again_redeems_once(member, reward, take, points_of):
    mug = reward()
    first, second = take(mug, member, idem="k"), take(mug, member, idem="k")
    assert first.data == second.data
    assert second.headers["Idempotent-Replayed"] == "true"
    assert points_of(member)["available"] == 500


def test_cancelling_gives_back_points_stock_and_coupon(
    member, reward, take, cancel, coupon_template, admin, points_of, entries_of
):
    deal = reward(coupon_template=coupon_template(stock=1), stock=1)
    found = made(take(deal, member))
    back = made(cancel(found, {"reason": "changed his mind"}), 200)
    assert (back["state"], back["cancel_reason"]) == ("cancelled", "changed his mind")
    assert points_of(member)["available"] == 1000
    assert coupon(found["coupon"]).state == "void"
    assert made(admin.get(f"/rewards/{deal['id']}"), 200)["redeemed"] == 0
    entry = entries_of(member)[0]
    assert (entry["kind"], entry["points"]) == ("restore", 500)
    assert entry["source"] == {"type": "reward_cancelled", "id": found["id"]}
    assert made(cancel(found), 200) == back
    assert points_of(member)["available"] == 1000
    made(take(deal, member))
    counters_are_true()
    assert check.run() == []


def test_points_come_back_with_their_own_expiry(
    person, award, reward, take, cancel, points_of, now
):
    member = person()
    award(member, 300, expires_at=now + 10 * DAY)
    award(member, 300, expires_at=now + 40 * DAY)
    before = points_of(member)["expiring"]
    made(cancel(made(take(reward(), member))), 200)
    assert points_of(member)["expiring"] == before


@pytest.mark.parametrize(
    ("changes", "refused", "status"),
    [
        ({"points": 1001}, "insufficient_points", 422),
        ({"stock": 0}, "reward_out_of_stock", 409),
        ({"starts_at": "2099-01-01T00:00:00Z"}, "reward_not_yet_available", 409),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "reward_ended", 409),
        ({"ended": True}, "reward_ended", 409),
    ],
)
def test_what_can_not_be_had_is_refused_and_takes_nothing(
    member, reward, take, points_of, changes, refused, status
):
    assert code(take(reward(**changes), member), status) == refused
    assert points_of(member)["available"] == 1000


def test_a_refusal_of_the_coupon_takes_nothing(member, reward, take, coupon_template, points_of):
    deal = reward(coupon_template=coupon_template(stock=0))
    assert code(take(deal, member), 409) == "stock_empty"
    assert points_of(member)["available"] == 1000
    counters_are_true()


def test_a_member_has_his_share_and_a_cancelled_one_does_not_count(member, reward, take, cancel):
    mug = reward(points=100, per_member_limit=2)
    first = made(take(mug, member))
    made(take(mug, member))
    found = made(take(mug, member), 409)
    assert (found["code"], found["limit"]) == ("reward_limit_reached", 2)
    made(cancel(first), 200)
    made(take(mug, member))


def test_a_price_for_a_tier_holds_for_those_above_it_too(member, award, person, reward, take, now):
    mug = reward(tier_prices={"silver": 400, "gold": 300})
    found = {}
    for tier in ("new", "bronze", "silver", "gold", "diamond"):
        one = person()
        award(one, 1000)
        hold_tier(one, tier)
        assert storage.shown_many([one], now)[one].code == tier
        paid = made(take(mug, one))
        found[paid["tier"]] = paid["points"]
    assert found == {"new": 500, "bronze": 500, "silver": 400, "gold": 300, "diamond": 300}


def test_a_member_sees_his_price_and_all_that_hinders_him(member, reward, admin):
    reward(points=100)
    reward(points=2000, stock=0, name={"en": "Bag"})
    reward(ended=True)
    first, second = made(admin.get(f"/members/{member}/rewards"), 200)["data"]
    assert [why["code"] for why in first["reasons"]] == [
        "reward_out_of_stock",
        "insufficient_points",
    ]
    assert first["reasons"][1]["facts"] == {"required": 2000, "available": 1000, "missing": 1000}
    assert (second["redeemable"], second["points"], second["reasons"]) == (True, 100, [])


def use(which, now):
    with transaction():
        redemption.use(which, Asked(at=now, order=("web", "1")), now=now, discount=100)


def test_a_coupon_that_was_used_is_not_taken_back(
    member, reward, take, cancel, coupon_template, points_of, now
):
    found = made(take(reward(coupon_template=coupon_template()), member))
    use(found["coupon"], now)
    assert code(cancel(found), 409) == "already_used"
    assert points_of(member)["available"] == 500
    counters_are_true()


def test_a_coupon_in_a_cart_is_not_taken_back_until_the_cart_lets_it_go(
    member, reward, take, cancel, coupon_template, now
):
    found = made(take(reward(coupon_template=coupon_template()), member))
    with transaction():
        redemption.reserve(found["coupon"], Asked(at=now, reference="cart"), now=now)
    assert code(cancel(found), 409) == "reserved_elsewhere"
    with transaction():
        returning.release(found["coupon"], now=now, reference="cart")
    made(cancel(found), 200)


def test_a_coupon_that_has_expired_is_not_taken_back(
    member, reward, take, cancel, coupon_template, stand_at, now
):
    found = made(take(reward(coupon_template=coupon_template(valid_days=1)), member))
    stand_at(now + 3 * DAY)
    assert code(cancel(found), 409) == "coupon_expired"


def test_a_coupon_taken_back_by_hand_does_not_keep_the_points(
    member, reward, take, cancel, coupon_template, points_of, now
):
    found = made(take(reward(coupon_template=coupon_template()), member))
    with transaction():
        returning.void(found["coupon"], reason="damaged", now=now)
    made(cancel(found), 200)
    assert points_of(member)["available"] == 1000
    assert coupon(found["coupon"]).void_reason == "damaged"


def test_what_was_handed_over_can_not_be_cancelled(member, reward, take, cancel, admin):
    found = made(take(reward(), member))
    path = f"/reward-redemptions/{found['id']}/hand-over"
    over = made(admin.post(path), 200)
    assert over["state"] == "handed_over"
    assert made(admin.post(path), 200) == over
    assert code(cancel(found), 409) == "reward_handed_over"


def test_there_is_nothing_to_hand_over_of_a_coupon_or_a_cancelled_good(
    member, reward, take, cancel, admin, coupon_template
):
    paper = made(take(reward(points=100, coupon_template=coupon_template()), member))
    path = f"/reward-redemptions/{paper['id']}/hand-over"
    assert code(admin.post(path), 409) == "nothing_to_hand_over"
    mug = made(take(reward(), member))
    made(cancel(mug), 200)
    assert code(admin.post(f"/reward-redemptions/{mug['id']}/hand-over"), 409) == "reward_cancelled"


def test_points_spent_on_a_reward_come_back_by_cancelling_it_alone(
    member, reward, take, admin, entries_of
):
    found = made(take(reward(), member))
    spent = entries_of(member)[0]["id"]
    refused = made(admin.post(f"/points/redemptions/{spent}/reverse"), 409)
    assert (refused["code"], refused["reward_redemption"]) == ("spent_on_reward", found["id"])


def test_who_was_merged_has_what_the_other_took_and_gets_its_points_back(
    member, person, award, reward, take, cancel, points_of, admin, coupon_template
):
    mug = reward(points=400, per_member_limit=1, coupon_template=coupon_template())
    found = made(take(mug, member))
    other = person()
    award(other, 400)
    merge = made(admin.post(f"/members/{other}/merge", {"from": {"id": str(member)}}))
    assert code(take(mug, other), 409) == "reward_limit_reached"
    listed = made(admin.get(f"/members/{other}/reward-redemptions"), 200)["data"]
    assert [(one["id"], one["member_id"]) for one in listed] == [(found["id"], str(other))]
    back = made(cancel(found), 200)
    assert (back["state"], back["member_id"]) == ("cancelled", str(other))
    assert points_of(other)["available"] == 1400
    assert check.run() == []
    made(admin.post(f"/merges/{merge['id']}/undo"), 200)
    assert check.run() == []


def test_a_reward_is_changed_and_the_trail_says_what_it_was(reward, admin):
    mug = reward(stock=5)
    changed = made(admin.patch(f"/rewards/{mug['id']}", {"points": 450, "stock": None}), 200)
    assert (changed["points"], changed["stock"]) == (450, None)
    row = db.session.execute(
        text("SELECT before, after FROM audit_entry WHERE action = 'reward.changed'")
    ).one()
    assert (row.before["points"], row.after["points"]) == (500, 450)


def test_what_was_redeemed_bounds_the_stock_from_below(member, reward, take, admin):
    mug = reward(points=100, stock=5)
    made(take(mug, member))
    made(take(mug, member))
    refused = made(admin.patch(f"/rewards/{mug['id']}", {"stock": 1}), 422)
    assert [one["pointer"] for one in refused["errors"]] == ["/stock"]
    made(admin.patch(f"/rewards/{mug['id']}", {"stock": 2}), 200)
    assert made(admin.get(f"/rewards/{mug['id']}"), 200)["state"] == "sold_out"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"points": 0}, "/points"),
        ({"points": "5"}, "/points"),
        ({"points": True}, "/points"),
        ({"points": 10**12}, "/points"),
        ({"kind": "money"}, "/kind"),
        ({"name": {"fr": "Tasse"}}, "/name/en"),
        ({"name": "Mug"}, "/name"),
        ({"stock": -1}, "/stock"),
        ({"per_member_limit": 0}, "/per_member_limit"),
        ({"kind": "coupon"}, "/coupon_template"),
        ({"kind": "coupon", "coupon_template": NOBODY}, "/coupon_template"),
        ({"kind": "coupon", "coupon_template": "spring"}, "/coupon_template"),
        ({"coupon_template": NOBODY}, "/coupon_template"),
        ({"tier_prices": {"platinum": 5}}, "/tier_prices/platinum"),
        ({"tier_prices": {"gold": 0}}, "/tier_prices/gold"),
        ({"tier_prices": [1]}, "/tier_prices"),
        ({"starts_at": "2027-01-02T00:00:00Z", "ends_at": "2027-01-01T00:00:00Z"}, "/ends_at"),
        ({"ends_at": "tomorrow"}, "/ends_at"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_a_mistake_names_its_field(admin, change, pointer):
    body = {"kind": "good", "name": {"en": "Mug"}, "points": 500} | change
    found = made(admin.post("/rewards", body), 422)
    assert pointer in [one["pointer"] for one in found["errors"]]
    assert db.session.scalar(text("SELECT count(*) FROM reward")) == 0


def test_unknown_rewards_members_and_redemptions_are_not_found(member, reward, admin, take, cancel):
    assert code(take({"id": NOBODY}, member), 404) == "reward_not_found"
    assert code(take(reward(), NOBODY), 404) == "member_not_found"
    assert code(cancel({"id": NOBODY}), 404) == "reward_redemption_not_found"
    assert code(admin.get(f"/reward-redemptions/{NOBODY}"), 404) == "reward_redemption_not_found"
    assert code(admin.patch(f"/rewards/{NOBODY}", {}), 404) == "reward_not_found"
    assert code(admin.get(f"/rewards/{NOBODY}/redemptions"), 404) == "reward_not_found"


def test_pages_of_the_catalogue_hold_together(reward, admin):
    names = [reward()["id"] for _ in range(3)]
    first = made(admin.get("/rewards?limit=2"), 200)
    second = made(admin.get(f"/rewards?limit=2&cursor={first['next_cursor']}"), 200)
    assert [one["id"] for one in first["data"] + second["data"]] == names[::-1]
    assert second["next_cursor"] is None
    assert code(admin.get("/rewards?cursor=x"), 422) == "validation_failed"
