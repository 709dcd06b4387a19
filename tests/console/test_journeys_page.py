"""Journeys at the console: switched, set and tried out by marketers, read by others."""

from collections.abc import Callable
from datetime import timedelta

from api_client import Api
from filling import filled_in
from people import make
from sqlalchemy import text
from visitor import Visitor, words

from crm import clock
from crm.campaigns.journeys import wordings
from crm.campaigns.journeys.directory import JOURNEYS
from crm.db import db, transaction

As = Callable[..., Visitor]
USUAL = {
    "/send_at": "09:00", "/template": "", "/points": "0", "/coupon_template": "",
    "/lateness_days": "3", "/attribution_days": "14",
}  # fmt: skip


def test_journeys_are_listed_with_their_state(signed_in: As, admin: Api):
    page = words(signed_in("marketer").get("/journeys"))
    assert "Birthday" in page
    assert "After-sale follow-up" in page
    assert "旅程" in words(signed_in("analyst", "zh-Hans").get("/journeys"))


def test_what_is_due_is_counted_after_the_page_is_there(signed_in: As, admin: Api):
    """By a part of the page; without a script, by a page of its own."""
    born, member = clock.now() + timedelta(days=1), make()
    with transaction():
        db.session.execute(
            text(
                "UPDATE member SET birthday_month = :m, birthday_day = :d,"
                " birthday_calendar = 'solar' WHERE id = :id"
            ),
            {"m": born.month, "d": born.day, "id": member},
        )
    admin.patch("/journeys/birthday", {"enabled": True})
    visitor = signed_in("marketer")
    first = visitor.get("/journeys").text
    part = visitor.get("/journeys/due", **{"HX-Request": "true"}).text
    whole = visitor.get("/journeys/due").text
    assert 'hx-get="/console/journeys/due"' in first
    assert 'href="/console/journeys/due"' in first
    assert part.lstrip().startswith("<tbody>")
    assert "hx-get" not in part
    for text_, due in ((first, "…"), (part, "1"), (whole, "1")):
        row = text_[text_.index('id="journey-birthday"') :].partition("</tr>")[0]
        assert f'<td class="r-num{" r-muted" if due == "…" else ""}">{due}</td>' in row


def test_a_marketer_sets_a_journey_and_switches_it_on(signed_in: As, admin: Api):
    marketer = signed_in("marketer")
    marketer.get("/journeys/birthday")
    form = {
        "/send_at": "10:30", "/template": "", "/points": "100", "/coupon_template": "",
        "/lateness_days": "0", "/attribution_days": "14", "/when": "days_before",
        "/days_before": "3", "/leap_day": "mar1", "version": "0",
    }  # fmt: skip
    assert marketer.post("/journeys/birthday", form).status_code == 303
    assert marketer.post("/journeys/birthday", {"do": "on"}).status_code == 303
    found = admin.get("/journeys/birthday").get_json()
    assert found["enabled"] is True
    settings = found["settings"]
    assert (settings["send_at"], settings["points"], settings["days_before"]) == ("10:30", 100, 3)
    assert settings["by_tier"] is False
    assert "The journey is on." in words(marketer.get("/journeys/birthday?done=on"))
    assert marketer.post("/journeys/birthday", {"do": "off"}).status_code == 303
    assert admin.get("/journeys/birthday").get_json()["enabled"] is False


def test_mistakes_stand_beside_their_fields(signed_in: As, admin: Api):
    marketer = signed_in("marketer")
    marketer.get("/journeys/birthday")
    answer = marketer.post("/journeys/birthday", {"/send_at": "soon", "/points": "many"})
    assert answer.status_code == 422
    page = words(answer)
    assert "This must be a time of the day such as 09:00." in page
    assert "This must be a whole number." in page
    assert admin.get("/journeys/birthday").get_json()["version"] == 0


def test_a_day_is_tried_out_on_the_page(signed_in: As):
    member = make()
    with transaction():
        db.session.execute(
            text("""
                UPDATE member SET birthday_month = 5, birthday_day = 3,
                    birthday_calendar = 'solar' WHERE id = :m
            """),
            {"m": member},
        )
    page = words(signed_in("analyst").get("/journeys/birthday?day=2027-05-03"))
    assert "Due on 2027-05-03: 1. Would get it: 1." in page


def test_a_day_that_is_none_is_refused_beside_its_field(signed_in: As):
    page = signed_in("marketer", "zh-Hans")
    for day in ("soon", "2026-02-30", "9999-12-31", "0001-01-01"):
        answer = page.get("/journeys/birthday", {"day": day})
        assert 'id="day-wrong"' in answer.text, day
        assert f'value="{day}"' in answer.text
    assert 'id="day-wrong"' not in page.get("/journeys/birthday", {"day": ""}).text
    assert page.get("/journeys/birthday", {"state": "lost"}).status_code == 422


def test_a_holiday_of_a_month_with_thousands_of_digits_is_refused(signed_in: As, admin: Api):
    before = admin.get("/journeys/holiday").get_json()["settings"]
    marketer = signed_in("marketer")
    form = filled_in(marketer.get("/journeys/holiday").text, "/journeys/holiday")
    lines = {"/holidays": f"eve solar {'9' * 5000}-1 Eve", "do": "save"}
    answer = marketer.post("/journeys/holiday", form.to_dict() | lines)
    assert answer.status_code == 422
    assert 'id="f-holidays-wrong"' in answer.text
    assert admin.get("/journeys/holiday").get_json()["settings"] == before


def test_holidays_are_lines_of_the_form(signed_in: As, admin: Api):
    marketer = signed_in("marketer")
    page = marketer.get("/journeys/holiday").get_data(as_text=True)
    assert "spring_festival lunar 1-1 Lunar New Year / 春节 / 春節" in page
    lines = "singles solar 11-11 Singles’ Day / 光棍节\nlantern lunar 1-15 Lantern Festival"
    assert marketer.post("/journeys/holiday", {"/holidays": lines} | USUAL).status_code == 303
    found = admin.get("/journeys/holiday").get_json()["settings"]["holidays"]
    assert [(one["code"], one["calendar"], one["month"], one["day"]) for one in found] == [
        ("singles", "solar", 11, 11), ("lantern", "lunar", 1, 15),
    ]  # fmt: skip
    assert found[0]["name"] == {"en": "Singles’ Day", "zh-Hans": "光棍节"}
    for wrong in ("tomorrow", "x solar 13-1 X", "x martian 1-1 X"):
        answer = marketer.post("/journeys/holiday", {"/holidays": wrong} | USUAL)
        assert answer.status_code == 422
        assert "Nothing was saved yet" in words(answer)


def test_who_may_not_write_changes_nothing(signed_in: As, admin: Api):
    manager = signed_in("manager")
    assert "Switch it on" not in words(manager.get("/journeys/birthday"))
    assert manager.post("/journeys/birthday", {"do": "on"}).status_code == 403
    assert signed_in("clerk").get("/journeys").status_code == 403
    assert admin.get("/journeys/birthday").get_json()["enabled"] is False


def test_there_is_no_page_of_another_journey(signed_in: As):
    assert signed_in("marketer").get("/journeys/easter").status_code == 404


def test_a_second_template_is_chosen_and_the_page_says_who_is_told_by_which(
    signed_in: As, admin: Api
):
    with transaction():
        texts = str(wordings.template_of(JOURNEYS["birthday"], "sms", now=clock.now()))
    for channel, way in (
        ("email", {"email": "b@crowd.test"}),
        ("sms", {"phone": "+8613800000009"}),
        ("sms", {"phone": "+8613800000008"}),
    ):
        body = {"name": "B", "birthday": {"month": 5, "day": 5}, **way}
        found = admin.post("/members", body).get_json()["id"]
        answer = admin.put(f"/members/{found}/consents/{channel}/marketing", {"granted": True})
        assert answer.status_code == 200, answer.text
    marketer = signed_in("marketer")
    page = marketer.get("/journeys/birthday")
    assert "journey-birthday-sms · SMS" in words(page)
    form = dict(filled_in(page.text, "/journeys/birthday").items()) | {"do": "save"}
    both = {"/template": texts, "/fallback_template": texts}
    wrong = marketer.post("/journeys/birthday", form | both)
    assert wrong.status_code == 422
    assert "must be of another channel than the first" in words(wrong)
    assert "f-fallback_template-wrong" in wrong.text
    answer = marketer.post("/journeys/birthday", form | {"/fallback_template": texts})
    assert answer.status_code == 303, words(answer)
    assert marketer.post("/journeys/birthday", {"do": "on"}).status_code == 303
    assert admin.get("/journeys/birthday").get_json()["settings"]["fallback_template"] == texts
    said = words(marketer.get("/journeys/birthday?day=2027-05-05"))
    assert "By E-mail 1" in said, said
    assert "By SMS 2" in said, said
