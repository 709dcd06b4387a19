"""Moving points from one member to another: what the one gives, the other gets."""

from datetime import UTC, datetime, timedelta

import pytest

from crm.points import check

JUNE = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
NOBODY = "01900000-0000-7000-8000-00000000ffff"


@pytest.fixture
def pair(person, stand_at):
    stand_at(JUNE)
    return person(), person()


@pytest.fixture
def transfer(admin):
    """Moves points: `transfer(giver, taker, 100)` → the answer."""

    def move(giver, taker, points, /, **more):
        ends = {"from": {"id": str(giver)}, "to": {"id": str(taker)}}
        return admin.post("/points/transfers", ends | {"points": points, "reason": "family"} | more)

    return move


def problem(answer, status):
    assert answer.status_code == status, answer.data
    return answer.get_json()


def test_points_move_earliest_expiring_first_and_keep_their_expiry(
    pair, award, transfer, points_of
):
    giver, taker = pair
    award(giver, 300, expires_at=JUNE + 90 * DAY)
    award(giver, 50, expires_at=JUNE + 10 * DAY)
    award(giver, 50, expires_at=JUNE + 10 * DAY)
    found = problem(transfer(giver, taker, 250), 201)
    assert found["points"] == 250
    assert points_of(giver)["available"] == 150
    assert points_of(taker)["expiring"] == [
        {"expires_at": "2026-06-25T04:00:00Z", "points": 100},
        {"expires_at": "2026-09-13T04:00:00Z", "points": 150},
    ]
    assert points_of(taker)["lifetime_earned"] == 0
    assert points_of(giver)["lifetime_earned"] == 400
    assert check.run() == []


def test_both_sides_have_an_entry_that_names_the_other(pair, award, transfer, entries_of):
    giver, taker = pair
    award(giver, 300)
    found = transfer(giver, taker, 123).get_json()
    sent, got = entries_of(giver)[0], entries_of(taker)[0]
    assert (found["from"], found["to"]) == (sent, got)
    assert [(one["kind"], one["points"], one["reason"]) for one in (sent, got)] == [
        ("transfer", -123, "family"), ("transfer", 123, "family"),
    ]  # fmt: skip
    source = {"type": "transfer", "id": found["id"]}
    assert sent["source"] == source | {"member_id": str(taker)}
    assert got["source"] == source | {"member_id": str(giver)}


def test_only_what_can_be_spent_can_be_given(admin, pair, award, transfer, points_of):
    giver, taker = pair
    award(giver, 300)
    hold = {"member": {"id": str(giver)}, "points": 100, "reference": "cart"}
    assert admin.post("/points/holds", hold).status_code == 201
    found = problem(transfer(giver, taker, 201), 422)
    facts = found["code"], found["required"], found["available"], found["missing"]
    assert facts == ("insufficient_points", 201, 200, 1)
    assert transfer(giver, taker, 200).status_code == 201
    assert (points_of(giver)["held"], points_of(taker)["available"]) == (100, 200)
    assert check.run() == []


def test_what_is_got_pays_a_debt_first(admin, pair, award, redeem, transfer, points_of):
    giver, taker = pair
    award(giver, 500)
    line = {"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": 30000}
    body = {
        "member": {"id": str(taker)}, "status": "paid", "placed_at": "2026-05-01T04:00:00Z",
        "updated_at": "2026-05-01T04:00:00Z", "currency": "CNY", "lines": [line],
    }  # fmt: skip
    admin.put("/orders/web/A", body)
    redeem(taker, 300)
    refund = {"refunded_at": JUNE.isoformat(), "amount": 30000}
    admin.put("/orders/web/A/refunds/R", refund)
    assert points_of(taker)["debt"] == 300
    transfer(giver, taker, 400)
    assert (points_of(taker)["available"], points_of(taker)["debt"]) == (100, 0)
    assert problem(transfer(taker, giver, 101), 422)["available"] == 100
    assert check.run() == []


def test_points_without_end_stay_so(admin, pair, award, transfer, points_of):
    admin.put("/points/programme", {"expiry": {"policy": "never"}})
    giver, taker = pair
    award(giver, 300)
    transfer(giver, taker, 100)
    assert points_of(taker)["expiring"] == []
    assert points_of(taker, JUNE + 4000 * DAY)["available"] == 100


def test_nobody_gives_points_to_himself(pair, award, transfer, entries_of):
    giver, _ = pair
    award(giver, 300)
    found = problem(transfer(giver, giver, 100), 422)
    assert (found["code"], found["errors"][0]["pointer"]) == ("self_transfer", "/to")
    assert len(entries_of(giver)) == 1


def test_one_key_is_one_transfer(admin, pair, award, points_of):
    giver, taker = pair
    award(giver, 300)
    body = {"from": {"id": str(giver)}, "to": {"id": str(taker)}, "points": 100, "reason": "x"}
    first, again = (admin.post("/points/transfers", body, idem="k") for _ in range(2))
    assert (first.status_code, first.data) == (again.status_code, again.data)
    assert points_of(taker)["available"] == 100


def test_unknown_members_are_not_found(pair, award, transfer):
    giver, taker = pair
    award(giver, 300)
    for ends in ((giver, NOBODY), (NOBODY, taker)):
        assert problem(transfer(*ends, 100), 404)["code"] == "member_not_found"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"points": 0}, "/points"),
        ({"points": -1}, "/points"),
        ({"points": 1_000_000_001}, "/points"),
        ({"points": "100"}, "/points"),
        ({"points": None}, "/points"),
        ({"reason": ""}, "/reason"),
        ({"reason": "x" * 501}, "/reason"),
        ({"from": {}}, "/from"),
        ({"to": {"id": "x"}}, "/to/id"),
        ({"to": None}, "/to"),
        ({"fee": 1}, "/fee"),
    ],
)
def test_a_bad_transfer_is_refused_and_the_place_is_named(pair, transfer, change, pointer):
    found = problem(transfer(*pair, 100, **change), 422)
    assert found["code"] == "validation_failed"
    assert [error["pointer"] for error in found["errors"]] == [pointer]
