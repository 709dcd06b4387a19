"""The ladder in the console: tiers named, won and kept by a form; changed by versions."""

from collections.abc import Callable
from datetime import UTC, timedelta

import pytest
from api_client import Api
from filling import filled_in
from shop import Shop
from visitor import Visitor, words

from crm import clock
from crm.console.forms import Manner
from crm.console.ladder_form import shown
from crm.db import db
from crm.members.models import TierLadder
from crm.outbox import Task

As = Callable[..., Visitor]
PATH = "/programme/tiers"


def versions() -> int:
    return db.session.query(TierLadder).count()


def test_a_form_sent_back_untouched_changes_nothing(signed_in: As):
    visitor, before = signed_in("marketer"), versions()
    answer = visitor.post(PATH, filled_in(visitor.get(PATH).text, PATH))
    assert answer.status_code == 422, words(answer)
    assert "Nothing was changed" in words(answer)
    assert versions() == before


def test_a_tier_is_renamed_and_asks_for_more(signed_in: As, admin: Api):
    visitor = signed_in("marketer")
    fields = filled_in(visitor.get(PATH).text, PATH)
    fields["/tiers/3/name/en"] = "Gilt"
    fields["/tiers/3/name/zh-Hant"] = "燙金"
    fields["/tiers/3/multiplier"] = "1.75"
    fields["/tiers/3/qualify/match"] = "all"
    fields["/tiers/3/qualify/spend"] = "5,000.50"
    fields["/tiers/3/qualify/orders"] = "12"
    fields["/tiers/3/keep/match"] = "any"
    fields["/tiers/3/keep/spend"] = "4000"
    fields["/tiers/3/keep/orders"] = ""
    fields["/tiers/3/benefits/discount_percent"] = "5"
    fields["/tiers/3/benefits/free_shipping"] = "true"
    fields["/grace_days"] = "14"
    answer = visitor.post(PATH, fields)
    assert answer.status_code == 303, words(answer)
    found = admin.get("/tiers").get_json()
    tier = found["tiers"][3]
    assert found["grace_days"] == 14
    assert tier["code"] == "gold"
    assert tier["name"] == {"en": "Gilt", "zh-Hans": "金牌", "zh-Hant": "燙金"}
    assert tier["multiplier"] == "1.75"
    assert tier["qualify"] == {
        "all": [{"metric": "spend", "at_least": 500_050}, {"metric": "orders", "at_least": 12}]
    }
    assert tier["keep"] == {"any": [{"metric": "spend", "at_least": 400_000}]}
    assert tier["benefits"]["discount_percent"] == 5
    assert tier["benefits"]["free_shipping"] is True
    page = words(visitor.get(f"{PATH}/versions/{found['version']}"))
    assert "Gilt: Name, English Gold Gilt " in page
    assert "¥5,000.50 spent and 12 orders" in page
    assert "Days of grace 0 14 " in page
    queued = db.session.query(Task).filter_by(job="tiers.ladder_changed").all()
    assert any(str(found["version"]) in str(task.args) for task in queued)


def test_tiers_are_added_moved_and_removed_without_losing_what_was_typed(signed_in: As, admin: Api):
    visitor, before = signed_in("marketer"), versions()
    fields = filled_in(visitor.get(PATH).text, PATH)
    fields["/tiers/1/name/en"] = "Bronzed"
    fields["do"] = "add"
    page = visitor.post(PATH, fields)
    assert page.status_code == 200
    fields = filled_in(page.text, PATH)
    assert fields["/tiers/1/name/en"] == "Bronzed"
    fields["/tiers/5/code"] = "ruby"
    fields["/tiers/5/name/en"] = "Ruby"
    fields["/tiers/5/qualify/spend"] = "90000"
    fields["do"] = "down:5"
    fields = filled_in(visitor.post(PATH, fields).text, PATH)
    assert fields["/tiers/4/code"] == "ruby"
    fields["do"] = "remove:1"
    fields = filled_in(visitor.post(PATH, fields).text, PATH)
    assert versions() == before
    assert visitor.post(PATH, fields).status_code == 303
    codes = [tier["code"] for tier in admin.get("/tiers").get_json()["tiers"]]
    assert codes == ["new", "silver", "gold", "ruby", "diamond"]


def test_mistakes_stand_beside_their_fields(signed_in: As):
    visitor = signed_in("marketer")
    fields = filled_in(visitor.get(PATH).text, PATH)
    fields["/tiers/1/qualify/spend"] = "much"
    fields["/tiers/2/multiplier"] = "many"
    fields["/tiers/3/name/en"] = ""
    fields["/validity_months"] = "0"
    answer = visitor.post(PATH, fields)
    assert answer.status_code == 422
    for name, said in {
        "tiers-1-qualify-spend": "This must be an amount such as 12.50.",
        "tiers-2-multiplier": "This does not have the expected form.",
        "tiers-3-name-en": "This field is required.",
        "validity_months": "This must be between 1 and 120.",
    }.items():
        assert said in answer.text.split(f'id="f-{name}-wrong"')[1][:400], name
    fields = filled_in(visitor.get(PATH).text, PATH)
    fields["/tiers/2/code"] = fields["/tiers/1/code"]
    for metric in ("spend", "orders", "points_earned"):
        fields[f"/tiers/4/qualify/{metric}"] = ""
    answer = visitor.post(PATH, fields)
    assert answer.status_code == 422
    wrong = answer.text.split('id="f-tiers-2-code-wrong"')[1][:400]
    assert "Another tier has this code." in wrong
    wrong = answer.text.split('id="f-tiers-4-qualify-match-wrong"')[1][:400]
    assert "Only the lowest tier has no conditions." in wrong


def test_a_ladder_is_announced_and_one_changed_meanwhile_is_not_overwritten(
    signed_in: As, admin: Api
):
    visitor = signed_in("marketer")
    fields = filled_in(visitor.get(PATH).text, PATH)
    announced = fields.copy()
    announced["/effective_at"] = (clock.now() + timedelta(days=9)).strftime("%Y-%m-%dT00:00")
    announced["/validity_months"] = "24"
    assert visitor.post(PATH, announced).status_code == 303
    assert admin.get("/tiers").get_json()["validity_months"] == 12
    number = versions()
    page = visitor.get(PATH, {"version": str(number)})
    assert f"This replaces version {number}, which is announced." in words(page)
    assert filled_in(page.text, PATH)["/validity_months"] == "24"
    assert admin.put("/tiers", {"grace_days": 3}).status_code == 200
    fields["/validity_months"] = "18"
    answer = visitor.post(PATH, fields)
    assert answer.status_code == 409
    assert "Days of grace 0 3 " in words(answer)
    again = filled_in(answer.text, PATH)
    assert again["/validity_months"] == "18"
    assert visitor.post(PATH, again).status_code == 303


def test_benefits_that_the_form_does_not_show_are_kept(signed_in: As, admin: Api):
    tiers = admin.get("/tiers").get_json()["tiers"]
    tiers[4]["benefits"] = {"lounge": {"city": "Shanghai"}, "early_access": True}
    assert admin.put("/tiers", {"tiers": tiers}).status_code == 200
    visitor = signed_in("marketer")
    fields = filled_in(visitor.get(PATH).text, PATH)
    fields["/tiers/4/code"] = "brilliant"
    assert visitor.post(PATH, fields).status_code == 303
    found = admin.get("/tiers").get_json()["tiers"][4]
    assert found["code"] == "brilliant"
    assert found["benefits"] == {"lounge": {"city": "Shanghai"}, "early_access": True}


@pytest.mark.parametrize("role", ["clerk", "analyst"])
def test_who_may_not_write_reads(signed_in: As, shop: Shop, role: str):
    visitor = signed_in(role)
    page = visitor.get(PATH)
    assert "<form" not in page.text.split("<main")[1]
    assert "New < Bronze < Silver < Gold < Diamond" in words(page)
    assert visitor.post(PATH, {"version": "1"}).status_code == 403
    assert visitor.get(f"{PATH}/versions/99").status_code == 404


@pytest.mark.usefixtures("no_database")
def test_of_several_thresholds_of_one_metric_the_deciding_one_is_shown():
    manner = Manner("CNY", UTC)
    twice = [{"metric": "orders", "at_least": 3}, {"metric": "orders", "at_least": 5}]
    base = {"code": "a", "name": {"en": "A"}, "qualify": {"any": []}}
    for match, decides in (("any", "3"), ("all", "5")):
        tiers = [base, {**base, "code": "b", "qualify": {match: twice}}]
        form = shown({"tiers": tiers}, manner)
        assert form.values["/tiers/1/qualify/orders"] == decides


def test_coupons_of_tiers_are_chosen_by_name(signed_in: As, admin: Api):
    kinds = [
        admin.post("/coupon-templates", {"name": name, "kind": "amount", "value": 500}).json["id"]
        for name in ("Cake", "Month's tea")
    ]
    visitor = signed_in("marketer")
    page = visitor.get(PATH).text
    assert f'<option value="{kinds[0]}">Cake</option>' in page
    fields = filled_in(page, PATH)
    fields["/tiers/2/benefits/birthday_coupon"] = kinds[0]
    fields["/tiers/2/benefits/monthly_coupons"] = kinds[1]
    assert visitor.post(PATH, fields).status_code == 303
    benefits = admin.get("/tiers").get_json()["tiers"][2]["benefits"]
    assert benefits["birthday_coupon"] == kinds[0]
    assert benefits["monthly_coupons"] == [kinds[1]]
    told = words(visitor.get(f"{PATH}/versions/{versions()}"))
    assert "Birthday coupon – Cake" in told
    assert "Monthly coupons – Month’s tea" in told.replace("'", "’")
    for kind in kinds:
        admin.patch(f"/coupon-templates/{kind}", {"ended": True})
    page = visitor.get(PATH).text
    assert f'<option value="{kinds[0]}" selected>Cake</option>' in page
    assert filled_in(page, PATH)["/tiers/2/benefits/birthday_coupon"] == kinds[0]


def test_a_tier_that_brings_one_coupon_twice_a_month_keeps_it_so(signed_in: As, admin: Api):
    kind = admin.post("/coupon-templates", {"name": "Tea", "kind": "amount", "value": 500})
    twice = [kind.json["id"]] * 2
    tiers = admin.get("/tiers").get_json()["tiers"]
    tiers[2]["benefits"] = {"monthly_coupons": twice}
    assert admin.put("/tiers", {"tiers": tiers}).status_code == 200
    visitor = signed_in("marketer")
    fields = filled_in(visitor.get(PATH).text, PATH)
    fields["/grace_days"] = "9"
    assert visitor.post(PATH, fields).status_code == 303
    assert admin.get("/tiers").get_json()["tiers"][2]["benefits"]["monthly_coupons"] == twice
