"""Redemptions: the right lots, all or nothing, once per key."""

from datetime import UTC, datetime, timedelta

import pytest

from crm.points import check

JUNE = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def member(person, stand_at):
    stand_at(JUNE)
    return person()


def lots_of(entry):
    return [(lot["lot_id"], lot["points"]) for lot in entry["lots"]]


def lot_of(entry):
    return entry["lots"][0]["lot_id"]


def test_the_earliest_expiry_is_spent_first_then_the_oldest(member, award, redeem):
    late = award(member, 100, expires_at=JUNE + 300 * DAY)
    first_soon = award(member, 100, expires_at=JUNE + 10 * DAY)
    second_soon = award(member, 100, expires_at=JUNE + 10 * DAY)
    middle = award(member, 100, expires_at=JUNE + 20 * DAY)
    answer = redeem(member, 300)
    assert answer.status_code == 201
    entry = answer.get_json()
    assert (entry["kind"], entry["points"], entry["balance_after"]) == ("redeem", -300, 100)
    expected = [lot_of(first_soon), lot_of(second_soon), lot_of(middle)]
    assert lots_of(entry) == [(lot, -100) for lot in expected]
    assert lots_of(redeem(member, 100).get_json()) == [(lot_of(late), -100)]
    assert not check.run(member)


def test_points_that_never_expire_are_spent_last(admin, member, award, redeem):
    admin.put("/points/programme", {"expiry": {"policy": "never"}})
    forever = award(member, 100)
    soon = award(member, 100, expires_at=JUNE + 900 * DAY)
    assert forever["lots"][0]["expires_at"] is None
    assert lots_of(redeem(member, 100).get_json()) == [(lot_of(soon), -100)]
    assert lots_of(redeem(member, 100).get_json()) == [(lot_of(forever), -100)]


def test_a_lot_may_be_spent_in_parts(member, award, redeem):
    soon = award(member, 150, expires_at=JUNE + 10 * DAY)
    late = award(member, 100, expires_at=JUNE + 20 * DAY)
    assert lots_of(redeem(member, 100).get_json()) == [(lot_of(soon), -100)]
    assert lots_of(redeem(member, 100).get_json()) == [(lot_of(soon), -50), (lot_of(late), -50)]


def test_lapsed_points_are_not_spendable_although_no_sweep_has_run(
    member, award, redeem, stand_at, points_of
):
    award(member, 200, expires_at=JUNE + DAY)
    stand_at(JUNE + DAY - timedelta(microseconds=1))
    assert redeem(member, 100).status_code == 201
    stand_at(JUNE + DAY)
    answer = redeem(member, 100)
    assert (answer.status_code, answer.get_json()["available"]) == (422, 0)
    assert points_of(member)["available"] == 0


def test_pending_points_are_not_spendable_until_their_instant(
    admin, member, redeem, stand_at, points_of
):
    order = {
        "member": {"id": str(member)}, "status": "paid", "placed_at": JUNE.isoformat(),
        "updated_at": JUNE.isoformat(), "currency": "CNY",
        "lines": [{"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": 30000}],
    }  # fmt: skip
    assert admin.put("/orders/web/A1", order).get_json()["earned"]["state"] == "pending"
    assert (points_of(member)["available"], points_of(member)["pending"]) == (0, 300)
    assert redeem(member, 100).status_code == 422
    stand_at(JUNE + 15 * DAY)
    assert (points_of(member)["available"], points_of(member)["pending"]) == (300, 0)
    assert redeem(member, 300).status_code == 201
    assert not check.run(member)


def test_too_few_points_are_refused_whole_and_the_figures_said(
    member, award, redeem, points_of, entries_of
):
    award(member, 250)
    answer = redeem(member, 300)
    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (422, "insufficient_points")
    assert (problem["required"], problem["available"], problem["missing"]) == (300, 250, 50)
    assert points_of(member)["available"] == 250
    assert len(entries_of(member)) == 1


def test_a_refusal_is_replayed_to_the_byte_even_when_points_have_come_since(member, award, redeem):
    first = redeem(member, 100, idem="k")
    award(member, 500)
    again = redeem(member, 100, idem="k", headers={"Accept-Language": "zh-Hant"})
    assert (again.status_code, again.data) == (422, first.data)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert redeem(member, 100, idem="another").status_code == 201


def test_a_redemption_is_replayed_to_the_byte_and_taken_once(member, award, redeem, points_of):
    award(member, 500)
    first = redeem(member, 100, idem="k")
    again = redeem(member, 100, idem="k")
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert points_of(member)["available"] == 400


@pytest.mark.parametrize("points", [1, 99, 100, 250, 301])
def test_points_are_redeemed_from_the_minimum_on_in_whole_steps(
    admin, member, award, redeem, points
):
    admin.put("/points/programme", {"redemption": {"points_per_step": 100, "min_points": 200}})
    award(member, 1000)
    answer = redeem(member, points)
    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (422, "not_redeemable_amount")
    assert (problem["minimum"], problem["step"]) == (200, 100)
    assert redeem(member, 300).status_code == 201


def test_every_amount_is_redeemable_where_the_programme_says_so(admin, member, award, redeem):
    admin.put("/points/programme", {"redemption": {"points_per_step": 1, "min_points": 0}})
    award(member, 10)
    assert redeem(member, 7).get_json()["balance_after"] == 3
    assert redeem(member, 4).status_code == 422


def test_a_member_who_never_had_points_has_none_to_spend(member, redeem, contents_of_points):
    answer = redeem(member, 100)
    assert (answer.status_code, answer.get_json()["available"]) == (422, 0)
    assert contents_of_points() == (0, 0, 0)


def test_a_debt_is_not_spendable(admin, member, award, redeem, points_of):
    order = {
        "member": {"id": str(member)}, "status": "paid", "placed_at": "2026-05-01T04:00:00Z",
        "updated_at": "2026-05-01T04:00:00Z", "currency": "CNY",
        "lines": [{"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": 30000}],
    }  # fmt: skip
    admin.put("/orders/web/A1", order)
    redeem(member, 300)
    admin.put("/orders/web/A1/refunds/R", {"refunded_at": JUNE.isoformat(), "amount": 30000})
    assert points_of(member)["debt"] == 300
    award(member, 400)
    assert (points_of(member)["available"], points_of(member)["debt"]) == (100, 0)
    assert redeem(member, 200).get_json()["available"] == 100
    assert redeem(member, 100).status_code == 201
    assert not check.run(member)
