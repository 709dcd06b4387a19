"""Launches: once, by one with the right to; a second person above limits; rows as planned."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from clocks import set_to
from crowds import NOON, add, add_up, arm, audience, crowd, deliver, rows, state, template, work
from sqlalchemy import text

from crm.campaigns import assignment
from crm.db import db, transaction


def launch(api, campaign_id: str, **body):
    return api.post(f"/campaigns/{campaign_id}/launch", body)


def test_everybody_gets_his_arm_or_nothing_by_the_same_draw(admin, launched, shown):
    members = crowd(60)
    forms = [template(), template()]
    found = launched(
        members, holdout_percent=30,
        arms=[arm(template=forms[0], weight=1), arm(template=forms[1], weight=2)],
    )  # fmt: skip
    assert found["state"] == "launching"
    work(found["id"])
    assert state(found["id"]) == "running"
    deliver()
    kept = rows(found["id"])
    for member in members:
        no = assignment.assign(UUID(found["id"]), member, holdout_percent=30, weights=[1, 2])
        row = kept[member]
        assert row.arm == no
        assert row.state == ("sent" if no else "holdout")
        assert row.template_id == (UUID(forms[no - 1]) if no else None)
    work(found["id"])
    after = shown(found["id"])
    assert after["state"] == "done"
    assert after["counters"]["planned"] == 60
    assert after["counters"]["pending"] == 0
    assert after["progress"] == 1
    add_up(after)


def test_who_is_held_out_never_gets_anything(launched, coupon_template):
    members = crowd(40)
    coupon = coupon_template()
    found = launched(
        members, holdout_percent=50, arms=[arm(coupon_template=str(coupon), points=10)]
    )  # fmt: skip
    work(found["id"])
    deliver()
    kept = rows(found["id"])
    held = {one for one in members if kept[one].arm == 0}
    given = set(db.session.scalars(text("SELECT member_id FROM coupon")))
    points = set(db.session.scalars(text("SELECT member_id FROM points_entry")))
    told = set(db.session.scalars(text("SELECT member_id FROM sandbox_message")))
    assert held
    assert given == points == told == set(members) - held
    assert {kept[one].state for one in held} == {"holdout"}


def test_a_coupon_of_his_own_and_points_come_with_each_message(launched, coupon_template):
    members = crowd(5)
    form = template(text_="{{ coupon.code }} and {{ points.amount }}")
    one = arm(template=form, coupon_template=str(coupon_template()), points=25)
    found = launched(members, holdout_percent=0, arms=[one])
    work(found["id"])
    codes = dict(db.session.execute(text("SELECT member_id, code FROM coupon")).all())
    kept = rows(found["id"])
    assert set(codes) == set(members)
    for member in members:
        assert kept[member].variables["coupon"]["code"] == codes[member]
        assert kept[member].variables["points"] == {"amount": 25}
    assert set(db.session.scalars(text("SELECT points FROM points_entry"))) == {25}


def test_a_second_launch_is_refused(admin, launched):
    found = launched(crowd(1), holdout_percent=0)
    answer = launch(admin, found["id"])
    assert (answer.status_code, answer.get_json()["code"]) == (409, "campaign_started")


def test_the_same_launch_sent_again_is_answered_the_same(admin, campaign):
    found = campaign(crowd(1), holdout_percent=0)
    path = f"/campaigns/{found['id']}/launch"
    first, again = admin.post(path, idem="k"), admin.post(path, idem="k")
    assert again.status_code == first.status_code == 200
    assert again.headers["Idempotent-Replayed"] == "true"


def test_a_launch_to_nobody_is_refused(admin, campaign):
    found = campaign(crowd(2, consents=[]))
    answer = launch(admin, found["id"])
    assert (answer.status_code, answer.get_json()["code"]) == (422, "campaign_reaches_nobody")


def test_another_number_than_was_confirmed_is_refused(admin, campaign):
    found = campaign(crowd(3), holdout_percent=0)
    answer = launch(admin, found["id"], confirm=2)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "campaign_count_differs")
    assert answer.get_json()["will_send"] == 3
    assert launch(admin, found["id"], confirm=3).status_code == 200


def test_a_time_that_has_passed_is_refused(admin, campaign):
    found = campaign(crowd(1), schedule={"at": "2026-11-23T03:59:59Z"})
    answer = launch(admin, found["id"])
    assert (answer.status_code, answer.get_json()["code"]) == (
        422, "campaign_schedule_in_the_past",
    )  # fmt: skip


class TestASecondPerson:
    @pytest.fixture
    def large(self, admin, campaign) -> str:
        admin.put("/campaign-policy", {"approval": {"recipients": 2, "cost": None}})
        return campaign(crowd(3), holdout_percent=0)["id"]

    def test_decides_what_is_above_the_limit(self, admin, api_with, large):
        answer = launch(admin, large)
        assert answer.status_code == 202
        asked = answer.get_json()["approval"]
        assert asked["kind"] == "campaign.launch"
        assert "3" in asked["summary"]
        assert state(large) == "draft"
        assert admin.get(f"/campaigns/{large}").get_json()["approval"] == asked["id"]
        own = admin.post(f"/approvals/{asked['id']}/approve")
        assert own.get_json()["code"] == "second_person_needed"
        other = api_with("approvals:decide", "approvals:read", "campaigns:launch", name="other")
        assert other.post(f"/approvals/{asked['id']}/approve").status_code == 200
        assert state(large) == "launching"
        work(large)
        assert len(rows(large)) == 3

    def test_needs_the_right_to_launch_himself(self, admin, api_with, large):
        asked = launch(admin, large).get_json()["approval"]
        other = api_with("approvals:decide", "approvals:read", name="other")
        assert other.post(f"/approvals/{asked['id']}/approve").status_code == 403
        assert state(large) == "draft"

    def test_is_asked_once_at_a_time(self, admin, large):
        launch(admin, large)
        answer = launch(admin, large)
        assert answer.get_json()["code"] == "campaign_approval_pending"

    def test_does_not_approve_what_was_changed_meanwhile(self, admin, api_with, large):
        asked = launch(admin, large).get_json()["approval"]
        admin.patch(f"/campaigns/{large}", {"name": "Other"})
        other = api_with("approvals:decide", "approvals:read", "campaigns:launch", name="other")
        answer = other.post(f"/approvals/{asked['id']}/approve")
        assert (answer.status_code, answer.get_json()["code"]) == (409, "campaign_changed")
        assert state(large) == "draft"
        assert admin.get(f"/campaigns/{large}").get_json()["approval"] is None
        anew = launch(admin, large)
        assert anew.status_code == 202
        assert anew.get_json()["approval"]["id"] != asked["id"]

    def test_is_not_needed_up_to_the_limit(self, admin, campaign):
        admin.put("/campaign-policy", {"approval": {"recipients": 3, "cost": 0}})
        assert launch(admin, campaign(crowd(3), holdout_percent=0)["id"]).status_code == 200

    def test_looks_at_what_may_cost_more(self, admin, campaign, coupon_template):
        admin.put("/campaign-policy", {"approval": {"recipients": None, "cost": 1_999}})
        one = arm(coupon_template=str(coupon_template(value=2_000)))
        assert (
            launch(admin, campaign(crowd(1), holdout_percent=0, arms=[one])["id"]).status_code
            == 202
        )


def test_a_frozen_audience_is_that_of_the_launch(admin, launched):
    first, later = crowd(3), crowd(2)
    group = audience(first)
    found = launched(group, holdout_percent=0, schedule={"at": "2026-11-24T04:00:00Z"})
    work(found["id"])
    assert state(found["id"]) == "scheduled"
    with transaction():
        add(group, later)
    assert set(rows(found["id"])) == set(first)
    set_to(datetime(2026, 11, 24, 4, 0, tzinfo=UTC))
    work(found["id"])
    assert set(rows(found["id"])) == set(first)
    assert {row.state for row in rows(found["id"]).values()} == {"waiting"}


def test_a_live_audience_is_that_of_the_moment(admin, launched, shown):
    first, later = crowd(3), crowd(2)
    group = audience(first)
    found = launched(
        group, holdout_percent=0, mode="live", schedule={"at": "2026-11-24T04:00:00Z"}
    )  # fmt: skip
    assert found["state"] == "scheduled"
    work(found["id"])
    assert rows(found["id"]) == {}
    with transaction():
        add(group, later)
    set_to(datetime(2026, 11, 24, 4, 0, tzinfo=UTC))
    work(found["id"])
    assert set(rows(found["id"])) == {*first, *later}
    assert shown(found["id"])["counters"]["planned"] == 5


def test_nothing_is_made_before_its_time(admin, launched, coupon_template):
    one = arm(coupon_template=str(coupon_template()))
    found = launched(
        crowd(2), holdout_percent=0, arms=[one], schedule={"at": "2026-11-24T04:00:00Z"}
    )  # fmt: skip
    work(found["id"])
    assert {row.state for row in rows(found["id"]).values()} == {None}
    assert db.session.scalar(text("SELECT count(*) FROM coupon")) == 0


ZONES = {
    "Pacific/Pago_Pago": 11, "America/New_York": 5, "Europe/London": 0, "Asia/Shanghai": -8,
    "Pacific/Kiritimati": -14,
}  # fmt: skip


@pytest.mark.parametrize("mode", ["frozen", "live"])
def test_a_morning_comes_to_each_zone_in_its_turn(launched, mode):
    by_zone = {zone: crowd(2, zone=zone) for zone in ZONES}
    everybody = [one for ids in by_zone.values() for one in ids]
    schedule = {"local_time": "10:00", "on": "2026-11-25"}
    found = launched(everybody, holdout_percent=0, mode=mode, schedule=schedule)
    work(found["id"])
    told: set[UUID] = set()
    for zone, behind in sorted(ZONES.items(), key=lambda item: item[1]):
        at = datetime(2026, 11, 25, 10, tzinfo=UTC).timestamp() + behind * 3600
        moment = datetime.fromtimestamp(at, UTC)
        set_to(datetime.fromtimestamp(at - 60, UTC))
        work(found["id"])
        assert made(found["id"]) == told
        set_to(moment)
        work(found["id"])
        deliver(moment)
        told |= set(by_zone[zone])
        assert made(found["id"]) == told
        assert {row.due_at for one, row in rows(found["id"]).items() if one in by_zone[zone]} == {
            moment
        }
    assert {row.state for row in rows(found["id"]).values()} == {"sent"}
    work(found["id"])
    assert state(found["id"]) == "done"


def made(campaign_id: str) -> set[UUID]:
    return {one for one, row in rows(campaign_id).items() if row.state is not None}


def test_a_started_campaign_keeps_its_templates_version(admin, launched):
    form = template(text_="Hello")
    found = launched(
        crowd(1), holdout_percent=0, arms=[arm(template=form)],
        schedule={"at": "2026-11-24T04:00:00Z"},
    )  # fmt: skip
    body = {"languages": {"en": {"subject": "New", "text": "Bye"}}}
    assert admin.put(f"/templates/{form}", body).status_code == 200
    moment = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
    set_to(moment)
    work(found["id"])
    deliver(moment)
    assert db.session.scalar(text("SELECT text FROM sandbox_message")).startswith("Hello")


def test_recipients_are_listed_with_arm_state_and_why(admin, launched):
    members = [*crowd(30), *crowd(3, consents=[])]
    found = launched(members, holdout_percent=30)
    path = f"/campaigns/{found['id']}/recipients"
    work(found["id"])
    kept = rows(found["id"])
    whole, cursor = [], ""
    while cursor is not None:
        answer = admin.get(f"{path}?limit=10" + (f"&cursor={cursor}" if cursor else "")).get_json()
        whole += answer["data"]
        cursor = answer["next_cursor"]
    assert [UUID(one["member"]["id"]) for one in whole] == sorted(kept)
    assert {one["member"]["id"]: (one["arm"], one["state"], one["reason"]) for one in whole} == {
        str(one): (row.arm, row.state, row.why) for one, row in kept.items()
    }
    held = admin.get(f"{path}?arm=0").get_json()["data"]
    assert {one["state"] for one in held} == {"holdout"}
    none = admin.get(f"{path}?state=suppressed&reason=opted_out").get_json()["data"]
    assert len(none) == 3
    assert admin.get(f"{path}?arm=5").status_code == 422


def test_who_has_no_message_yet_waits_in_the_list(admin, launched):
    found = launched(crowd(2), holdout_percent=0, schedule={"at": "2026-11-24T04:00:00Z"})
    work(found["id"])
    data = admin.get(f"/campaigns/{found['id']}/recipients").get_json()["data"]
    assert [(one["state"], one["message"]) for one in data] == [("waiting", None)] * 2
    assert admin.get(f"/campaigns/{found['id']}").get_json()["counters"]["pending"] == 2


def test_acts_are_on_record(admin, launched):
    found = launched(crowd(1), holdout_percent=0)
    admin.post(f"/campaigns/{found['id']}/pause")
    admin.post(f"/campaigns/{found['id']}/resume")
    admin.post(f"/campaigns/{found['id']}/cancel", {"reason": "The tea is sold out"})
    acts = admin.get(f"/audit?object_type=campaign&object_id={found['id']}").get_json()["data"]
    assert [one["action"] for one in reversed(acts)] == [
        "campaign.created", "campaign.launched", "campaign.paused", "campaign.launching",
        "campaign.cancelled",
    ]  # fmt: skip
    assert acts[0]["reason"] == "The tea is sold out"
    assert {one["at"] for one in acts} == {NOON.isoformat().replace("+00:00", "Z")}


def test_a_template_is_not_archived_while_a_campaign_tells_by_it(admin, launched):
    form = template()
    found = launched(crowd(2), arms=[arm(template=form)], holdout_percent=0)
    answer = admin.put(f"/templates/{form}", {"archived": True})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "template_in_use")
    assert [(one["type"], one["id"]) for one in answer.get_json()["used_by"]] == [
        ("campaign", found["id"])
    ]
    work(found["id"])
    deliver()
    work(found["id"])
    assert state(found["id"]) == "done"
    assert admin.put(f"/templates/{form}", {"archived": True}).status_code == 200
