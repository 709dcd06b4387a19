"""Adjusting points at the console: the form says what will happen, and it happens once."""

import re
from collections.abc import Callable

import pytest
from api_client import Api
from sqlalchemy import text
from visitor import Visitor, words

from crm.db import db
from crm.points import check

As = Callable[..., Visitor]
FORM = {"points": "150", "reason_code": "goodwill", "note": "late parcel", "member_text": ""}


def fill(visitor: Visitor, member: str, **fields: str):
    """Open the member's page, fill in the form that stands on it, and send it."""
    page = visitor.get(f"/members/{member}").text
    found = re.search(r'name="id" value="([0-9a-f-]{36})"', page)
    assert found, "no form on the page"
    return visitor.post(f"/members/{member}/adjust", FORM | {"id": found[1]} | fields)


def available(admin: Api, member: str) -> int:
    return admin.get(f"/members/{member}/points").get_json()["available"]


def test_what_is_within_the_limit_takes_effect_at_once(signed_in: As, regular: str, admin: Api):
    clerk, before = signed_in("clerk"), available(admin, regular)
    answer = fill(clerk, regular, member_text="With our apologies")
    assert (answer.status_code, answer.location) == (
        303, f"/console/members/{regular}?adjusted=150",
    )  # fmt: skip
    page = words(clerk.get(f"/members/{regular}?adjusted=150"))
    assert "Adjusted by +150 points." in page
    assert "Adjusted: Goodwill" in page
    assert "With our apologies" in page
    assert "Up to 200 points at once, and 350 more today" in page
    assert available(admin, regular) == before + 150
    assert not check.run()


def test_what_is_above_the_limit_waits_and_is_said_to(signed_in: As, regular: str, admin: Api):
    clerk, before = signed_in("clerk"), available(admin, regular)
    answer = fill(clerk, regular, points="201")
    assert answer.location == f"/console/members/{regular}?asked=201"
    page = words(clerk.get(f"/members/{regular}?asked=201"))
    assert "Sent for approval: +201 points. Somebody else decides it." in page
    assert re.search(r"Waits for approval: \+201 points for member \d{10}: Goodwill", page)
    assert available(admin, regular) == before
    other = words(signed_in("clerk", "zh-Hans").get(f"/members/{regular}"))
    assert "等待审批" not in other, "what others asked for is seen by those who decide"
    assert "等待审批" in words(signed_in("manager", "zh-Hans").get(f"/members/{regular}"))


def test_a_form_sent_twice_counts_once(signed_in: As, regular: str, admin: Api):
    clerk, before = signed_in("clerk"), available(admin, regular)
    fields = FORM | {"id": "01900000-0000-7000-8000-00000000abcd"}
    clerk.get(f"/members/{regular}")
    for _ in range(2):
        assert clerk.post(f"/members/{regular}/adjust", fields).status_code == 303
    assert available(admin, regular) == before + 150
    changed = clerk.post(f"/members/{regular}/adjust", fields | {"points": "20"})
    assert changed.status_code == 422
    assert available(admin, regular) == before + 150


@pytest.mark.parametrize(
    ("typed", "points"),
    [("+50", 50), ("−50", -50), ("- 50", -50), ("１，000", 1000), ("1,000", 1000)],
)
def test_points_are_read_as_people_type_them(
    signed_in: As, regular: str, admin: Api, typed: str, points: int
):
    before = available(admin, regular)
    assert fill(signed_in("admin"), regular, points=typed).status_code == 303
    assert available(admin, regular) == before + points


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"points": ""}, "Give a whole number"),
        ({"points": "many"}, "Give a whole number"),
        ({"points": "0"}, "Give a whole number"),
        ({"points": "1.5"}, "Give a whole number"),
        ({"points": "9999999999999"}, "Give a whole number"),
        ({"points": "2000000000"}, "Give a whole number"),
        ({"reason_code": ""}, "Choose a reason."),
        ({"reason_code": "because"}, "Choose a reason."),
        ({"note": " "}, "at least 1 character"),
        ({"note": "x" * 501}, "at most 500 characters"),
        ({"member_text": "a\0b"}, "can't be stored"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(
    signed_in: As, regular: str, admin: Api, fields: dict[str, str], said: str
):
    before = available(admin, regular)
    answer = fill(signed_in("clerk"), regular, **({"note": "<b>kept</b>"} | fields))
    assert answer.status_code == 422
    assert said in words(answer)
    assert 'aria-invalid="true"' in answer.text
    assert answer.text.count("r-field--bad") == 1
    if "note" not in fields:
        assert "&lt;b&gt;kept&lt;/b&gt;" in answer.text
    assert available(admin, regular) == before


def test_too_few_points_are_said_with_their_number(signed_in: As, regular: str, admin: Api):
    before = available(admin, regular)
    answer = fill(signed_in("admin"), regular, points=str(-before - 1))
    assert answer.status_code == 422
    assert f"{before} are available; 1 missing" in words(answer).replace(",", "")
    assert available(admin, regular) == before


def test_the_forecast_says_what_will_happen(signed_in: As, regular: str, admin: Api):
    clerk, now = signed_in("clerk"), available(admin, regular)

    def said(points: str, visitor: Visitor = clerk) -> str:
        page = visitor.get(f"/members/{regular}/adjust/forecast", {"points": points})
        assert page.status_code == 200
        assert "<" not in page.text
        return page.text.replace(",", "")

    assert said("200") == f"Takes effect at once: {now} points to spend become {now + 200}."
    assert "second person" in said("201")
    assert said(str(-now - 1)) == f"Only {now} points can be spent so no more can be taken."
    for nothing in ("", "0", "x", "99999999999"):
        assert said(nothing) == ""
    assert "Takes effect at once" in said("900000", signed_in("admin"))
    fill(clerk, regular, points="200")
    fill(clerk, regular, points="200")
    assert "second person" in said("101")
    assert "Takes effect at once" in said("100")


def test_nobody_is_offered_his_own_member_record(signed_in: As, regular: str, admin: Api, person):
    visitor, before = signed_in("admin"), available(admin, regular)
    db.session.execute(text("UPDATE staff SET member_id = :id"), {"id": regular})
    db.session.commit()
    assert "adjust-points" not in visitor.get(f"/members/{regular}").text
    page = visitor.get(f"/members/{regular}/adjust")
    assert "your own member record" in words(page)
    assert "adjust-points" not in page.text
    visitor.get("/help")
    assert visitor.post(f"/members/{regular}/adjust", FORM).status_code == 403
    assert available(admin, regular) == before
    assert "adjust-points" in visitor.get(f"/members/{person()}").text


@pytest.mark.parametrize("role", ["analyst", "marketer"])
def test_roles_that_may_not_adjust_are_offered_nothing(signed_in: As, regular: str, role: str):
    visitor = signed_in(role)
    assert "adjust-points" not in visitor.get(f"/members/{regular}").text
    assert visitor.get(f"/members/{regular}/adjust").status_code == 403
    assert visitor.post(f"/members/{regular}/adjust", FORM).status_code == 403


def test_a_form_without_its_token_changes_nothing(signed_in: As, regular: str, admin: Api):
    clerk, before = signed_in("clerk"), available(admin, regular)
    answer = clerk.post(f"/members/{regular}/adjust", FORM | {"csrf_token": ""})
    assert answer.status_code == 400
    assert available(admin, regular) == before


def test_an_address_that_was_made_up_says_nothing(signed_in: As, regular: str):
    clerk = signed_in("clerk")
    for query in ("adjusted=<b>", "asked=", "adjusted=0", "asked=99999999999"):
        page = clerk.get(f"/members/{regular}?{query}")
        assert page.status_code == 200
        assert "r-note--good" not in page.text


def test_a_member_who_is_not_there_is_not_adjusted(signed_in: As, regular: str):
    clerk = signed_in("clerk")
    clerk.get(f"/members/{regular}")
    path = "/members/01900000-0000-7000-8000-00000000ffff/adjust"
    assert clerk.get(path).status_code == 404
    assert clerk.post(path, FORM).status_code == 404
    assert clerk.get(path + "/forecast?points=5").status_code == 404
