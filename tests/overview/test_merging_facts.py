"""What else a merge joins and an undo parts: consents, tiers, profiles, tags, notes, referrals."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from crm.db import db
from crm.points import check

JUNE = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def june(stand_at):
    stand_at(JUNE)


@pytest.fixture
def join(admin):
    """Registers a member: `join(phone=…)` → the member's document."""
    return lambda **body: admin.post("/members", body).get_json()


@pytest.fixture
def merge(admin):
    """Merges and returns the merge."""

    def run(into, gone):
        answer = admin.post(f"/members/{into['id']}/merge", {"from": {"id": gone["id"]}})
        assert answer.status_code == 201, answer.data
        return answer.get_json()

    return run


@pytest.fixture
def undo(admin):
    """Undoes a merge."""

    def run(done):
        answer = admin.post(f"/merges/{done['id']}/undo")
        assert answer.status_code == 200, answer.data

    return run


@pytest.fixture
def read(admin):
    """Reads a part of a member: `read(member, "/tier")`."""
    return lambda member, part="": admin.get(f"/members/{member['id']}{part}").get_json()


@pytest.fixture
def buy(admin):
    """Writes an order of one thing: `buy(member, "A1", 25000)`."""

    def put(member, number, amount, at=JUNE):
        line = {"line_no": 1, "sku": "T", "name": "Tea", "quantity": 1, "unit_price": amount}
        body = {
            "status": "paid", "placed_at": at.isoformat(), "updated_at": at.isoformat(),
            "currency": "CNY", "lines": [line], "member": {"id": member["id"]},
        }  # fmt: skip
        answer = admin.put(f"/orders/web/{number}", body)
        assert answer.status_code == 200, answer.data

    return put


def consent(channel, granted, purpose="marketing"):
    return {"channel": channel, "purpose": purpose, "granted": granted, "wording": "v1",
            "source": "till"}  # fmt: skip


def decided(consents):
    return {(one["channel"], one["granted"]) for one in consents["data"] if one["current"]}


def test_the_stricter_consent_counts_and_every_decision_is_kept(admin, join, merge, undo, read):
    a = join(phone="13800000001", consents=[consent("sms", True), consent("wechat", False)])
    b = join(
        phone="13900000002",
        consents=[consent("sms", False), consent("email", True), consent("wechat", True)],
    )
    done = merge(a, b)
    joined = {("sms", False), ("email", True), ("wechat", False)}
    assert decided(read(a, "/consents")) == joined
    assert len(read(a, "/consents")["data"]) == 2 + 3 + 2
    undo(done)
    assert decided(read(a, "/consents")) == {("sms", True), ("wechat", False)}
    assert decided(read(b, "/consents")) == {("sms", False), ("email", True), ("wechat", True)}


def test_what_was_refused_while_they_were_one_both_keep(admin, join, merge, undo, read, stand_at):
    a = join(phone="13800000001", consents=[consent("sms", True)])
    b = join(phone="13900000002", consents=[consent("sms", True), consent("email", True)])
    done = merge(a, b)
    stand_at(JUNE + timedelta(days=2))
    admin.put(f"/members/{a['id']}/consents/sms/marketing", {"granted": False, "source": "reply"})
    undo(done)
    assert decided(read(a, "/consents")) == {("sms", False)}
    assert decided(read(b, "/consents")) == {("sms", False), ("email", True)}


def test_the_better_tier_lives_on_to_its_end_and_each_has_his_own_after_an_undo(
    admin, join, merge, undo, read, buy, stand_at
):
    a, b = join(phone="13800000001"), join(phone="13900000002")
    stand_at(JUNE - timedelta(days=100))
    buy(b, "B1", 350000, JUNE - timedelta(days=100))
    stand_at(JUNE)
    gold = read(b, "/tier")["tier"]
    assert gold["code"] == "gold"
    done = merge(a, b)
    assert read(a, "/tier")["tier"] == gold
    assert read(a, "/tier")["history"][0]["cause"] == "merge"
    assert read(a)["tier"] == gold
    stand_at(JUNE + timedelta(days=1))
    undo(done)
    assert read(a, "/tier")["tier"]["code"] == "new"
    assert read(b, "/tier")["tier"] == gold


def test_the_joined_activity_lifts_at_once_and_is_judged_at_the_end(join, merge, undo, read, buy):
    a, b = join(phone="13800000001"), join(phone="13900000002")
    buy(a, "A1", 20000), buy(b, "B1", 20000)
    assert {read(one, "/tier")["tier"]["code"] for one in (a, b)} == {"new"}
    done = merge(a, b)
    shown = read(a, "/tier")
    assert (shown["tier"]["code"], shown["metrics"]["spend"]) == ("bronze", 40000)
    buy(a, "A2", 15000)
    undo(done)
    assert {one["id"]: read(one, "/tier")["tier"]["code"] for one in (a, b)} == {
        a["id"]: "bronze", b["id"]: "new",
    }  # fmt: skip


def test_a_floor_that_staff_set_meanwhile_stays(admin, join, merge, undo, read):
    a, b = join(phone="13800000001"), join(phone="13900000002")
    admin.put(f"/members/{b['id']}/tier", {"code": "silver", "reason": "press"})
    done = merge(a, b)
    assert read(a, "/tier")["floor"]["code"] == "silver"
    undo(done)
    assert (read(a, "/tier")["floor"], read(b, "/tier")["floor"]["code"]) == (None, "silver")
    done = merge(a, b)
    admin.put(f"/members/{a['id']}/tier", {"code": "gold", "reason": "birthday"})
    undo(done)
    assert read(a, "/tier")["floor"]["code"] == "gold"
    assert read(b, "/tier")["floor"]["code"] == "silver"


def test_what_a_profile_lacks_is_filled_in_and_taken_out_unless_it_was_changed(
    admin, join, merge, undo, read
):
    a = join(phone="13800000001", gender="female", attributes={"size": "M"})
    b = join(
        phone="13900000002", name="林晓雯", gender="male", birthday={"month": 5, "day": 3},
        attributes={"size": "L", "tea": "green"},
    )  # fmt: skip
    done = merge(a, b)
    assert sorted(done["moved"]["filled"]) == ["birthday_month", "name"]
    shown = read(a)
    assert (shown["name"], shown["gender"], shown["birthday"]["day"]) == ("林晓雯", "female", 3)
    assert shown["attributes"] == {"size": "M", "tea": "green"}
    assert hits(admin, "晓雯") == [a["id"]]
    assert hits(admin, "0002") == hits(admin, "0001") == [a["id"]]
    admin.patch(f"/members/{a['id']}", {"name": "林晓文"})
    undo(done)
    shown = read(a)
    assert (shown["name"], shown["birthday"], shown["attributes"]) == (
        "林晓文",
        None,
        {"size": "M"},
    )
    assert hits(admin, "0002") == hits(admin, "晓雯") == [b["id"]]


def hits(admin, typed):
    return [one["id"] for one in admin.post("/members/lookup", {"q": typed}).get_json()["data"]]


def test_a_new_phone_replaces_the_one_that_is_shown(admin, join, merge, undo, read):
    a, b = join(phone="13800000001"), join(phone="13900000002")
    done = merge(a, b)
    admin.patch(f"/members/{a['id']}", {"phone": "13700000003"})
    assert read(a)["phone"] == "+8613700000003"
    assert hits(admin, "13900000002") == [a["id"]]
    undo(done)
    assert (read(a)["phone"], read(b)["phone"]) == ("+8613700000003", "+8613900000002")


def test_notes_and_events_are_read_as_the_members(admin, join, merge, undo, read):
    a, b = join(phone="13800000001"), join(phone="13900000002")
    admin.post(f"/members/{b['id']}/notes", {"text": "likes oolong"})
    done = merge(a, b)
    admin.post(f"/members/{a['id']}/notes", {"text": "asked for a bag"})
    said = [one["text"] for one in read(a, "/profile")["notes"]]
    assert said == ["asked for a bag", "likes oolong"]
    kinds = [one["kind"] for one in read(a, "/timeline")["data"]]
    assert {"merged", "note", "registered"} <= set(kinds)
    assert "merged_into" not in kinds
    undo(done)
    assert [one["text"] for one in read(a, "/profile")["notes"]] == ["asked for a bag"]
    assert [one["text"] for one in read(b, "/profile")["notes"]] == ["likes oolong"]


def test_referrals_follow_and_nobody_comes_to_refer_himself(admin, join, merge, undo, read):
    a = join(phone="13800000001")
    b = join(phone="13900000002", referred_by={"id": a["id"]})
    c = join(phone="13700000003", referred_by={"id": b["id"]})
    done = merge(b, a)
    assert read(b)["referred_by"] is None
    undo(done)
    assert read(b)["referred_by"] == a["id"]
    done = merge(a, b)
    assert (read(c)["referred_by"], done["moved"]["referrals"]) == (a["id"], 1)
    undo(done)
    assert read(c)["referred_by"] == b["id"]


def test_staff_keep_their_own_record(admin, join, merge, undo):
    a, b = join(phone="13800000001"), join(phone="13900000002")
    body = {"email": "lin@shop.test", "name": "Lin", "role": "clerk", "member_id": b["id"]}
    made = admin.post("/staff", body)
    assert made.status_code == 201, made.data

    def own():
        found = admin.get("/staff").get_json()["data"]
        return next(one["member_id"] for one in found if one["email"] == "lin@shop.test")

    done = merge(a, b)
    assert own() == a["id"]
    undo(done)
    assert own() == b["id"]


def test_a_preview_foretells_what_moves_and_writes_nothing(admin, join, merge, read):
    a = join(phone="13800000001", tags=["vip"])
    b = join(phone="13900000002", name="Lin", tags=["vip", "tea"], consents=[consent("sms", True)])
    award = {"member": {"id": b["id"]}, "activity": "custom", "points": 70}
    admin.post("/points/awards", award | {"source_key": uuid4().hex})
    asked = {"from": {"phone": "13900000002"}}
    answer = admin.post(f"/members/{a['id']}/merge/preview", asked)
    assert answer.status_code == 200, answer.data
    shown = answer.get_json()
    assert (shown["from"]["id"], shown["into"]["id"]) == (b["id"], a["id"])
    assert shown["moves"] == merge(a, b)["moved"]
    again = admin.post(f"/members/{a['id']}/merge/preview", {"from": {"id": b["id"]}})
    assert (again.status_code, again.get_json()["code"]) == (409, "merge_chain")


def test_merges_are_audited_and_need_their_permission(admin, api_with, join, merge, undo):
    a, b = join(phone="13800000001"), join(phone="13900000002")
    weak = api_with("members:read", "members:write")
    body = {"from": {"id": b["id"]}}
    for path in (f"/members/{a['id']}/merge", f"/members/{a['id']}/merge/preview"):
        assert weak.post(path, body).status_code == 403
    done = merge(a, b)
    assert weak.post(f"/merges/{done['id']}/undo").status_code == 403
    assert weak.get(f"/merges/{done['id']}").get_json() == done
    undo(done)
    acts = admin.get("/audit", query_string={"object_id": a["id"]}).get_json()["data"]
    assert [one["action"] for one in acts][:2] == ["member.unmerged", "member.merged"]
    assert acts[1]["after"] == {"merge": done["id"], "from": b["id"], "into": a["id"]}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/from"),
        ({"from": {}}, "/from"),
        ({"from": {"id": "x"}}, "/from/id"),
        ({"from": {"phone": "1"}}, "/from/phone"),
        ({"from": {"member_no": "0000000000"}, "more": 1}, "/more"),
    ],
)
def test_bad_input_names_its_place(admin, join, body, pointer):
    a = join(phone="13800000001")
    answer = admin.post(f"/members/{a['id']}/merge", body)
    assert answer.status_code == 422, answer.data
    assert answer.get_json()["errors"][0]["pointer"] == pointer


def test_an_account_with_more_than_an_entry_may_say_moves_whole(admin, join, merge, undo):
    a, b = join(phone="13800000001"), join(phone="13900000002")
    for _ in range(3):
        award = {"member": {"id": b["id"]}, "activity": "custom", "points": 1_000_000_000}
        admin.post("/points/awards", award | {"source_key": uuid4().hex})
    done = merge(a, b)
    assert done["moved"]["points"] == 3_000_000_000
    undo(done)
    balances = db.session.execute(text("SELECT member_id, balance FROM points_account")).all()
    assert dict(map(tuple, balances)) == {UUID(a["id"]): 0, UUID(b["id"]): 3_000_000_000}
    assert check.run() == []
