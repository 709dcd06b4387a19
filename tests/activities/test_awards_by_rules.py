"""Awards that the rules decide: conditions, groups, orders, caps, expiries of their own."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from clocks import set_to
from sqlalchemy import text

from crm.db import db
from crm.points import check

JUNE = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def member(person):
    return person()


def said(answer):
    body = answer.get_json()
    return answer.status_code, body["desired"], body["granted"], body["capped_by"]


def code(answer):
    return answer.status_code, answer.get_json()["code"]


def test_an_act_gives_what_its_rules_say_together(act, rule, member, points_of):
    one, other = rule("review", 30), rule("review", 5, name="extra")
    rule("share", 100)
    answer = act(member, "review")
    assert said(answer) == (201, 35, 35, None)
    entry = answer.get_json()
    assert (entry["kind"], entry["points"], entry["seq"]) == ("award", 35, 1)
    shares = [(share["rule_id"], share["granted"]) for share in entry["breakdown"]]
    assert shares == [(one["id"], 30), (other["id"], 5)]
    assert points_of(member)["available"] == 35
    assert not check.run(member)


def test_of_an_exclusive_group_the_highest_priority_that_matches_counts(act, rule, member):
    rule("review", 30, exclusive_group="g")
    rule("review", 50, exclusive_group="g", priority=1)
    rule("review", 90, exclusive_group="g", priority=2, conditions={"tiers": ["gold"]})
    assert said(act(member, "review")) == (201, 50, 50, None)


def test_the_same_source_answers_its_first_award_whatever_the_rules_say_now(act, rule, member):
    rule("review", 30)
    first = act(member, "review", source_key="r1")
    rule("review", 50)
    again = act(member, "review", source_key="r1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.get_json() == first.get_json()


def test_a_source_is_one_whether_the_points_came_from_rules_or_the_caller(act, rule, member):
    rule("review", 30)
    first = act(member, "review", source_key="r1", points=7)
    again = act(member, "review", source_key="r1")
    assert again.status_code == 200
    assert again.get_json()["id"] == first.get_json()["id"]
    assert said(again) == (200, 7, 7, None)
    rest = act(member, "share", source_key="s1", points=7)
    assert rest.status_code == 201


def test_another_members_source_is_refused(act, rule, person):
    rule("review", 30)
    act(person(), "review", source_key="r1")
    assert code(act(person(), "review", source_key="r1")) == (409, "source_key_used")


def test_the_same_key_answers_the_same_bytes(act, rule, member, points_of):
    rule("review", 30)
    first = act(member, "review", source_key="r", idem="k")
    again = act(member, "review", source_key="r", idem="k")
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert points_of(member)["available"] == 30


def test_where_no_rule_applies_each_says_why(act, rule, member):
    set_to(JUNE - 30 * DAY)
    rule("review", 30, conditions={"tiers": ["gold"]})
    rule("review", 30, ends_at="2026-06-01T00:00:00Z")
    set_to(JUNE)
    answer = act(member, "review")
    assert code(answer) == (422, "no_rule_for_activity")
    assert {reason["code"] for reason in answer.get_json()["reasons"]} == {"not_in_tier", "ended"}
    assert code(act(member, "survey")) == (422, "no_rule_for_activity")


@pytest.mark.parametrize("activity", ["review", "share"])
def test_a_rule_may_ask_for_a_paid_order_that_stands(
    act, rule, member, person, put_order, refund, activity
):
    rule(activity, 30, requires_paid_order=True)
    put_order("paid", member)
    put_order("placed", member, status="placed", paid_at=None)
    put_order("cancelled", member, status="cancelled")
    put_order("returned", member)
    put_order("in part", member)
    put_order("guest")
    put_order("other", person())
    refund("returned", amount=25000)
    refund("in part", amount=24999)
    expected = {
        "paid": (201, None),
        "in part": (201, None),
        "placed": (422, "order_not_paid"),
        "cancelled": (422, "order_refunded"),
        "returned": (422, "order_refunded"),
        "guest": (422, "order_of_another"),
        "other": (422, "order_of_another"),
        "unknown": (404, "order_not_found"),
    }
    for order_no, wanted in expected.items():
        answer = act(member, activity, order={"channel": "web", "order_no": order_no})
        assert (answer.status_code, answer.get_json().get("code")) == wanted, order_no
    assert code(act(member, activity)) == (422, "order_required")


def test_rules_that_ask_for_no_order_give_without_one(act, rule, member):
    rule("review", 30, requires_paid_order=True, exclusive_group="g", priority=9)
    rule("review", 10, exclusive_group="g")
    assert said(act(member, "review")) == (201, 10, 10, None)


def test_an_order_is_for_awards_by_rules_only(act, member):
    answer = act(member, "review", points=5, order={"channel": "web", "order_no": "1"})
    assert code(answer) == (422, "order_not_asked_for")


def test_a_rules_day_cap_trims_to_the_point_and_then_to_nothing(act, rule, member, points_of):
    rule("review", 30, cap={"per_member_day": 70})
    assert said(act(member, "review")) == (201, 30, 30, None)
    assert said(act(member, "review")) == (201, 30, 30, None)
    assert said(act(member, "review")) == (201, 30, 10, "rule_per_member_day")
    none = act(member, "review", source_key="late")
    assert said(none) == (201, 30, 0, "rule_per_member_day")
    assert (none.get_json()["points"], none.get_json()["lots"]) == (0, [])
    assert points_of(member)["available"] == 70
    assert not check.run(member)
    set_to(datetime(2030, 1, 1, tzinfo=UTC))
    again = act(member, "review", source_key="late")
    assert again.status_code == 200, "an act that came to nothing is answered for ever"
    assert again.get_json() == none.get_json()


def test_an_activitys_day_cap_binds_all_its_rules_together(admin, act, rule, member):
    change = {"activities": {"per_member_day": {"review": 50}}}
    shown = admin.put("/points/programme", change).get_json()["activities"]
    assert shown["per_member_day"] == {"review": 50}
    assert shown["profile_fields"] == ["name", "birthday", "contact"]
    rule("review", 30)
    rule("review", 15)
    rule("share", 500)
    assert said(act(member, "review")) == (201, 45, 45, None)
    assert said(act(member, "review")) == (201, 45, 5, "activity_per_member_day")
    assert said(act(member, "share")) == (201, 500, 500, None)


@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        ("Pacific/Pago_Pago", datetime(2026, 6, 15, 11, tzinfo=UTC)),
        ("Pacific/Kiritimati", datetime(2026, 6, 15, 10, tzinfo=UTC)),
        ("America/Asuncion", datetime(2024, 10, 6, 4, tzinfo=UTC)),  # clocks skip 0:00 to 1:00
        ("America/Havana", datetime(2026, 11, 1, 4, tzinfo=UTC)),  # 0:00 comes twice
        ("Asia/Kathmandu", datetime(2028, 2, 28, 18, 15, tzinfo=UTC)),  # 29 February begins
        (None, datetime(2026, 12, 31, 16, tzinfo=UTC)),  # New Year in Shanghai
    ],
)
def test_a_day_cap_is_new_at_the_members_midnight(admin, act, rule, person, zone, midnight):
    set_to(midnight - DAY)
    rule("review", 30, cap={"per_member_day": 30}, starts_at="2020-01-01T00:00:00Z")
    member = person(zone=zone)
    set_to(midnight - timedelta(hours=1))
    assert said(act(member, "review"))[2] == 30
    set_to(midnight - timedelta(microseconds=1))
    assert said(act(member, "review"))[2] == 0
    set_to(midnight)
    assert said(act(member, "review"))[2] == 30
    set_to(midnight + timedelta(hours=22))
    assert said(act(member, "review"))[2] == 0


def test_caps_of_one_member_do_not_bind_another(act, rule, person):
    rule("review", 30, cap={"per_member_day": 30})
    assert said(act(person(), "review"))[2] == said(act(person(), "review"))[2] == 30


def test_a_new_version_of_a_rule_goes_on_counting_against_its_cap(admin, act, rule, member):
    made = rule("review", 30, cap={"per_member_day": 30})
    assert said(act(member, "review"))[2] == 30
    body = {"kind": "activity", "activity": "review", "points": 40, "cap": {"per_member_day": 45}}
    assert admin.put(f"/points/rules/{made['id']}", body).status_code == 200
    assert said(act(member, "review")) == (201, 40, 15, "rule_per_member_day")


def test_a_check_in_counts_once_a_local_day_and_needs_no_key(act, rule, person):
    rule("check_in", 3)
    member = person(zone="Pacific/Kiritimati")
    first = datetime(2027, 3, 1, 9, 59, tzinfo=UTC)
    set_to(first)
    assert act(member, "check_in").status_code == 201
    assert act(member, "check_in").status_code == 200
    set_to(first + timedelta(minutes=1))
    assert act(member, "check_in").status_code == 201, "a new day on Kiritimati"
    assert act(person(), "check_in").status_code == 201, "nobody else's day"


def test_a_birthday_counts_once_a_local_year(act, rule, member):
    rule("birthday", 88)
    set_to(datetime(2026, 12, 31, 15, 59, tzinfo=UTC))
    assert [act(member, "birthday").status_code for _ in range(2)] == [201, 200]
    set_to(datetime(2026, 12, 31, 16, 0, tzinfo=UTC))
    assert act(member, "birthday").status_code == 201


def test_what_can_be_done_often_needs_a_source_key(admin, member):
    who = {"member": {"id": str(member)}}
    for activity in ("review", "share", "survey", "custom"):
        answer = admin.post("/points/awards", who | {"activity": activity})
        assert code(answer) == (422, "source_key_missing")
        assert answer.get_json()["errors"][0]["pointer"] == "/source_key"
    answer = admin.post("/points/awards", who | {"activity": "check_in", "points": 3})
    assert code(answer) == (422, "source_key_missing")


def test_referrals_are_not_awarded_by_call(act, rule, member):
    rule("referral", 300, referee_points=100)
    assert code(act(member, "referral", source_key="x")) == (422, "referral_by_registration")


def test_points_of_a_rule_may_have_an_expiry_of_their_own(act, rule, member, points_of):
    set_to(JUNE)
    rule("review", 30, expiry={"policy": "rolling_months", "months": 1})
    entry = act(member, "review").get_json()
    (lot,) = entry["lots"]
    there = datetime.fromisoformat(lot["expires_at"]).astimezone(ZoneInfo("Asia/Shanghai"))
    assert (there.date().isoformat(), there.hour) == ("2026-07-16", 0)


def test_rules_of_different_expiries_open_a_lot_each_in_one_entry(act, rule, member, points_of):
    set_to(JUNE)
    rule("review", 30, expiry={"policy": "rolling_months", "months": 1})
    rule("review", 5, expiry={"policy": "never"})
    rule("review", 2, expiry={"policy": "never"})
    rule("review", 1)
    entry = act(member, "review").get_json()
    assert [lot["points"] for lot in entry["lots"]] == [30, 1, 7]
    assert entry["points"] == points_of(member)["available"] == 38
    assert not check.run(member)
    set_to(JUNE + 60 * DAY)
    assert points_of(member)["available"] == 8


def test_an_expiry_of_the_award_goes_before_the_rules(act, rule, member):
    set_to(JUNE)
    rule("review", 30, expiry={"policy": "never"})
    until = (JUNE + DAY).isoformat()
    entry = act(member, "review", expires_at=until).get_json()
    assert [lot["expires_at"] for lot in entry["lots"]] == ["2026-06-16T04:00:00Z"]
    assert code(act(member, "review", expires_at=JUNE.isoformat()))[1] == "expiry_in_the_past"


def test_an_award_by_rules_pays_a_debt(act, rule, member, put_order, refund, redeem, points_of):
    set_to(datetime(2026, 12, 1, tzinfo=UTC))
    put_order("A1", member)
    assert redeem(member, 200).status_code == 201
    refund("A1", amount=25000)
    assert points_of(member)["debt"] == 200
    rule("review", 120)
    act(member, "review")
    assert (points_of(member)["debt"], points_of(member)["available"]) == (80, 0)
    assert not check.run(member)


def test_a_revoked_key_gives_nothing_by_rules_although_the_door_remembers_it(
    admin, api_with, rule, member
):
    rule("check_in", 3)
    shop = api_with("points:write", name="a shop")
    body = {"member": {"id": str(member)}, "activity": "check_in"}
    assert shop.post("/points/awards", body).status_code == 201
    mine = next(key for key in admin.get("/api-keys").get_json()["data"] if key["name"] == "a shop")
    assert admin.delete(f"/api-keys/{mine['id']}").status_code == 204
    assert code(shop.post("/points/awards", body)) == (401, "api_key_invalid")


def test_an_unknown_member_and_one_who_left_get_nothing(act, rule, member):
    rule("check_in", 3)
    db.session.execute(text("UPDATE member SET status = 'erased' WHERE id = :id"), {"id": member})
    assert code(act(member, "check_in")) == (404, "member_not_found")


@pytest.mark.parametrize(
    ("more", "pointer", "mistake"),
    [
        ({"kind": "activity", "activity": "review", "points": 1, "referee_points": 5},
         "/referee_points", "not_for_this_kind"),
        ({"kind": "activity", "activity": "referral", "points": 1, "requires_paid_order": True},
         "/requires_paid_order", "not_for_this_kind"),
        ({"kind": "activity", "activity": "review", "points": 1,
          "expiry": {"policy": "some_day"}}, "/expiry/policy", "unknown_choice"),
        ({"kind": "activity", "activity": "review", "points": 1, "expiry": {"months": 3}},
         "/expiry/policy", "required"),
    ],
)  # fmt: skip
def test_what_a_rule_cannot_say_is_named(admin, more, pointer, mistake):
    answer = admin.post("/points/rules", more)
    assert answer.status_code == 422
    assert (pointer, mistake) in [
        (error["pointer"], error["code"]) for error in answer.get_json()["errors"]
    ]
