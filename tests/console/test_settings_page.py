"""The programme's settings: changed by new versions, now or later, and never over somebody else."""

import re
from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from api_client import Api
from filling import filled_in
from visitor import Visitor, words

from crm import clock
from crm.console import forms
from crm.console.settings_page import ALL

As = Callable[..., Visitor]
PATH = "/programme/settings"


def test_a_form_sent_back_untouched_changes_nothing(signed_in: As, admin: Api):
    visitor = signed_in("marketer")
    before = admin.get("/points/programme").get_json()
    answer = visitor.post(PATH, filled_in(visitor.get(PATH).text, PATH))
    assert answer.status_code == 422
    assert "Nothing was changed" in words(answer)
    assert admin.get("/points/programme").get_json() == before


def test_a_change_is_a_new_version_and_its_page_says_what_it_changed(signed_in: As, admin: Api):
    visitor = signed_in("marketer")
    fields = filled_in(visitor.get(PATH).text, PATH)
    fields["/pending/days"] = "3"
    fields["/redemption/value_per_step"] = "2.50"
    fields["/basis/excluded/skus"] = "gift-card\n\n stamp \n"
    answer = visitor.post(PATH, fields)
    assert (answer.status_code, answer.location) == (303, "/console/programme/settings?saved=2")
    assert "Version 2 is in force." in words(visitor.get(PATH, {"saved": "2"}))
    found = admin.get("/points/programme").get_json()
    assert found["version"] == 2
    assert found["pending"]["days"] == 3
    assert found["redemption"]["value_per_step"] == 250
    assert found["basis"]["excluded"]["skus"] == ["gift-card", "stamp"]
    page = words(visitor.get(f"{PATH}/versions/2"))
    assert "Days to wait 7 3 " in page
    assert "Value of a step ¥1.00 ¥2.50 " in page
    assert "Products that earn nothing – gift-card, stamp " in page
    assert "Rounding of points" not in page.split("General")[0]
    audited = admin.get("/audit?action=programme.changed").get_json()["data"]
    assert audited[0]["actor"]["name"] == "Chen Rui"


def test_a_version_is_announced_and_replaced(signed_in: As, admin: Api):
    visitor = signed_in("marketer")
    fields = filled_in(visitor.get(PATH).text, PATH)
    later = (clock.now() + timedelta(days=30)).strftime("%Y-%m-%dT00:00")
    fields["/effective_at"] = later
    fields["/pending/days"] = "3"
    assert visitor.post(PATH, fields).status_code == 303
    assert admin.get("/points/programme").get_json()["pending"]["days"] == 7
    page = visitor.get(PATH, {"version": "2"})
    assert "This replaces version 2, which is announced." in words(page)
    fields = filled_in(page.text, PATH)
    assert fields["/effective_at"] == later
    assert fields["/pending/days"] == "3"
    fields["/pending/days"] = "5"
    assert visitor.post(PATH, fields).status_code == 303
    at = forms.instant(later, ZoneInfo("Asia/Shanghai"))
    assert admin.get(f"/points/programme?at={at}").get_json()["pending"]["days"] == 5
    listed = words(visitor.get(PATH))
    assert "Version 3 announced" in listed
    assert "Version 2 replaced" in listed
    assert "Version 1 in force" in listed
    assert "Days to wait 7 5 " in words(visitor.get(f"{PATH}/versions/3"))


def test_mistakes_stand_beside_their_fields_and_nothing_typed_is_lost(signed_in: As, admin: Api):
    visitor = signed_in("marketer")
    fields = filled_in(visitor.get(PATH).text, PATH)
    fields["/pending/days"] = "soon"
    fields["/redemption/value_per_step"] = "0.001"
    fields["/redemption/max_share_percent"] = "120"
    fields["/timezone"] = "Mars/Olympus"
    fields["/effective_at"] = "tomorrow"
    fields["/caps/per_order"] = ""
    answer = visitor.post(PATH, fields)
    assert answer.status_code == 422
    for pointer, said in {
        "pending-days": "This must be a whole number.",
        "redemption-value_per_step": "This must be an amount such as 12.50.",
        "redemption-max_share_percent": "This must be between 0 and 100.",
        "timezone": "This is not the name of a time zone, such as Asia/Shanghai.",
        "effective_at": "This must be a time such as 2027-01-31T09:30:00Z.",
    }.items():
        beside = re.search(rf'id="f-{pointer}-wrong">.*?</svg>([^<]*)<', answer.text)
        assert beside, pointer
        assert beside[1] == said
    assert answer.text.count('<p class="r-error"') == 5
    assert 'value="Mars/Olympus"' in answer.text
    assert admin.get("/points/programme").get_json()["version"] == 1


def test_bounds_of_money_are_told_as_money(signed_in: As):
    visitor = signed_in("marketer")
    fields = filled_in(visitor.get(PATH).text, PATH)
    fields["/redemption/value_per_step"] = "0"
    assert "This must be between ¥0.01 and ¥10,000,000,000.00." in words(visitor.post(PATH, fields))


def test_what_somebody_else_changed_meanwhile_is_shown_and_not_overwritten(
    signed_in: As, admin: Api
):
    visitor = signed_in("marketer")
    fields = filled_in(visitor.get(PATH).text, PATH)
    assert admin.put("/points/programme", {"rounding": "ceil"}).status_code == 200
    fields["/pending/days"] = "3"
    answer = visitor.post(PATH, fields)
    assert answer.status_code == 409
    page = words(answer)
    assert "changed the programme meanwhile: version 2 is in force." in page
    assert "Rounding of points down up" in page
    assert admin.get("/points/programme").get_json()["version"] == 2
    again = filled_in(answer.text, PATH)
    assert again["/pending/days"] == "3"
    assert visitor.post(PATH, again).status_code == 303
    assert admin.get("/points/programme").get_json()["version"] == 3


@pytest.mark.parametrize("role", ["clerk", "manager", "analyst"])
def test_who_may_not_write_reads(signed_in: As, role: str):
    visitor = signed_in(role)
    page = visitor.get(PATH)
    assert "<form" not in page.text.split("<main")[1]
    assert "Days to wait 7" in words(page)
    assert visitor.post(PATH, {"version": "1"}).status_code == 403


def test_a_version_that_is_not_there_is_not_found(signed_in: As):
    assert signed_in("analyst").get(f"{PATH}/versions/99").status_code == 404


@pytest.mark.usefixtures("no_database")
@pytest.mark.parametrize(
    ("text", "minor"),
    [("12.5", 1250), ("1,234", 123400), ("-1", -100), ("0.005", "0.005"), ("NaN", "NaN"),
     ("1e30", "1e30"), ("twelve", "twelve"), ("Infinity", "Infinity")],
)  # fmt: skip
def test_amounts_are_read_as_people_write_them(text: str, minor: int | str):
    assert forms.amount(text, "CNY") == minor


@pytest.mark.usefixtures("no_database")
def test_every_setting_of_the_schema_is_in_the_form():
    pointers = {leaf.pointer for leaf in ALL}
    assert {"/currency", "/basis/excluded/labels", "/adjustment/clerk/per_day"} <= pointers
    assert len(pointers) >= 31
