"""Campaigns at the console: made step by step, sent by typing the number, watched and stopped."""

import html
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from api_client import Api
from clocks import set_to
from crowds import NOON, arm, audience, crowd, deliver, figures, state, template, work
from filling import filled_in
from sqlalchemy import func, select
from visitor import Visitor, words

from crm.campaigns import drafts
from crm.coupons.models import Coupon
from crm.db import db
from crm.members.models import Member
from crm.messages.models import SandboxMessage
from crm.segments.audiences.models import Audience

As = Callable[..., Visitor]


@pytest.fixture(autouse=True)
def _noon(rolled_back) -> None:
    set_to(NOON)


def make(admin: Api, members=(), **given: Any) -> str:
    body = {"name": "Tea", "audience": audience(members), "arms": [arm()], "holdout_percent": 0}
    answer = admin.post("/campaigns", body | given)
    assert answer.status_code == 201, answer.text
    return answer.get_json()["id"]


def launch(admin: Api, members, **given: Any) -> str:
    found = make(admin, members, **given)
    assert admin.post(f"/campaigns/{found}/launch").status_code == 200
    return found


def test_a_campaign_is_made_in_five_steps_and_sent_by_typing_its_number(signed_in: As, admin: Api):
    members = crowd(7)
    group, out = audience(members, "Tea lovers"), audience(members[:2], "Staff")
    form = template()
    visitor = signed_in("marketer")
    fields = filled_in(visitor.get("/campaigns/new").text, "/campaigns")
    fields["/name"], fields["/audience"] = "White tea", group
    answer = visitor.post("/campaigns", fields)
    assert answer.status_code == 303, words(answer)
    path = answer.headers["Location"].removeprefix("/console").rsplit("/", 1)[0]
    found = path.split("/")[2]
    visitor.get(f"{path}/exclusions")
    answer = visitor.post(f"{path}/exclusions", {"/exclude": out, "/holdout_percent": "0"})
    assert answer.headers["Location"].endswith("/steps/offer"), words(answer)
    offer = {"/arms/0/template": form, "/arms/0/points": "20", "/arms/0/weight": "1"}
    answer = visitor.post(f"{path}/offer", offer)
    assert answer.headers["Location"].endswith("/steps/schedule"), words(answer)
    answer = visitor.post(f"{path}/schedule", {"way": "now", "/attribution_days": "7"})
    assert answer.headers["Location"].endswith("/steps/review"), words(answer)

    page = visitor.get(f"{path}/review")
    said = words(page)
    assert "Tea lovers" in said
    assert "Excluded −2" in said
    assert "Will send 5" in said
    assert "Send 5 messages" in said
    answer = visitor.post(f"/campaigns/{found}/launch", {"expected": "5", "typed": "4"})
    assert answer.status_code == 422
    assert "Type 5, the number of messages" in words(answer)
    assert state(found) == "draft"
    answer = visitor.post(f"/campaigns/{found}/launch", {"expected": "5", "typed": "5"})
    assert answer.status_code == 303, words(answer)
    work(found)
    deliver()
    assert figures(found).sent == 5


def test_each_step_keeps_what_was_saved(signed_in: As, admin: Api, coupon_template):
    coupon = str(coupon_template())
    first, second = template(), template()
    found = make(
        admin, exclude=[audience([], "Staff")], budget=12_345, mode="live",
        arms=[arm(template=first, coupon_template=coupon, weight=3),
              arm(template=second, points=5)],
        schedule={"local_time": "10:00", "on": "2026-12-24", "if_past": "skip"},
    )  # fmt: skip
    visitor = signed_in("marketer")
    before = admin.get(f"/campaigns/{found}").get_json()
    for name in ("audience", "exclusions", "offer", "schedule"):
        path = f"/campaigns/{found}/steps/{name}"
        fields = filled_in(visitor.get(path).text, path)
        answer = visitor.post(path, fields)
        assert answer.status_code == 303, (name, words(answer))
    assert admin.get(f"/campaigns/{found}").get_json() == before


def test_one_moment_is_by_the_shops_clock(signed_in: As, admin: Api):
    found = make(admin)
    visitor = signed_in("marketer")
    path = f"/campaigns/{found}/steps/schedule"
    visitor.get(path)
    fields = {"way": "at", "/schedule/at": "2026-12-24T10:00", "/attribution_days": "14"}
    assert visitor.post(path, fields).status_code == 303
    kept = admin.get(f"/campaigns/{found}").get_json()["schedule"]
    assert kept == {"at": "2026-12-24T02:00:00Z"}


def test_a_mistake_stands_beside_its_field_and_nothing_is_saved(signed_in: As, admin: Api):
    found = make(admin)
    visitor = signed_in("marketer")
    path = f"/campaigns/{found}/steps/schedule"
    visitor.get(path)
    typed = {"way": "local", "/schedule/on": "2026-12-24", "/schedule/local_time": "soon"}
    answer = visitor.post(path, typed | {"/attribution_days": "x"})
    assert answer.status_code == 422
    assert "time of day such as 09:30" in words(answer)
    assert 'value="soon"' in answer.text
    assert admin.get(f"/campaigns/{found}").get_json()["schedule"] == {"now": True}


def test_a_moment_that_is_over_is_refused_beside_its_field(signed_in: As, admin: Api):
    found = make(admin)
    visitor = signed_in("marketer")
    path = f"/campaigns/{found}/steps/schedule"
    visitor.get(path)
    fields = {"way": "at", "/schedule/at": "2020-01-01T10:00", "/attribution_days": "14"}
    answer = visitor.post(path, fields)
    assert answer.status_code in (409, 422)
    assert 'id="f-schedule-at-wrong"' in answer.text
    assert admin.get(f"/campaigns/{found}").get_json()["schedule"] == {"now": True}


def test_a_mistake_of_an_offer_stands_at_its_own_arm(signed_in: As, admin: Api):
    found, form = make(admin), template()
    before = admin.get(f"/campaigns/{found}").get_json()
    visitor = signed_in("marketer")
    path = f"/campaigns/{found}/steps/offer"
    visitor.get(path)
    second = {"/arms/1/template": form, "/arms/1/points": "many", "/arms/1/weight": "1"}
    answer = visitor.post(path, second)
    assert answer.status_code == 422
    assert 'id="f-arms-1-points-wrong"' in answer.text
    assert 'id="f-arms-0-points-wrong"' not in answer.text
    lacking = {"/arms/0/template": form, "/arms/0/weight": "1", "/arms/2/points": "50"}
    answer = visitor.post(path, {"/arms/0/points": "0", **lacking, "/arms/2/weight": "1"})
    assert answer.status_code == 422  # points without a message that tells of them
    assert 'id="f-arms-2-template-wrong"' in answer.text
    assert admin.get(f"/campaigns/{found}").get_json() == before


@pytest.mark.parametrize("expected", ["", "abc", "²", "9" * 5000])
def test_a_launch_that_does_not_say_what_was_shown_sends_nothing(
    signed_in: As, admin: Api, expected: str
):
    found = make(admin, crowd(2))
    visitor = signed_in("marketer")
    visitor.get(f"/campaigns/{found}/steps/review")
    fields = {"expected": expected, "typed": expected}
    answer = visitor.post(f"/campaigns/{found}/launch", fields)
    assert answer.status_code == 422
    assert "Open the form anew" in words(answer)
    assert state(found) == "draft"


def test_the_waterfall_is_beside_every_step(signed_in: As, admin: Api):
    found = make(admin, crowd(6))
    visitor = signed_in("marketer")
    for name in ("audience", "exclusions", "offer", "schedule"):
        page = visitor.get(f"/campaigns/{found}/steps/{name}")
        assert f"/console/campaigns/{found}/waterfall" in page.text
    assert "Will send 6" in words(visitor.get(f"/campaigns/{found}/waterfall"))
    admin.patch(f"/campaigns/{found}", {"arms": []})
    said = words(visitor.get(f"/campaigns/{found}/waterfall"))
    assert "Audience 6" in said
    assert "Who can be reached shows" in said


def test_what_a_draft_lacks_is_said_at_the_review(signed_in: As, admin: Api):
    found = make(admin, arms=[])
    said = words(signed_in("marketer").get(f"/campaigns/{found}/steps/review"))
    assert "Choose what is sent." in said


def test_above_the_limit_the_button_asks_somebody_else(signed_in: As, admin: Api):
    admin.put("/campaign-policy", {"approval": {"recipients": 2}})
    found = make(admin, crowd(3))
    visitor = signed_in("marketer")
    said = words(visitor.get(f"/campaigns/{found}/steps/review"))
    assert "Ask for approval of 3 messages" in said
    answer = visitor.post(f"/campaigns/{found}/launch", {"expected": "3", "ask": "1"})
    assert answer.status_code == 303
    assert state(found) == "draft"
    assert "waits for approval" in words(visitor.get("/campaigns"))
    manager = signed_in("manager")
    page = manager.get("/approvals")
    assert "Launch Tea; number of messages: 3" in words(page)
    asked = admin.get(f"/campaigns/{found}").get_json()["approval"]
    assert manager.post(f"/approvals/{asked}/approve").status_code == 303
    assert state(found) == "launching"


def test_a_run_is_watched_paused_resumed_and_cancelled(signed_in: As, admin: Api):
    found = launch(admin, crowd(8))
    visitor = signed_in("marketer")
    path = f"/campaigns/{found}"
    work(found)
    page = visitor.get(path)
    assert "being sent now" in words(page)
    assert "every 2s" in page.text
    fragment = words(visitor.get(f"{path}/progress", {"state": "running"}))
    assert "Still to come 8 100.0%" in fragment
    assert "Planned 8" in fragment
    assert visitor.post(f"{path}/pause").status_code == 303
    assert "Go on with the remaining 8" in words(visitor.get(path))
    assert visitor.post(f"{path}/resume").status_code == 303
    answer = visitor.post(f"{path}/cancel", {"expected": "8", "typed": "7"})
    assert answer.status_code == 422
    assert "Type 8, the number of messages still to come" in words(answer)
    assert state(found) == "running"
    assert visitor.post(f"{path}/cancel", {"expected": "8", "typed": "8"}).status_code == 303
    work(found)
    assert "Cancelled 8" in words(visitor.get(path))


def test_at_its_end_the_page_is_loaded_again_and_asks_no_more(signed_in: As, admin: Api):
    found = launch(admin, crowd(1))
    work(found)
    deliver()
    work(found)
    visitor = signed_in("analyst")
    answer = visitor.get(f"/campaigns/{found}/progress", {"state": "running"})
    assert answer.headers["HX-Refresh"] == "true"
    assert "every 2s" not in visitor.get(f"/campaigns/{found}").text


def test_why_some_got_nothing_leads_to_who_they_are(signed_in: As, admin: Api):
    found = launch(admin, [*crowd(2), *crowd(1, consents=[])])
    work(found)
    visitor = signed_in("analyst")
    page = visitor.get(f"/campaigns/{found}")
    assert "Wants no such messages" in words(page)
    listed = visitor.get(
        f"/campaigns/{found}/recipients", {"state": "suppressed", "reason": "opted_out"}
    )
    assert words(listed).count("Look at it") == 1


def test_a_copy_is_a_draft_that_says_the_same(signed_in: As, admin: Api):
    found = launch(admin, crowd(1))
    visitor = signed_in("marketer")
    visitor.get(f"/campaigns/{found}")
    answer = visitor.post(f"/campaigns/{found}/copy")
    made = answer.headers["Location"].split("/")[3]
    copy = admin.get(f"/campaigns/{made}").get_json()
    old = admin.get(f"/campaigns/{found}").get_json()
    assert (copy["state"], copy["name"]) == ("draft", "Tea, again")
    assert (copy["audience"], copy["arms"][0]["template"]) == (
        old["audience"], old["arms"][0]["template"],
    )  # fmt: skip


def test_the_calendar_shows_what_begins_on_which_day(signed_in: As, admin: Api):
    launch(admin, crowd(1), name="Today")
    make(admin, name="Christmas", schedule={"at": "2026-12-23T22:00:00Z"})
    visitor = signed_in("analyst")
    page = visitor.get("/campaigns/calendar")
    assert "Today" in words(page)
    assert "Christmas" not in words(page)
    december = visitor.get("/campaigns/calendar", {"month": "2026-12"})
    day = december.text.split('datetime="2026-12-24"')[1].split("</td>")[0]
    assert "Christmas" in day
    assert visitor.get("/campaigns/calendar", {"month": "never"}).status_code == 200


def test_the_calendar_shows_journeys_that_are_on(signed_in: As, admin: Api):
    visitor = signed_in("marketer")
    assert "Member day" not in words(visitor.get("/campaigns/calendar"))
    body = {"enabled": True, "settings": {"days_of_month": [8], "template": template()}}
    answer = admin.patch("/journeys/member_day", body)
    assert answer.status_code == 200, answer.text
    page = visitor.get("/campaigns/calendar", {"month": "2026-12"})
    day = page.text.split('datetime="2026-12-08"')[1].split("</td>")[0]
    assert "Member day" in day
    assert words(page).count("Member day") == 1


def test_a_run_leads_to_its_report_and_its_recipients(signed_in: As, admin: Api):
    found = launch(admin, crowd(1))
    page = signed_in("analyst").get(f"/campaigns/{found}")
    for place in ("report", "recipients"):
        assert f'href="/console/campaigns/{found}/{place}"' in page.text


def test_limits_are_changed_by_who_may(signed_in: As, admin: Api):
    visitor = signed_in("manager")
    fields = filled_in(visitor.get("/campaigns/limits").text, "/campaigns/limits")
    fields["/approval/recipients"], fields["/approval/cost"] = "50", ""
    assert visitor.post("/campaigns/limits", fields).status_code == 303
    kept = admin.get("/campaign-policy").get_json()["approval"]
    assert kept == {"recipients": 50, "cost": None}
    assert signed_in("marketer").get("/campaigns/limits").status_code == 403


@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [("clerk", False, False), ("analyst", True, False), ("manager", True, False),
     ("marketer", True, True), ("admin", True, True)],
)  # fmt: skip
def test_who_sees_and_who_makes_campaigns(signed_in: As, admin: Api, role, reads, writes):
    found = launch(admin, crowd(1))
    visitor = signed_in(role)
    assert (visitor.get("/campaigns").status_code == 200) is reads
    assert (visitor.get(f"/campaigns/{found}").status_code == 200) is reads
    assert (visitor.get("/campaigns/new").status_code == 200) is writes
    if reads:
        assert ("New campaign" in words(visitor.get("/campaigns"))) is writes


@pytest.mark.parametrize("locale", ["en", "zh-Hans", "zh-Hant"])
def test_names_are_never_markup(signed_in: As, admin: Api, locale: str):
    evil = "<script>alert(1)</script>"
    members = crowd(2)
    found = make(admin, members, name=evil)
    db.session.get(Audience, drafts.get(UUID(found)).audience_id).name = evil
    db.session.commit()
    visitor = signed_in("admin", locale)

    admin.post(f"/campaigns/{found}/launch")
    work(found)
    other = make(admin, members, name=evil)
    paths = ["", f"/{found}", f"/{found}/recipients", "/calendar", f"/{other}/steps/review",
             f"/{other}/steps/audience", f"/{other}/steps/exclusions"]  # fmt: skip
    for path in paths:
        page = visitor.get(f"/campaigns{path}")
        assert page.status_code == 200, path
        assert evil not in page.text, path


def shown_in_frame(page, visitor: Visitor):
    """What the preview's frame shows at first."""
    found = re.search(r'<iframe class="r-preview[^>]* src="([^"]+)"', page.text)
    assert found, "the page has no preview"
    return visitor.get(html.unescape(found[1]).removeprefix("/console"))


def test_each_arm_is_shown_on_a_member_with_what_it_would_bring(
    signed_in: As, admin: Api, coupon_template
):
    members = crowd(3)
    coupon = str(coupon_template(kind="amount", value=2_000, min_basis=None))
    plain = template(text_="Plain for {{ member.member_no }}")
    lacking = template(text_="{{ coupon.value }} from {{ coupon.min_basis }}, {{ points.amount }}")
    found = make(
        admin, members, arms=[arm(template=plain), arm(template=lacking, coupon_template=coupon)]
    )
    visitor = signed_in("marketer")
    page = visitor.get(f"/campaigns/{found}/steps/review")
    first = shown_in_frame(page, visitor)
    numbers = {str(db.session.get_one(Member, one).member_no) for one in members}
    assert any(f"Plain for {no}" in words(first) for no in numbers), words(first)
    assert first.headers["Content-Security-Policy"].startswith("default-src 'none'")

    tried = {"arm": "2", "member": f"c{min(numbers)}@crowd.test"}
    said = words(visitor.post(f"/campaigns/{found}/preview", tried))
    assert "20.00 from" in said
    assert "Missing for this member: coupon.min_basis, points.amount" in said
    checked = words(page)
    assert "The message names coupon.min_basis, and nobody has it." in checked
    assert visitor.post(f"/campaigns/{found}/preview", {"arm": "3"}).status_code == 404
    assert "No member has this number" in words(
        visitor.post(f"/campaigns/{found}/preview", {"member": "nobody@crowd.test"})
    )


def test_a_test_of_an_arm_goes_to_ones_own_address_alone(
    signed_in: As, admin: Api, coupon_template
):
    (member,) = crowd(1)
    coupon = str(coupon_template(kind="amount", value=2_000))
    saying = template(text_="For {{ coupon.value }}")
    found = make(
        admin, [member],
        arms=[arm(), arm(template=saying, coupon_template=coupon)],
    )  # fmt: skip
    visitor = signed_in("marketer")
    page = f"/campaigns/{found}/steps/review"
    fields = dict(filled_in(visitor.get(page).text, f"/campaigns/{found}/test").items())
    answer = visitor.post(f"/campaigns/{found}/test", fields | {"arm": "2"})
    assert answer.status_code == 422
    assert "Say to which address the test goes." in words(answer)
    assert 'id="trial-to-wrong"' in answer.text
    answer = visitor.post(
        f"/campaigns/{found}/test", fields | {"arm": "2", "to": "me@shop.test", "member": "?"}
    )
    assert "No member has this number" in words(answer)
    assert 'value="me@shop.test"' in answer.text

    answer = visitor.post(f"/campaigns/{found}/test", fields | {"arm": "2", "to": "me@shop.test"})
    assert answer.status_code == 303, words(answer)
    assert "The test is on its way." in words(visitor.get(f"{page}?tested=1"))
    deliver()
    (sent,) = db.session.scalars(select(SandboxMessage))
    assert sent.address == "me@shop.test"
    assert (sent.text or "").startswith("For CN¥20.00")
    assert state(found) == "draft"
    assert db.session.scalar(select(func.count()).select_from(Coupon)) == 0


def test_a_launched_campaign_is_shown_and_tested_as_it_was_launched(signed_in: As, admin: Api):
    form = template(text_="As launched")
    found = launch(admin, crowd(2), arms=[arm(template=form)])
    work(found)
    body = {"languages": {"en": {"subject": "Hi", "text": "Changed since"}}, "version": 1}
    assert admin.put(f"/templates/{form}", body).status_code == 200
    visitor = signed_in("marketer")
    page = visitor.get(f"/campaigns/{found}")
    assert "As launched" in words(shown_in_frame(page, visitor))
    fields = dict(filled_in(page.text, f"/campaigns/{found}/test").items())
    answer = visitor.post(f"/campaigns/{found}/test", fields | {"to": "me@shop.test"})
    assert answer.status_code == 303, words(answer)
    deliver()
    sent = db.session.scalars(select(SandboxMessage).filter_by(address="me@shop.test")).one()
    assert (sent.text or "").startswith("As launched")


def test_who_may_write_no_templates_sees_the_preview_and_sends_no_test(signed_in: As, admin: Api):
    found = launch(admin, crowd(2))
    visitor = signed_in("analyst")
    work(found)
    page = visitor.get(f"/campaigns/{found}")
    assert "Come and see us" in words(shown_in_frame(page, visitor))
    assert "Send the test" not in words(page)
    assert visitor.post(f"/campaigns/{found}/test", {"to": "me@shop.test"}).status_code == 403


def test_one_message_is_one_message(signed_in: As, admin: Api):
    found = make(admin, crowd(1))
    visitor = signed_in("marketer")
    page = words(visitor.get(f"/campaigns/{found}/steps/review"))
    assert "Send 1 message " in page
    assert "1 messages" not in page
    assert admin.post(f"/campaigns/{found}/launch").status_code == 200
    work(found)
    page = words(visitor.get(f"/campaigns/{found}"))
    assert "0% of 1 member " in page
    assert "Cancel 1 message " in page
    assert not re.search(r"\b1 (messages|members)\b", page)
    assert "发送 1 条" in words(
        signed_in("admin", "zh-Hans").get(f"/campaigns/{make(admin, crowd(1))}/steps/review")
    )
