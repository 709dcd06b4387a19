"""Two records of one person become one: everything moves, and comes back within thirty days."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from crm.db import db
from crm.orders import checking
from crm.points import check

JUNE = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def june(stand_at):
    stand_at(JUNE)


@pytest.fixture
def join(admin):
    """Registers a member: `join(phone=…, tags=[…])` → the member's document."""

    def make(**body):
        answer = admin.post("/members", body)
        assert answer.status_code == 201, answer.data
        return answer.get_json()

    return make


@pytest.fixture
def merge(admin):
    """Merges: `merge(into, gone)` → the answer."""
    return lambda into, gone: admin.post(
        f"/members/{into['id']}/merge", {"from": {"id": gone["id"]}}
    )


@pytest.fixture
def undo(admin):
    """Undoes a merge: `undo(merge)` → the answer."""
    return lambda done: admin.post(f"/merges/{done['id']}/undo")


@pytest.fixture
def award(admin):
    """Gives points: `award(member, 300)`; `until` an instant."""

    def give(member, points, key=None, until=None):
        body = {"activity": "custom", "source_key": key or uuid4().hex, "points": points}
        if until:
            body["expires_at"] = until.isoformat()
        return admin.post("/points/awards", {"member": {"id": member["id"]}} | body)

    return give


@pytest.fixture
def points(admin):
    """A member's figures: available, pending, debt, ever earned."""

    def read(member, at=None):
        query = {"as_of": at.isoformat()} if at else {}
        found = admin.get(f"/members/{member['id']}/points", query_string=query).get_json()
        return [found[name] for name in ("available", "pending", "debt", "lifetime_earned")]

    return read


@pytest.fixture
def buy(admin):
    """Writes an order of one thing: `buy(member, "A1", 25000)` → the order."""

    def put(member, number, amount, status="paid", **changes):
        line = {"line_no": 1, "sku": "T", "name": "Tea", "quantity": 1, "unit_price": amount}
        body = {
            "status": status, "placed_at": JUNE.isoformat(), "updated_at": JUNE.isoformat(),
            "currency": "CNY", "lines": [line],
        } | changes  # fmt: skip
        if member is not None:
            body["member"] = {"id": member["id"]}
        answer = admin.put(f"/orders/web/{number}", body)
        assert answer.status_code == 200, answer.data
        return answer.get_json()

    return put


def figures(member):
    """What aggregates say of a member: orders, days, spend."""
    row = db.session.execute(
        text("SELECT orders, frequency, monetary FROM purchase_summary WHERE member_id = :id"),
        {"id": member["id"]},
    ).one_or_none()
    return tuple(row) if row else None


def code(answer):
    return answer.status_code, answer.get_json()["code"]


def sound():
    assert check.run() == []
    assert checking.look(None).wrong == []


def test_points_orders_and_identities_go_into_the_record_that_lives_on(
    admin, join, merge, award, buy, points
):
    a = join(phone="13800000001", name="Lin")
    b = join(email="lin@example.test", phone="13900000002", name="Lin Xiaowen", tags=["tea"])
    award(a, 100)
    award(b, 70, until=JUNE + timedelta(days=3))
    award(b, 30)
    order = buy(b, "B1", 25000)
    assert order["member_id"] == b["id"]
    done = merge(a, b)
    assert done.status_code == 201, done.data
    moved = done.get_json()["moved"]
    assert (moved["points"], moved["lots"], moved["orders"]) == (350, 3, 1)
    assert points(a) == [200, 250, 0, 450]
    assert figures(a) == (1, 1, 25000)
    for who in ({"phone": "13900000002"}, {"email": "lin@example.test"}, {"id": b["id"]},
                {"member_no": b["member_no"]}):  # fmt: skip
        body = {"member": who, "activity": "custom", "source_key": uuid4().hex, "points": 1}
        assert admin.post("/points/awards", body).get_json()["member_id"] == a["id"]
    shown = admin.get(f"/members/{a['id']}").get_json()
    assert (shown["phone"], shown["email"]) == ("+8613800000001", "lin@example.test")
    assert (shown["name"], shown["tags"]) == ("Lin", ["tea"])
    assert admin.get("/orders/web/B1").get_json() == order | {"member_id": a["id"]}
    sound()


def test_lots_keep_their_expiry_and_their_day_of_release(admin, join, merge, award, buy, points):
    a, b = join(phone="13800000001"), join(phone="13900000002")
    award(b, 70, until=JUNE + timedelta(days=3))
    buy(b, "B1", 25000)
    before = [points(b, JUNE + timedelta(days=days)) for days in (2, 4, 16, 500)]
    merge(a, b)
    assert [points(a, JUNE + timedelta(days=days)) for days in (2, 4, 16, 500)] == before


def test_an_undo_at_once_leaves_everything_as_it_was(admin, join, merge, undo, award, buy, points):
    a = join(phone="13800000001", tags=["vip"])
    b = join(email="lin@example.test", phone="13900000002", name="Lin", tags=["tea", "vip"])
    award(a, 100)
    award(b, 70)
    buy(a, "A1", 10000)
    buy(b, "B1", 350000)

    def everything():
        return [
            [admin.get(f"/members/{one['id']}{part}").get_json() for one in (a, b)]
            for part in ("", "/points", "/orders", "/consents")
        ] + [figures(a), figures(b)]

    def without_times(found):
        for one in found[0]:
            one.pop("updated_at")
        return found

    before = without_times(everything())
    done = merge(a, b).get_json()
    sound()
    back = undo(done)
    assert back.status_code == 200, back.data
    assert back.get_json()["undone_at"] == "2026-06-15T04:00:00Z"
    assert without_times(everything()) == before
    sound()


def test_a_merged_record_says_where_it_went(admin, join, merge, undo):
    a, b = join(phone="13800000001"), join(phone="13900000002")
    done = merge(a, b).get_json()
    for method, path in (
        ("GET", ""), ("GET", "/profile"), ("GET", "/points"), ("GET", "/orders"),
        ("PUT", "/tags/x"), ("GET", "/tier"), ("GET", "/rfm"),
    ):  # fmt: skip
        answer = admin(method, f"/members/{b['id']}{path}")
        assert code(answer) == (404, "member_merged"), path
        assert answer.get_json()["merged_into"] == a["id"]
    assert admin.get(f"/members/{b['id']}/merges").get_json()["data"] == [done]
    undo(done)
    assert admin.get(f"/members/{b['id']}").status_code == 200


def test_the_same_merge_again_is_the_same_merge(join, merge, undo, award, points):
    a, b = join(phone="13800000001"), join(phone="13900000002")
    award(b, 70)
    first, again = merge(a, b), merge(a, b)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.get_json() == again.get_json()
    done = undo(first.get_json()).get_json()
    assert undo(done).get_json() == done
    assert points(b)[0] == 70


def test_selves_chains_cycles_and_erased_members_are_refused_by_name(admin, join, merge, undo):
    a, b, c = (join(phone=f"1380000000{n}") for n in range(3))
    assert code(merge(a, a)) == (422, "merge_with_self")
    merge(a, b)
    assert code(merge(b, a)) == (409, "merge_cycle")
    assert code(merge(c, b)) == (409, "merge_chain")
    assert code(merge(b, c)) == (409, "merge_chain")
    assert code(merge(c, a)) == (409, "merge_chain")
    assert code(merge(a, {"id": str(uuid4())})) == (404, "member_not_found")
    db.session.execute(text("UPDATE member SET status = 'erased' WHERE id = :id"), c)
    assert code(merge(a, c)) == (409, "member_erased")
    assert code(merge(c, a)) == (409, "member_erased")
    assert code(undo({"id": str(uuid4())})) == (404, "merge_not_found")


def test_a_merge_is_undone_until_the_thirtieth_day_and_final_after_that(
    join, merge, undo, award, points, stand_at
):
    a, b, c = (join(phone=f"1380000000{n}") for n in range(3))
    award(b, 70)
    done = merge(a, b).get_json()
    assert done["undo_until"] == "2026-07-15T04:00:00Z"
    stand_at(JUNE + timedelta(days=30))
    answer = undo(done)
    assert code(answer) == (409, "merge_final")
    assert answer.get_json()["undo_until"] == "2026-07-15T04:00:00Z"
    second = merge(c, a)
    assert second.status_code == 201
    assert award(b, 30).get_json()["member_id"] == c["id"]
    assert points(c)[0] == 100
    undo(second.get_json())
    assert award(b, 1).get_json()["member_id"] == a["id"]
    assert points(a)[0] == 71
    sound()


def test_later_merges_are_undone_first(join, merge, undo, award, points):
    a, b, c = (join(phone=f"1380000000{n}") for n in range(3))
    award(b, 10), award(c, 20)
    first, second = merge(a, b).get_json(), merge(a, c).get_json()
    answer = undo(first)
    assert code(answer) == (409, "merge_not_last")
    assert answer.get_json()["merge_id"] == second["id"]
    assert undo(second).status_code == 200
    assert undo(first).status_code == 200
    assert [points(one)[0] for one in (a, b, c)] == [0, 10, 20]
    sound()


def test_what_was_spent_stays_spent_and_what_is_left_goes_back(
    admin, join, merge, undo, award, points
):
    a, b = join(phone="13800000001"), join(phone="13900000002")
    award(a, 100, until=JUNE + timedelta(days=90))
    award(b, 300, until=JUNE + timedelta(days=9))
    award(b, 50, until=JUNE + timedelta(days=400))
    done = merge(a, b).get_json()
    award(a, 40)
    body = {"member": {"id": a["id"]}, "points": 200, "reference": "till"}
    assert admin.post("/points/redemptions", body).status_code == 201
    undo(done)
    assert points(a)[0] == 140
    assert points(b)[0] == 150
    assert points(b, JUNE + timedelta(days=10))[0] == 50
    sound()


def test_a_debt_moves_and_what_still_stands_of_it_goes_back(
    admin, join, merge, undo, award, buy, points
):
    a, b = join(phone="13800000001"), join(phone="13900000002")
    buy(b, "B1", 25000, delivered_at=(JUNE - timedelta(days=20)).isoformat(), status="delivered")
    body = {"member": {"id": b["id"]}, "points": 200, "reference": "till"}
    assert admin.post("/points/redemptions", body).status_code == 201
    admin.put("/orders/web/B1/refunds/1", {"refunded_at": JUNE.isoformat(), "amount": 25000})
    assert points(b) == [0, 0, 200, 250]
    award(a, 50)
    done = merge(a, b).get_json()
    assert done["moved"]["debt"] == 200
    assert points(a) == [0, 0, 150, 300]
    undo(done)
    assert (points(a), points(b)) == ([50, 0, 0, 50], [0, 0, 200, 250])
    done = merge(a, b).get_json()
    award(a, 10)
    undo(done)
    assert (points(a), points(b)) == ([0, 0, 0, 60], [0, 0, 140, 250])
    sound()


def test_orders_keep_their_identity_and_refunds_find_their_points(
    admin, join, merge, undo, buy, points
):
    a, b = join(phone="13800000001"), join(phone="13900000002")
    buy(b, "B1", 15000)
    buy(b, "B2", 10000, status="placed")
    done = merge(a, b).get_json()
    buy(a, "A1", 7000)
    paid = (JUNE + timedelta(hours=1)).isoformat()
    assert buy(b, "B2", 10000, updated_at=paid)["member_id"] == a["id"]
    refund = {"refunded_at": JUNE.isoformat(), "amount": 5000}
    assert admin.put("/orders/web/B1/refunds/1", refund).get_json()["earned"]["points"] == 100
    assert points(a)[1] == 100 + 100 + 70
    undo(done)
    assert (points(a)[1], points(b)[1]) == (70, 200)
    assert (figures(a), figures(b)) == ((1, 1, 7000), (2, 1, 20000))
    for number, left in (("B1", 0), ("B2", 100)):
        cancelled = {"status": "cancelled", "updated_at": (JUNE + timedelta(days=1)).isoformat()}
        found = buy(None, number, 15000 if left == 0 else 10000, **cancelled)
        assert (found["member_id"], found["earned"]["points"]) == (b["id"], 0)
        assert points(b)[1] == (100 if number == "B1" else 0)
    assert points(a)[1] == 70
    sound()


def test_open_holds_move_with_their_lots_and_answer_under_their_id(
    admin, join, merge, undo, award, points
):
    a, b = join(phone="13800000001"), join(phone="13900000002")
    award(a, 500)
    award(b, 300, until=JUNE + timedelta(days=9))
    holds = []
    for member, amount in ((b, 100), (b, 200)):
        body = {"member": {"id": member["id"]}, "points": amount, "reference": "cart"}
        holds.append(admin.post("/points/holds", body | {"ttl_seconds": 86400}).get_json())
    done = merge(a, b).get_json()
    assert points(a)[0] == 500
    sound()
    captured = admin.post(f"/points/holds/{holds[0]['id']}/capture")
    assert captured.status_code == 200, captured.data
    assert captured.get_json()["id"] == holds[0]["id"]
    assert captured.get_json()["member_id"] == a["id"]
    body = {"member": {"id": a["id"]}, "points": 400, "reference": "cart"}
    own = admin.post("/points/holds", body).get_json()
    undo(done)
    sound()
    assert [points(one)[0] for one in (a, b)] == [100, 0]
    shown = admin.get(f"/points/holds/{holds[1]['id']}").get_json()
    assert (shown["member_id"], shown["state"]) == (b["id"], "held")
    assert admin.post(f"/points/holds/{holds[1]['id']}/void").status_code == 200
    assert admin.post(f"/points/holds/{own['id']}/void").status_code == 200
    assert [points(one)[0] for one in (a, b)] == [500, 200]
    assert points(b, JUNE + timedelta(days=10))[0] == 0
    sound()


def test_what_a_hold_of_the_member_keeps_of_moved_lots_stays_with_him(
    admin, join, merge, undo, award, points
):
    a, b = join(phone="13800000001"), join(phone="13900000002")
    award(b, 300)
    done = merge(a, b).get_json()
    body = {"member": {"id": a["id"]}, "points": 100, "reference": "cart"}
    own = admin.post("/points/holds", body).get_json()
    undo(done)
    assert [points(one)[0] for one in (a, b)] == [0, 200]
    admin.post(f"/points/holds/{own['id']}/void")
    assert [points(one)[0] for one in (a, b)] == [100, 200]
    sound()


def test_an_award_of_a_merged_records_source_answers_the_first_entry(join, merge, award, points):
    a, b = join(phone="13800000001"), join(phone="13900000002")
    first = award(b, 30, key="review-1").get_json()
    merge(a, b)
    for who in (a, b):
        again = award(who, 30, key="review-1")
        assert (again.status_code, again.get_json()) == (200, first)
    assert points(a)[0] == 30
    sound()


def test_what_a_merged_record_had_spent_comes_back_to_the_member_with_its_expiry(
    admin, join, merge, undo, award, points
):
    a, b = join(phone="13800000001"), join(phone="13900000002")
    award(b, 300, until=JUNE + timedelta(days=9))
    body = {"member": {"id": b["id"]}, "points": 200, "reference": "till"}
    spent = admin.post("/points/redemptions", body).get_json()
    done = merge(a, b).get_json()
    back = admin.post(f"/points/redemptions/{spent['id']}/reverse", {"points": 100})
    assert back.status_code == 201, back.data
    assert points(a) == [200, 0, 0, 300]
    assert points(a, JUNE + timedelta(days=10))[0] == 0
    sound()
    undo(done)
    assert (points(a)[0], points(b)[0]) == (100, 100)
    admin.post(f"/points/redemptions/{spent['id']}/reverse")
    assert (points(a)[0], points(b)[0]) == (100, 200)
    sound()


def test_points_are_transferred_to_a_merged_record_as_to_the_member(
    admin, join, merge, award, points
):
    a, b, c = (join(phone=f"1380000000{n}") for n in range(3))
    award(c, 300)
    merge(a, b)
    body = {"from": {"id": c["id"]}, "to": {"id": b["id"]}, "points": 100, "reason": "gift"}
    assert admin.post("/points/transfers", body).status_code == 201
    assert (points(a)[0], points(c)[0]) == (100, 200)
    sound()


def test_an_order_that_names_a_hold_is_paid_with_it_after_the_merge(
    admin, join, merge, undo, award, buy, points
):
    a, b = join(phone="13800000001"), join(phone="13900000002")
    award(b, 300, until=JUNE + timedelta(days=9))
    body = {"member": {"id": b["id"]}, "points": 200, "reference": "cart", "ttl_seconds": 86400}
    hold = admin.post("/points/holds", body).get_json()["id"]
    buy(b, "B1", 10000, status="placed", points_hold=hold)
    done = merge(a, b).get_json()
    paid = {"updated_at": (JUNE + timedelta(hours=1)).isoformat(), "points_hold": hold}
    order = buy(b, "B1", 10000, **paid)
    assert (order["member_id"], order["points_hold"]) == (a["id"], hold)
    assert admin.get(f"/points/holds/{hold}").get_json()["state"] == "captured"
    assert points(a)[0] == 100
    admin.put("/orders/web/B1/refunds/1", {"refunded_at": JUNE.isoformat(), "amount": 5000})
    assert points(a)[0] == 200
    sound()
    undo(done)
    assert (points(a)[0], points(b)[0]) == (0, 200)
    admin.put("/orders/web/B1/refunds/2", {"refunded_at": JUNE.isoformat(), "amount": 5000})
    assert (points(a)[0], points(b)[0]) == (100, 200)
    sound()
