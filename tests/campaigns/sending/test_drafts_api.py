"""Drafts over HTTP: made and changed; every mistake is named, and changes nothing."""

from uuid import uuid4

import pytest
from crowds import arm, audience, crowd, template


def codes(answer) -> dict[str, str]:
    return {one["pointer"]: one["code"] for one in answer.get_json()["errors"]}


def test_a_draft_says_what_was_given_and_the_rest_by_default(admin):
    group = audience([])
    body = {"name": "Tea", "audience": group, "arms": [arm(points=5)]}
    answer = admin.post("/campaigns", body)
    assert answer.status_code == 201
    found = answer.get_json()
    assert found["state"] == "draft"
    assert (found["audience"], found["exclude"], found["mode"]) == (group, [], "frozen")
    assert (found["holdout_percent"], found["attribution_days"]) == (10, 14)
    assert found["schedule"] == {"now": True}
    assert found["budget"] is None
    assert found["arms"][0] | {"template": ""} == {
        "no": 1, "template": "", "template_version": None, "coupon_template": None, "points": 5,
        "weight": 1,
    }  # fmt: skip
    assert found["counters"]["planned"] == 0
    assert admin.get(f"/campaigns/{found['id']}").get_json() == found


def test_the_same_post_again_is_the_same_draft(admin):
    body = {"name": "Tea"}
    first = admin.post("/campaigns", body, idem="k")
    again = admin.post("/campaigns", body, idem="k")
    assert again.get_json() == first.get_json()
    assert len(admin.get("/campaigns").get_json()["data"]) == 1


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"audience": str(uuid4())}, {"/audience": "audience_unknown"}),
        ({"exclude": [str(uuid4())]}, {"/exclude/0": "audience_unknown"}),
        ({"arms": [{"template": str(uuid4())}]}, {"/arms/0/template": "template_unknown"}),
        ({"arms": [{"points": 5}]}, {"/arms/0/template": "required"}),
        ({"holdout_percent": 91}, {"/holdout_percent": "out_of_range"}),
        ({"mode": "hot"}, {"/mode": "unknown_choice"}),
        ({"schedule": {}}, {"/schedule": "one_way"}),
        ({"schedule": {"now": True, "at": "2027-01-05T02:00:00Z"}}, {"/schedule": "one_way"}),
        ({"schedule": {"local_time": "10:00"}}, {"/schedule": "one_way"}),
        ({"schedule": {"now": True, "if_past": "now"}}, {"/schedule": "one_way"}),
        (
            {"schedule": {"local_time": "25:00", "on": "2027-01-05"}},
            {"/schedule/local_time": "invalid_time"},
        ),
        ({"attribution_days": 0}, {"/attribution_days": "out_of_range"}),
        ({"budget": -1}, {"/budget": "out_of_range"}),
        ({"colour": "red"}, {"/colour": "unknown_field"}),
        ({"name": ""}, {"/name": "too_short"}),
    ],
)
def test_each_mistake_is_named_and_nothing_is_made(admin, given, expected):
    answer = admin.post("/campaigns", {"name": "Tea"} | given)
    assert answer.status_code == 422
    assert codes(answer) == expected
    assert admin.get("/campaigns").get_json()["data"] == []


def test_a_template_must_be_marketing_and_all_arms_go_by_one_channel(admin):
    service = {"template": template(purpose="service")}
    answer = admin.post("/campaigns", {"name": "Tea", "arms": [service]})
    assert codes(answer) == {"/arms/0/template": "template_not_marketing"}
    mixed = [arm(), {"template": template("sms")}]
    answer = admin.post("/campaigns", {"name": "Tea", "arms": mixed})
    assert codes(answer) == {"/arms/1/template": "arms_by_two_channels"}


def test_a_coupon_template_must_still_give_coupons(admin, coupon_template):
    ended = coupon_template()
    assert admin.patch(f"/coupon-templates/{ended}", {"ended": True}).status_code == 200
    for one in (str(ended), str(uuid4())):
        answer = admin.post("/campaigns", {"name": "Tea", "arms": [arm(coupon_template=one)]})
        assert codes(answer) == {"/arms/0/coupon_template": "coupon_template_unknown"}


def test_five_arms_are_too_many(admin):
    answer = admin.post("/campaigns", {"name": "Tea", "arms": [arm() for _ in range(5)]})
    assert codes(answer) == {"/arms": "too_many"}


def test_a_change_writes_what_is_named_and_is_on_record(admin, campaign):
    found = campaign([], holdout_percent=20)
    schedule = {"local_time": "10:00", "on": "2027-01-05", "if_past": "skip"}
    answer = admin.patch(f"/campaigns/{found['id']}", {"schedule": schedule, "budget": 5_000})
    changed = answer.get_json()
    assert answer.status_code == 200
    assert changed["schedule"] == schedule
    assert (changed["budget"], changed["holdout_percent"]) == (5_000, 20)
    assert changed["arms"] == found["arms"]
    assert changed["revision"] == 2
    acts = admin.get(f"/audit?object_type=campaign&object_id={found['id']}").get_json()["data"]
    assert [one["action"] for one in acts] == ["campaign.changed", "campaign.created"]


def test_arms_are_written_whole(admin, campaign):
    found = campaign([], arms=[arm(weight=3), arm()])
    one = arm(points=7)
    changed = admin.patch(f"/campaigns/{found['id']}", {"arms": [one]}).get_json()
    assert [(a["no"], a["template"], a["points"]) for a in changed["arms"]] == [
        (1, one["template"], 7)
    ]


def test_a_change_of_nothing_is_no_new_revision(admin, campaign):
    found = campaign([])
    again = admin.patch(f"/campaigns/{found['id']}", {"name": found["name"]}).get_json()
    assert again["revision"] == 1


def test_a_change_made_from_an_older_revision_is_refused(admin, campaign):
    found = campaign([])
    path = f"/campaigns/{found['id']}"
    assert admin.patch(path, {"name": "White tea", "revision": 1}).status_code == 200
    answer = admin.patch(path, {"name": "Green tea", "revision": 1})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "campaign_changed")
    assert admin.get(path).get_json()["name"] == "White tea"


def test_what_was_launched_does_not_change(admin, launched):
    found = launched(crowd(1), holdout_percent=0)
    answer = admin.patch(f"/campaigns/{found['id']}", {"name": "Other"})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "campaign_started")


@pytest.mark.parametrize("act", ["plan", "launch"])
def test_what_a_draft_lacks_is_named(admin, campaign, act):
    found = campaign(None, arms=[])
    answer = admin.post(f"/campaigns/{found['id']}/{act}")
    assert answer.status_code == 422
    assert codes(answer) == {"/audience": "required", "/arms": "required"}


def test_an_unknown_campaign_is_not_found(admin):
    path = f"/campaigns/{uuid4()}"
    for method, end in [("GET", ""), ("PATCH", ""), ("POST", "/plan"), ("POST", "/launch"),
                        ("POST", "/pause"), ("POST", "/resume"), ("POST", "/cancel"),
                        ("GET", "/recipients")]:  # fmt: skip
        body = None if method == "GET" else {}
        answer = admin(method, path + end, body)
        assert (answer.status_code, answer.get_json()["code"]) == (404, "campaign_not_found")


def test_each_act_needs_its_permission(api_with, campaign):
    found = campaign([])
    path = f"/campaigns/{found['id']}"
    reader, writer = api_with("campaigns:read"), api_with("campaigns:read", "campaigns:write")
    assert reader.get(path).status_code == 200
    assert reader.post("/campaigns", {"name": "x"}).status_code == 403
    assert reader.patch(path, {"name": "x"}).status_code == 403
    assert writer.patch(path, {"name": "x"}).status_code == 200
    for act in ("launch", "pause", "resume", "cancel"):
        answer = writer.post(f"{path}/{act}")
        assert (answer.status_code, answer.get_json()["needs"]) == (403, "campaigns:launch")
    assert writer.put("/campaign-policy", {}).status_code == 403
    assert api_with("members:read").get("/campaigns").status_code == 403


def test_the_list_is_paged_and_narrowed_by_state(admin, campaign, launched):
    drafts = [campaign([])["id"] for _ in range(3)]
    other = launched(crowd(1), holdout_percent=0)["id"]
    first = admin.get("/campaigns?limit=2").get_json()
    rest = admin.get(f"/campaigns?limit=2&cursor={first['next_cursor']}").get_json()
    assert [one["id"] for one in first["data"] + rest["data"]] == [other, *reversed(drafts)]
    assert rest["next_cursor"] is None
    found = admin.get("/campaigns?state=draft").get_json()["data"]
    assert {one["id"] for one in found} == set(drafts)


def test_the_policy_has_versions_and_gives_new_drafts_their_defaults(admin, campaign):
    assert admin.get("/campaign-policy").get_json()["version"] == 0
    body = {"holdout_percent": 20, "approval": {"recipients": 100}}
    changed = admin.put("/campaign-policy", body).get_json()
    assert changed["version"] == 1
    assert changed["approval"] == {"recipients": 100, "cost": 1_000_000}
    assert admin.put("/campaign-policy", body).get_json()["version"] == 1
    assert campaign([])["holdout_percent"] == 20
