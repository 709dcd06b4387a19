"""Journeys over HTTP: switched, tried out without a trace, and what came of them."""

from datetime import timedelta

import pytest
from api_client import Api
from clocks import set_to
from order_bodies import order_body, stamp
from sqlalchemy import text
from travellers import NOON, coupon_template, given, run_at, traveller

from crm.campaigns.journeys import wordings
from crm.campaigns.journeys.directory import JOURNEYS
from crm.db import db, transaction
from crm.messages.errors import TemplateArchived

DAY = timedelta(days=1)
BIRTHDAY = "/journeys/birthday"


def change(admin: Api, code: str = "birthday", **body) -> dict:
    answer = admin.patch(f"/journeys/{code}", body)
    assert answer.status_code == 200, answer.data
    return answer.get_json()


def counted(*tables: str) -> list[int]:
    db.session.rollback()
    return [db.session.execute(text(f"SELECT count(*) FROM {one}")).scalar_one() for one in tables]


def test_an_untouched_journey_is_off_and_says_its_defaults(admin: Api):
    found = admin.get(BIRTHDAY).get_json()
    assert (found["enabled"], found["version"]) == (False, 0)
    assert found["settings"] == {
        "send_at": "09:00", "template": None, "fallback_template": None, "points": 0,
        "coupon_template": None,
        "lateness_days": 0, "attribution_days": 14, "when": "day", "days_before": 7,
        "leap_day": "feb28", "by_tier": True,
    }  # fmt: skip
    assert admin.get("/journeys/after_sale").get_json()["settings"]["lateness_days"] == 3


def test_all_journeys_are_listed(admin: Api):
    found = admin.get("/journeys").get_json()["data"]
    assert [one["code"] for one in found] == list(JOURNEYS)


def test_a_change_is_a_version_on_record_and_the_same_again_is_none(admin: Api):
    first = change(admin, enabled=True, settings={"points": 100})
    assert (first["enabled"], first["version"], first["settings"]["points"]) == (True, 1, 100)
    assert first["settings"]["template"], "it was given the default one"
    assert change(admin, enabled=True, settings={"points": 100})["version"] == 1
    second = change(admin, settings={"send_at": "10:15"}, version=1)
    assert (second["version"], second["settings"]["points"]) == (2, 100)
    stale = admin.patch(BIRTHDAY, {"enabled": False, "version": 1})
    assert (stale.status_code, stale.get_json()["code"]) == (409, "journey_changed")
    acts = admin.get("/audit").get_json()["data"]
    ours = [one for one in acts if one["action"] == "journey.changed"]
    assert [one["after"]["settings"]["send_at"] for one in ours] == ["10:15", "09:00"]
    assert counted("journey_version") == [2]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"send_at": "25:00"}, "/settings/send_at"),
        ({"send_at": 9}, "/settings/send_at"),
        ({"points": -1}, "/settings/points"),
        ({"leap_day": "mar2"}, "/settings/leap_day"),
        ({"days_after_delivery": 3}, "/settings/days_after_delivery"),
        ({"template": "01900000-0000-7000-8000-00000000ffff"}, "/settings/template"),
        ({"coupon_template": "01900000-0000-7000-8000-00000000ffff"}, "/settings/coupon_template"),
        ({"lateness_days": None}, "/settings/lateness_days"),
    ],
)
def test_a_mistake_is_named_and_changes_nothing(admin: Api, wrong: dict, pointer: str):
    answer = admin.patch(BIRTHDAY, {"enabled": True, "settings": wrong})
    assert answer.status_code == 422, answer.data
    assert [one["pointer"] for one in answer.get_json()["errors"]] == [pointer]
    assert admin.get(BIRTHDAY).get_json()["version"] == 0


def test_there_are_no_other_journeys(admin: Api):
    for answer in (
        admin.get("/journeys/easter"),
        admin.patch("/journeys/easter", {"enabled": True}),
        admin.post("/journeys/easter/dry-run", {"date": "2027-01-01"}),
        admin.get("/journeys/easter/results"),
        admin.get("/journeys/easter/occasions"),
    ):
        assert (answer.status_code, answer.get_json()["code"]) == (404, "journey_not_found")


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "1969-12-31", "2201-01-01"])
def test_a_day_beyond_all_calendars_is_refused(admin: Api, day: str):
    answer = admin.post("/journeys/birthday/dry-run", {"date": day})
    assert answer.status_code == 422
    (error,) = answer.get_json()["errors"]
    assert (error["pointer"], error["code"]) == ("/date", "out_of_range")


@pytest.mark.parametrize("day", ["1970-01-01", "2200-12-31"])
def test_the_first_and_the_last_day_can_be_tried(admin: Api, day: str):
    for code in JOURNEYS:
        assert admin.post(f"/journeys/{code}/dry-run", {"date": day}).status_code == 200, code


def test_a_dry_run_counts_and_says_why_not_and_writes_nothing(admin: Api):
    coupon = str(coupon_template())
    change(admin, "member_day", settings={"days_of_month": [25], "points": 10,
                                          "coupon_template": coupon})  # fmt: skip
    for consents in ({"email.marketing": True}, {"email.marketing": True}, {}):
        traveller(consents=consents)
    change(admin, "member_day", enabled=True)
    tables = ("journey_occasion", "message", "coupon", "points_entry", "journey_count")
    before = counted(*tables)
    found = admin.post("/journeys/member_day/dry-run", {"date": "2026-11-25"}).get_json()
    sample = found.pop("sample")
    assert found == {
        "date": "2026-11-25", "due": 3, "would_give": 2, "channels": {"email": 2},
        "skipped": {"opted_out": 1},
        "points": 20, "coupons": [{"template": coupon, "count": 2}],
    }  # fmt: skip
    assert len(sample) == 2
    assert counted(*tables) == before
    other = admin.post("/journeys/member_day/dry-run", {"date": "2026-11-26"}).get_json()
    assert (other["due"], other["would_give"]) == (0, 0)
    set_to(NOON)
    assert run_at(NOON + 3 * DAY, set_to) == 3
    again = admin.post("/journeys/member_day/dry-run", {"date": "2026-11-25"}).get_json()
    assert again["skipped"] == {"already_given": 2, "already_skipped": 1}
    assert again["would_give"] == 0


def test_a_dry_run_of_a_birthday_knows_leap_days_and_the_moon(admin: Api):
    traveller(born=(2, 29))
    traveller(born=(1, 23), calendar="lunar")  # 28 February 2027
    for day, count in (("2027-02-28", 2), ("2028-02-28", 0), ("2028-02-29", 1)):
        found = admin.post("/journeys/birthday/dry-run", {"date": day}).get_json()
        assert (day, found["would_give"]) == (day, count)
    change(admin, settings={"leap_day": "mar1"})
    found = admin.post("/journeys/birthday/dry-run", {"date": "2027-03-01"}).get_json()
    assert found["would_give"] == 1


def test_what_is_due_is_said_for_today_and_the_week(admin: Api):
    for day in (22, 24, 28, 29):
        traveller(born=(11, day))
    due = {"today": 1, "next_7_days": 3, "channels": {}}
    assert admin.get(BIRTHDAY).get_json()["due"] == due, "no template is chosen yet"
    change(admin, enabled=True)
    run_at(NOON, set_to)
    due["channels"] = {"email": 2}
    assert admin.get(BIRTHDAY).get_json()["due"] == due, "one of the three has been told"


def test_results_say_what_was_given_told_redeemed_and_spent(admin: Api):
    coupon = str(coupon_template())
    change(admin, enabled=True, settings={"points": 10, "coupon_template": coupon})
    buyer, other = traveller(born=(11, 22)), traveller(born=(11, 22))
    run_at(NOON, set_to)
    code = db.session.execute(
        text("SELECT code FROM coupon WHERE member_id = :m"), {"m": buyer}
    ).scalar_one()
    set_to(NOON + 2 * DAY)
    at = stamp(NOON + DAY)
    body = order_body(buyer, placed_at=at, paid_at=at, updated_at=at, coupons=[code])
    assert admin.put("/orders/web/B1", body).status_code in (200, 201)
    late = stamp(NOON + 15 * DAY)
    set_to(NOON + 15 * DAY)
    body = order_body(other, placed_at=late, paid_at=late, updated_at=late)
    assert admin.put("/orders/web/B2", body).status_code in (200, 201)
    found = admin.get("/journeys/birthday/results").get_json()
    figures = {name: found[name] for name in ("given", "skipped", "points", "coupons", "redeemed")}
    assert figures == {"given": 2, "skipped": 0, "points": 20, "coupons": 2, "redeemed": 1}
    assert (found["orders"], found["buyers"]) == (1, 1)
    assert found["revenue"] == {"amount": 25000, "currency": "CNY"}
    assert found["by_day"] == [{"day": "2026-11-22", "given": 2}]
    assert admin.get(BIRTHDAY).get_json()["last_results"]["given"] == 2


def test_occasions_are_listed_with_their_reasons(admin: Api):
    change(admin, "member_day", enabled=True, settings={"days_of_month": [22]})
    for consents in ({"email.marketing": True}, {}, {}):
        traveller(consents=consents)
    run_at(NOON, set_to)
    found = admin.get("/journeys/member_day/occasions?state=skipped&limit=1").get_json()
    assert [one["reason"] for one in found["data"]] == ["opted_out"]
    rest = admin.get(
        f"/journeys/member_day/occasions?state=skipped&cursor={found['next_cursor']}"
    ).get_json()
    assert len(rest["data"]) == 1
    assert rest["data"][0]["member_id"] != found["data"][0]["member_id"]
    assert len(admin.get("/journeys/member_day/occasions").get_json()["data"]) == 3


def archive(template: str) -> None:
    """As an older version of the program let people do."""
    with transaction():
        db.session.execute(
            text("UPDATE message_template SET archived_at = :now WHERE id = :id"),
            {"now": NOON, "id": template},
        )


def test_a_template_that_a_journey_tells_by_is_not_archived_while_it_is_on(admin: Api):
    with transaction():
        texts = str(wordings.template_of(JOURNEYS["birthday"], "sms", now=NOON))
    change(admin, enabled=True, settings={"fallback_template": texts})
    mail = admin.get(BIRTHDAY).get_json()["settings"]["template"]
    for template in (mail, texts):
        answer = admin.put(f"/templates/{template}", {"archived": True})
        assert answer.status_code == 409, answer.data
        said = answer.get_json()
        assert said["code"] == "template_in_use"
        assert said["used_by"] == [{"type": "journey", "id": "birthday", "name": "Birthday"}]
        assert "Birthday" in said["detail"]
        assert admin.get(f"/templates/{template}").get_json()["archived_at"] is None
    change(admin, enabled=False)
    for template in (mail, texts):
        assert admin.put(f"/templates/{template}", {"archived": True}).status_code == 200


def test_a_default_template_that_was_archived_is_not_taken_up_again(admin: Api):
    with transaction():
        mail = str(wordings.template_of(JOURNEYS["birthday"], now=NOON))
    assert admin.put(f"/templates/{mail}", {"archived": True}).status_code == 200
    answer = admin.patch(BIRTHDAY, {"enabled": True})
    assert answer.status_code == 422
    assert [(e["pointer"], e["code"]) for e in answer.get_json()["errors"]] == [
        ("/settings/template", "template_archived")
    ]
    assert admin.get(BIRTHDAY).get_json()["enabled"] is False


def test_a_template_that_was_archived_stops_its_journey_alone_and_is_named(admin: Api):
    change(admin, "birthday", enabled=True, settings={"points": 5})
    change(admin, "member_day", enabled=True, settings={"days_of_month": [22]})
    one = traveller(born=(11, 22))
    template = admin.get(BIRTHDAY).get_json()["settings"]["template"]
    archive(template)
    with pytest.raises(TemplateArchived):
        run_at(NOON, set_to)
    assert (given("birthday", one), given("member_day", one)) == ([], ["2026-11-22"])
    change(admin, "birthday", enabled=False)
    answer = admin.patch(BIRTHDAY, {"enabled": True})
    assert answer.status_code == 422
    assert [(e["pointer"], e["code"]) for e in answer.get_json()["errors"]] == [
        ("/settings/template", "template_archived")
    ]
    assert admin.put(f"/templates/{template}", {"archived": False}).status_code == 200
    change(admin, "birthday", enabled=True)
    run_at(NOON, set_to)
    assert given("birthday", one) == ["2026-11-22"]
