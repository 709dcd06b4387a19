"""Awards: once per source for ever, once per key, valid until the local midnight that is due."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from expiry_oracle import expiry
from sqlalchemy import text

from crm.db import db, transaction
from crm.http.permissions import PERMISSIONS
from crm.points import check

JUNE = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
YEAR = {"policy": "rolling_months", "months": 12}
ZONES = ["Pacific/Pago_Pago", "Pacific/Kiritimati", "Asia/Kathmandu", "America/St_Johns", "UTC"]


@pytest.fixture
def member(person):
    return person()


def body(member_id, **changes):
    found = {
        "member": {"id": str(member_id)},
        "activity": "review",
        "source_key": "review-1",
        "points": 30,
    }
    return found | changes


def test_an_award_is_an_entry_with_a_lot_of_its_own(admin, member, points_of):
    answer = admin.post("/points/awards", body(member, reason="for a fine review"))
    assert answer.status_code == 201
    entry = answer.get_json()
    assert (entry["seq"], entry["kind"], entry["points"]) == (1, "award", 30)
    assert entry["balance_after"] == 30
    assert entry["source"] == {"type": "award:review", "id": "review-1"}
    assert (entry["actor"], entry["reason"]) == ("admin", "for a fine review")
    assert [lot["points"] for lot in entry["lots"]] == [30]
    assert points_of(member)["available"] == 30
    assert not check.run(member)


def test_the_entries_list_shows_an_award_as_the_award_was_answered(admin, member, entries_of):
    answer = admin.post("/points/awards", body(member))
    assert entries_of(member) == [answer.get_json()]


def test_the_same_source_answers_the_first_entry_and_gives_nothing(admin, member, points_of):
    first = admin.post("/points/awards", body(member)).get_json()
    again = admin.post("/points/awards", body(member, points=500))
    assert (again.status_code, again.get_json()) == (200, first)
    assert "Idempotent-Replayed" not in again.headers
    assert points_of(member)["available"] == 30


def test_the_same_source_key_of_another_activity_is_another_source(admin, member, points_of):
    admin.post("/points/awards", body(member))
    assert admin.post("/points/awards", body(member, activity="share")).status_code == 201
    assert points_of(member)["available"] == 60


def test_another_members_source_is_refused(admin, person, points_of):
    one, other = person(), person()
    admin.post("/points/awards", body(one))
    answer = admin.post("/points/awards", body(other))
    assert (answer.status_code, answer.get_json()["code"]) == (409, "source_key_used")
    assert points_of(other)["available"] == 0


def test_the_same_key_answers_the_same_bytes_and_says_so(admin, member, points_of):
    first = admin.post("/points/awards", body(member), idem="k1")
    again = admin.post("/points/awards", body(member), idem="k1")
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert points_of(member)["available"] == 30


def test_a_replay_of_a_refusal_is_the_same_to_the_byte_in_any_language(admin, person):
    one, other = person(), person()
    admin.post("/points/awards", body(one))
    said = {"Accept-Language": "zh-Hans"}
    first = admin.post("/points/awards", body(other), idem="k", headers=said)
    again = admin.post("/points/awards", body(other), idem="k", headers={"Accept-Language": "en"})
    assert (again.status_code, again.data) == (409, first.data)
    assert again.content_type == first.content_type == "application/problem+json"
    assert again.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    "changes", [{"points": 31}, {"source_key": "other"}, {"reason": "x"}, {"activity": "share"}]
)
def test_the_same_key_with_another_body_is_refused_without_effect(
    admin, member, points_of, changes
):
    admin.post("/points/awards", body(member), idem="k1")
    answer = admin.post("/points/awards", body(member, **changes), idem="k1")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "idempotency_key_reused")
    assert points_of(member)["available"] == 30


def test_the_same_key_on_another_route_is_refused(admin, member, redeem):
    admin.post("/points/awards", body(member, points=300), idem="k1")
    answer = redeem(member, 100, idem="k1")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "idempotency_key_reused")


def test_keys_of_two_credentials_have_nothing_to_do_with_each_other(admin, api_with, member):
    other = api_with(*PERMISSIONS, name="another shop")
    assert admin.post("/points/awards", body(member), idem="k").status_code == 201
    answer = other.post("/points/awards", body(member, source_key="2"), idem="k")
    assert answer.status_code == 201
    assert "Idempotent-Replayed" not in answer.headers


def test_an_unknown_member_is_not_found_and_the_key_stays_free(admin, member):
    answer = admin.post("/points/awards", body(uuid4()), idem="k")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "member_not_found")
    assert admin.post("/points/awards", body(member), idem="k").status_code == 201


def test_a_member_who_is_not_active_gets_nothing(admin, member):
    with transaction():
        db.session.execute(
            text("UPDATE member SET status = 'erased' WHERE id = :id"), {"id": member}
        )
    assert admin.post("/points/awards", body(member)).status_code == 404


def test_a_key_without_the_right_scope_gives_nothing(api_with, member, points_of):
    reader = api_with("points:read")
    assert reader.post("/points/awards", body(member)).status_code == 403
    assert points_of(member)["available"] == 0


def test_an_expiry_of_its_own_is_kept_and_counts(admin, member, points_of, stand_at):
    stand_at(JUNE)
    until = JUNE + timedelta(days=10)
    entry = admin.post("/points/awards", body(member, expires_at=until.isoformat())).get_json()
    assert datetime.fromisoformat(entry["lots"][0]["expires_at"]) == until
    assert points_of(member)["expiring"] == [{"expires_at": "2026-06-25T04:00:00Z", "points": 30}]
    stand_at(until - timedelta(microseconds=1))
    assert points_of(member)["available"] == 30
    stand_at(until)
    assert points_of(member)["available"] == 0


@pytest.mark.parametrize("seconds", [-86400, -1, 0, 1])
def test_an_award_that_would_lapse_at_once_is_refused(admin, member, stand_at, seconds):
    stand_at(JUNE)
    until = (JUNE + timedelta(seconds=seconds)).isoformat()
    answer = admin.post("/points/awards", body(member, expires_at=until))
    assert (answer.status_code, answer.get_json()["code"]) == (422, "expiry_in_the_past")
    assert answer.get_json()["errors"][0]["pointer"] == "/expires_at"


def test_an_award_that_has_lapsed_is_answered_again_as_it_was(admin, member, stand_at):
    asked = body(member, expires_at="2027-03-01T00:00:00Z")
    stand_at(datetime(2027, 2, 28, tzinfo=UTC))
    first = admin.post("/points/awards", asked, idem="one")
    assert first.status_code == 201, first.data
    stand_at(datetime(2027, 3, 2, tzinfo=UTC))
    again = admin.post("/points/awards", asked, idem="one")
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotent-Replayed"] == "true"
    other = admin.post("/points/awards", asked | {"points": 7}, idem="one")
    assert other.get_json()["code"] == "idempotency_key_reused"
    fresh = admin.post("/points/awards", asked | {"source_key": "another"})
    assert fresh.get_json()["code"] == "expiry_in_the_past"


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "at",
    [JUNE, datetime(2026, 1, 31, 23, 30, tzinfo=UTC), datetime(2028, 2, 29, 10, 30, tzinfo=UTC)],
    ids=str,
)
def test_the_programmes_expiry_is_midnight_where_the_member_lives(
    admin, person, stand_at, zone, at
):
    stand_at(at)
    entry = admin.post("/points/awards", body(person(zone=zone))).get_json()
    lapses = datetime.fromisoformat(entry["lots"][0]["expires_at"])
    assert lapses == expiry(YEAR, at, zone)
    there = lapses.astimezone(ZoneInfo(zone))
    assert (there.hour, there.minute, there.second) == (0, 0, 0)


def test_a_member_of_no_zone_lives_in_that_of_the_home_store_then_the_programmes(
    admin, person, stand_at
):
    stand_at(JUNE)
    member = person()
    first = admin.post("/points/awards", body(member)).get_json()
    assert first["lots"][0]["expires_at"] == "2027-06-15T16:00:00Z"  # midnight in Shanghai
    with transaction():
        db.session.execute(
            text("""
                INSERT INTO store (code, name, timezone, kind, created_at)
                VALUES ('apia', '{"en": "Apia"}', 'Pacific/Apia', 'shop', :at)
            """),
            {"at": JUNE},
        )
        db.session.execute(
            text("UPDATE member SET home_store = 'apia' WHERE id = :id"), {"id": member}
        )
    second = admin.post("/points/awards", body(member, source_key="2")).get_json()
    lapses = datetime.fromisoformat(second["lots"][0]["expires_at"])
    assert lapses == expiry(YEAR, JUNE, "Pacific/Apia")


def test_a_new_version_of_the_programme_counts_from_its_instant_on(admin, member, stand_at):
    stand_at(JUNE)
    later = JUNE + timedelta(hours=1)
    change = {"effective_at": later.isoformat(), "expiry": {"policy": "never"}}
    assert admin.put("/points/programme", change).status_code == 200
    first = admin.post("/points/awards", body(member)).get_json()
    assert first["lots"][0]["expires_at"] == "2027-06-15T16:00:00Z"
    stand_at(later)
    second = admin.post("/points/awards", body(member, source_key="2")).get_json()
    assert second["lots"][0]["expires_at"] is None


def test_points_left_out_are_those_of_the_rules(admin, member):
    rule = {"kind": "activity", "activity": "review", "points": 45}
    assert admin.post("/points/rules", rule).status_code == 201
    without = body(member)
    del without["points"]
    assert admin.post("/points/awards", without).get_json()["points"] == 45
    without["activity"] = "survey"
    answer = admin.post("/points/awards", without)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "no_rule_for_activity")
    assert answer.get_json()["errors"][0]["pointer"] == "/points"


def test_the_largest_award_is_a_thousand_million(admin, member, points_of):
    limit = 1_000_000_000
    assert admin.post("/points/awards", body(member, points=limit)).status_code == 201
    assert admin.post("/points/awards", body(member, points=limit + 1)).status_code == 422
    assert points_of(member)["available"] == limit


def test_a_revoked_key_gives_nothing_although_the_door_remembers_it(admin, api_with, member):
    shop = api_with("points:write", name="a shop")
    assert shop.post("/points/awards", body(member)).status_code == 201
    mine = next(key for key in admin.get("/api-keys").get_json()["data"] if key["name"] == "a shop")
    assert admin.delete(f"/api-keys/{mine['id']}").status_code == 204
    answer = shop.post("/points/awards", body(member, source_key="2"))
    assert (answer.status_code, answer.get_json()["code"]) == (401, "api_key_invalid")
