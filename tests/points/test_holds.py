"""Holds: points reserved as a card payment is, then captured, given free, or over."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from crm.db import db
from crm.points import check
from crm.points.jobs import end_holds, expire, next_end_of_hold, next_lapse

JUNE = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
DAY, MINUTE, SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)
NOBODY = "01900000-0000-7000-8000-00000000ffff"


@pytest.fixture
def member(person, stand_at):
    stand_at(JUNE)
    return person()


@pytest.fixture
def hold(admin):
    """Places a hold: `hold(member, 300)` → the answer, whatever it is."""

    def place(member_id, points, /, **more):
        body = {"member": {"id": str(member_id)}, "points": points, "reference": "cart 7"}
        return admin.post("/points/holds", body | more)

    return place


@pytest.fixture
def resolve(admin):
    """Captures or voids: `resolve(hold, "capture", points=100)` → the answer."""

    def act(placed, verb, /, **body):
        return admin.post(f"/points/holds/{placed['id']}/{verb}", body or None)

    return act


def placed(answer):
    assert answer.status_code == 201, answer.data
    return answer.get_json()


def figures(balance):
    return balance["available"], balance["held"], balance["pending"], balance["debt"]


def problem(answer, status):
    assert answer.status_code == status, answer.data
    return answer.get_json()


def sound():
    assert check.run() == []


def test_a_hold_reserves_points_without_changing_the_balance(
    member, award, hold, points_of, entries_of
):
    award(member, 500)
    found = placed(hold(member, 300))
    assert (found["state"], found["points"], found["captured"]) == ("held", 300, 0)
    assert (found["created_at"], found["expires_at"]) == (
        "2026-06-15T04:00:00Z", "2026-06-15T04:15:00Z",
    )  # fmt: skip
    assert figures(points_of(member)) == (200, 300, 0, 0)
    entry = entries_of(member)[0]
    assert (entry["kind"], entry["points"], entry["balance_after"]) == ("hold", 0, 500)
    assert entry["source"] == {"type": "hold", "id": found["id"], "reference": "cart 7"}
    assert found["entry"] == entry
    sound()


def test_a_hold_takes_the_earliest_expiring_points(member, award, hold):
    award(member, 200, expires_at=JUNE + 90 * DAY)
    award(member, 200, expires_at=JUNE + 10 * DAY)
    parts = placed(hold(member, 300))["lots"]
    assert [(part["points"], part["expires_at"][:10]) for part in parts] == [
        (200, "2026-06-25"), (100, "2026-09-13"),
    ]  # fmt: skip


def test_what_is_held_can_be_neither_spent_nor_held_again(
    admin, member, award, redeem, hold, points_of
):
    award(member, 500)
    placed(hold(member, 300))
    short = {"required": 300, "available": 200, "missing": 100, "code": "insufficient_points"}
    for answer in (redeem(member, 300), hold(member, 300)):
        assert short.items() <= problem(answer, 422).items()
    assert redeem(member, 200).status_code == 201
    assert figures(points_of(member)) == (0, 300, 0, 0)
    line = {"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": 90000}
    cart = {"member": {"id": str(member)}, "order": {"lines": [line]}}
    assert admin.post("/points/quote", cart).get_json()["redeem"]["max_points"] == 0
    sound()


def test_a_capture_spends_what_was_held(member, award, hold, resolve, points_of):
    award(member, 500)
    one = placed(hold(member, 300))
    found = resolve(one, "capture").get_json()
    assert (found["state"], found["captured"]) == ("captured", 300)
    assert (found["entry"]["kind"], found["entry"]["points"]) == ("capture", -300)
    assert found["entry"]["source"]["reference"] == "cart 7"
    assert [lot["points"] for lot in found["entry"]["lots"]] == [-300]
    assert figures(points_of(member)) == (200, 0, 0, 0)
    sound()


def test_a_partial_capture_spends_the_earliest_expiring_and_frees_the_rest(
    member, award, redeem, hold, resolve, points_of
):
    award(member, 200, expires_at=JUNE + 90 * DAY)
    award(member, 200, expires_at=JUNE + 10 * DAY)
    found = resolve(placed(hold(member, 400)), "capture", points=250).get_json()
    assert [(lot["points"], lot["expires_at"][:10]) for lot in found["entry"]["lots"]] == [
        (-200, "2026-06-25"), (-50, "2026-09-13"),
    ]  # fmt: skip
    assert figures(points_of(member)) == (150, 0, 0, 0)
    assert redeem(member, 100).status_code == 201
    sound()


def test_a_void_frees_what_was_held(member, award, hold, resolve, points_of, entries_of):
    award(member, 500)
    found = resolve(placed(hold(member, 300)), "void").get_json()
    assert (found["state"], found["expired"], found["captured"]) == ("void", False, 0)
    assert (found["entry"]["kind"], found["entry"]["points"]) == ("void", 0)
    assert figures(points_of(member)) == (500, 0, 0, 0)
    sound()


def test_a_hold_is_resolved_once(member, award, hold, resolve):
    award(member, 1000)
    spent, freed = placed(hold(member, 300)), placed(hold(member, 300))
    resolve(spent, "capture", points=100)
    resolve(freed, "void")
    for verb in ("capture", "void"):
        found = problem(resolve(spent, verb), 409)
        assert (found["code"], found["captured"]) == ("hold_captured", 100)
    assert problem(resolve(freed, "capture"), 409)["code"] == "hold_void"
    sound()


def test_a_hold_that_is_void_may_be_voided_again(member, award, hold, resolve, entries_of):
    award(member, 500)
    one = placed(hold(member, 300))
    first, second = resolve(one, "void"), resolve(one, "void")
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.get_json() == second.get_json()
    assert [entry["kind"] for entry in entries_of(member)] == ["void", "hold", "award"]


def test_more_than_is_held_can_not_be_captured(member, award, hold, resolve, points_of):
    award(member, 1000)
    one = placed(hold(member, 300))
    found = problem(resolve(one, "capture", points=301), 422)
    assert (found["code"], found["held"]) == ("capture_exceeds_hold", 300)
    assert found["errors"][0]["pointer"] == "/points"
    assert figures(points_of(member)) == (700, 300, 0, 0)


def test_a_hold_is_over_at_its_end_although_no_job_has_run(
    admin, member, award, redeem, hold, resolve, points_of, stand_at
):
    award(member, 500)
    one = placed(hold(member, 300, ttl_seconds=60))
    stand_at(JUNE + MINUTE - timedelta(microseconds=1))
    assert figures(points_of(member)) == (200, 300, 0, 0)
    assert admin.get(f"/points/holds/{one['id']}").get_json()["state"] == "held"
    stand_at(JUNE + MINUTE)
    assert figures(points_of(member)) == (500, 0, 0, 0)
    found = admin.get(f"/points/holds/{one['id']}").get_json()
    assert (found["state"], found["expired"]) == ("void", True)
    assert found["resolved_at"] == "2026-06-15T04:01:00Z"
    refused = problem(resolve(one, "capture"), 409)
    assert (refused["code"], refused["expired_at"]) == ("hold_expired", "2026-06-15T04:01:00Z")
    assert redeem(member, 500).status_code == 201
    sound()


def test_whoever_spends_first_ends_the_hold_at_its_own_instant(
    member, award, redeem, hold, stand_at, entries_of
):
    award(member, 500)
    placed(hold(member, 300, ttl_seconds=60))
    stand_at(JUNE + DAY)
    redeem(member, 500)
    told = [(entry["kind"], entry["occurred_at"]) for entry in entries_of(member)[:2]]
    assert told == [("redeem", "2026-06-16T04:00:00Z"), ("void", "2026-06-15T04:01:00Z")]
    sound()


def test_the_job_voids_what_is_over_at_its_instant_and_changes_no_figure(
    admin, member, award, hold, resolve, points_of, stand_at, entries_of
):
    award(member, 900)
    one = placed(hold(member, 300, ttl_seconds=60))
    placed(hold(member, 200, ttl_seconds=7 * 86400))
    assert next_end_of_hold(JUNE) == JUNE + MINUTE
    stand_at(JUNE + DAY)
    instants = [JUNE + n * MINUTE for n in (0, 1, 2)] + [JUNE + n * DAY for n in (1, 7, 8)]
    before = [figures(points_of(member, at)) for at in instants]
    shown = admin.get(f"/points/holds/{one['id']}").get_json()
    assert end_holds(JUNE + DAY) == 1
    assert [figures(points_of(member, at)) for at in instants] == before
    assert before[0] == (400, 500, 0, 0)
    assert before[1:4] == [(700, 200, 0, 0)] * 3
    assert before[4:] == [(900, 0, 0, 0)] * 2
    entry = entries_of(member)[0]
    assert (entry["kind"], entry["occurred_at"]) == ("void", "2026-06-15T04:01:00Z")
    after = admin.get(f"/points/holds/{one['id']}").get_json()
    assert after | {"entry": 0} == shown | {"entry": 0}
    assert problem(resolve(one, "capture"), 409)["code"] == "hold_expired"
    assert end_holds(JUNE + DAY) == 0
    sound()


def test_points_that_lapse_while_they_are_held_can_be_captured(
    member, award, hold, resolve, points_of, stand_at
):
    award(member, 500, expires_at=JUNE + DAY)
    one = placed(hold(member, 300, ttl_seconds=2 * 86400))
    stand_at(JUNE + DAY)
    assert figures(points_of(member)) == (0, 300, 0, 0)
    expire(JUNE + DAY)
    assert figures(points_of(member)) == (0, 300, 0, 0)
    assert next_lapse(JUNE) is None
    assert resolve(one, "capture").get_json()["captured"] == 300
    assert figures(points_of(member)) == (0, 0, 0, 0)
    sound()


@pytest.mark.parametrize("swept", [True, False])
def test_points_that_lapsed_while_they_were_held_lapse_when_they_are_free(
    member, award, hold, resolve, points_of, stand_at, entries_of, swept
):
    award(member, 500, expires_at=JUNE + DAY)
    spent = placed(hold(member, 200, ttl_seconds=2 * 86400))
    freed = placed(hold(member, 100, ttl_seconds=2 * 86400))
    stand_at(JUNE + DAY + MINUTE)
    if swept:
        expire(JUNE + DAY)
    resolve(spent, "capture", points=150)
    resolve(freed, "void")
    expire(JUNE + DAY)
    assert figures(points_of(member)) == (0, 0, 0, 0)
    lapsed = {
        (entry["occurred_at"], entry["points"])
        for entry in entries_of(member)
        if entry["kind"] == "expire"
    }
    assert lapsed == {
        ("2026-06-16T04:00:00Z", -200), ("2026-06-16T04:01:00Z", -50),
        ("2026-06-16T04:01:00Z", -100),
    }  # fmt: skip
    sound()


def test_a_hold_that_is_over_lets_its_lapsed_points_lapse_at_its_end(
    member, award, hold, points_of, stand_at, entries_of
):
    award(member, 500, expires_at=JUNE + DAY)
    placed(hold(member, 300, ttl_seconds=2 * 86400))
    stand_at(JUNE + 9 * DAY)
    between = JUNE + DAY + MINUTE
    assert figures(points_of(member, between)) == (0, 300, 0, 0)
    end_holds(JUNE + 9 * DAY)
    expire(JUNE + 9 * DAY)
    assert figures(points_of(member, between)) == (0, 300, 0, 0)
    told = [(entry["kind"], entry["points"], entry["occurred_at"]) for entry in entries_of(member)]
    assert ("expire", -300, "2026-06-17T04:00:00Z") in told
    assert ("expire", -200, "2026-06-16T04:00:00Z") in told
    sound()


def order(member_id, at, amount):
    return {
        "member": {"id": str(member_id)}, "status": "paid", "placed_at": at.isoformat(),
        "updated_at": at.isoformat(), "currency": "CNY",
        "lines": [{"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": amount}],
    }  # fmt: skip


def test_a_clawback_leaves_held_points_alone_and_they_pay_the_debt_when_free(
    admin, member, hold, resolve, points_of, entries_of, stand_at
):
    admin.put("/orders/web/A", order(member, JUNE - 30 * DAY, 50000))
    one = placed(hold(member, 300))
    refund = {"refunded_at": JUNE.isoformat(), "amount": 50000}
    assert admin.put("/orders/web/A/refunds/R", refund).get_json()["debt"] == 300
    assert figures(points_of(member)) == (0, 300, 0, 300)
    assert figures(points_of(member, JUNE + 15 * MINUTE)) == (0, 0, 0, 0)
    stand_at(JUNE + MINUTE)
    resolve(one, "capture", points=200)
    assert figures(points_of(member)) == (0, 0, 0, 200)
    assert [entry["kind"] for entry in entries_of(member)[:2]] == ["absorb", "capture"]
    sound()


@pytest.mark.parametrize("points", [1, 99, 150, 101])
def test_minimum_and_step_bind_holds(member, award, hold, points):
    award(member, 1000)
    found = problem(hold(member, points), 422)
    assert found["code"] == "not_redeemable_amount"
    assert (found["minimum"], found["step"]) == (100, 100)


def test_pending_points_can_not_be_held(admin, member, hold):
    admin.put("/orders/web/A", order(member, JUNE, 50000))
    assert problem(hold(member, 100), 422)["available"] == 0


def test_one_key_is_one_hold_and_one_capture(admin, member, award):
    award(member, 500)
    body = {"member": {"id": str(member)}, "points": 100, "reference": "cart"}
    first, again = (admin.post("/points/holds", body, idem="k") for _ in range(2))
    assert (first.status_code, first.data) == (again.status_code, again.data)
    assert again.headers["Idempotent-Replayed"] == "true"
    path = f"/points/holds/{first.get_json()['id']}/capture"
    first, again = (admin.post(path, idem="c") for _ in range(2))
    assert (first.status_code, first.data) == (again.status_code, again.data)
    sound()


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"ttl_seconds": 0}, "/ttl_seconds"),
        ({"ttl_seconds": 604_801}, "/ttl_seconds"),
        ({"ttl_seconds": "60"}, "/ttl_seconds"),
        ({"ttl_seconds": 1.5}, "/ttl_seconds"),
        ({"points": 0}, "/points"),
        ({"points": -100}, "/points"),
        ({"points": 1_000_000_001}, "/points"),
        ({"points": True}, "/points"),
        ({"reference": ""}, "/reference"),
        ({"reference": "x" * 201}, "/reference"),
        ({"reference": None}, "/reference"),
        ({"member": {}}, "/member"),
        ({"sku": "x"}, "/sku"),
    ],
)
def test_a_bad_hold_is_refused_and_the_place_is_named(member, hold, change, pointer):
    found = problem(hold(member, 100, **change), 422)
    assert found["code"] == "validation_failed"
    assert [error["pointer"] for error in found["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"points": 0}, "/points"), ({"points": "5"}, "/points"), ({"all": True}, "/all")],
)
def test_a_bad_capture_is_refused_and_the_place_is_named(
    member, award, hold, resolve, body, pointer
):
    award(member, 500)
    found = problem(resolve(placed(hold(member, 100)), "capture", **body), 422)
    assert [error["pointer"] for error in found["errors"]] == [pointer]


def test_unknown_holds_and_members_are_not_found(admin, hold):
    assert problem(hold(NOBODY, 100), 404)["code"] == "member_not_found"
    assert problem(admin.get(f"/points/holds/{NOBODY}"), 404)["code"] == "hold_not_found"
    for verb in ("capture", "void"):
        answer = admin.post(f"/points/holds/{NOBODY}/{verb}")
        assert problem(answer, 404)["code"] == "hold_not_found"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE points_hold SET points = points + 1",
        "UPDATE points_hold SET expires_at = expires_at + interval '1 day'",
        "DELETE FROM points_hold",
        "UPDATE points_hold_lot SET points = points + 1",
        "DELETE FROM points_hold_lot",
    ],
)
def test_the_database_itself_keeps_what_a_hold_was(member, award, hold, statement):
    award(member, 500)
    placed(hold(member, 100))
    with pytest.raises(SQLAlchemyError, match="append-only"), db.session.begin_nested():
        db.session.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE points_lot SET held = remaining + 1",
        "UPDATE points_lot SET held = -1",
        "UPDATE points_account SET holds = -1",
        "UPDATE points_hold SET captured = points + 1",
        "UPDATE points_hold SET state = 'captured'",
    ],
)
def test_the_database_itself_refuses_impossible_holds(member, award, hold, statement):
    award(member, 500)
    placed(hold(member, 100))
    with pytest.raises(SQLAlchemyError, match="check constraint"), db.session.begin_nested():
        db.session.execute(text(statement))


def test_a_hold_that_was_resolved_before_its_member_was_merged_says_so(
    admin, member, person, award, hold, resolve
):
    award(member, 1000)
    spent, freed = placed(hold(member, 300)), placed(hold(member, 300))
    resolve(spent, "capture")
    resolve(freed, "void")
    merged = admin.post(f"/members/{person()}/merge", {"from": {"id": str(member)}})
    assert merged.status_code == 201, merged.data
    for verb in ("capture", "void"):
        assert problem(resolve(spent, verb), 409)["code"] == "hold_captured"
    assert problem(resolve(freed, "capture"), 409)["code"] == "hold_void"
    assert resolve(freed, "void").status_code == 200
