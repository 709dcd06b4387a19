"""The liability page: figures in points and money, months of expiry, what will lapse unused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from api_client import Api
from shop import Shop
from sqlalchemy import text
from visitor import Visitor, words

from crm import clock
from crm.console import formats
from crm.db import db
from crm.points import breakage

As = Callable[..., Visitor]
GIVE = text("""
    SELECT (points_give(CAST(:member AS uuid), 'award', 10, :at, 'award:custom', n::text, :at,
                        :until, NULL, NULL, NULL, points_open(CAST(:member AS uuid)),
                        uuidv7())).seq
    FROM generate_series(1, :lots) n
""")


def give_finished(member_id: str, lots: int) -> None:
    """Lots that lapsed last year, whole."""
    at = datetime(2025, 1, 1, tzinfo=UTC)
    given = {"member": member_id, "at": at, "until": at + timedelta(days=30), "lots": lots}
    db.session.execute(GIVE, given)
    db.session.commit()


def test_what_is_owed_stands_there_in_points_and_in_money(signed_in: As, shop: Shop, admin: Api):
    told = admin.get("/points/liability").get_json()
    page = words(signed_in("manager").get("/liability"))
    for name, said in (("outstanding", "Owed in all"), ("pending", "Pending"), ("held", "Held")):
        value = told[name]["value"]
        money = formats.money(value["amount"], value["currency"])
        assert f"{said} {told[name]['points']:,} {money}" in page
    assert told["outstanding"]["points"] > 0
    assert "Too early to tell: 0 lots have come to their end so far, and 200 are needed." in page


def test_every_month_of_expiry_is_drawn_and_in_the_table(signed_in: As, shop: Shop, admin: Api):
    told = admin.get("/points/liability").get_json()
    page = signed_in("manager").get("/liability")
    assert 'role="img"' in page.text
    for row in told["expiring"]:
        assert page.text.count(f"{row['points']:,}") >= 2, "once in the chart, once in the table"


def test_with_enough_history_the_page_says_what_will_probably_lapse(
    signed_in: As, shop: Shop, admin: Api
):
    give_finished(shop.nobody, breakage.LEAST_LOTS)
    told = admin.get("/points/liability").get_json()
    page = words(signed_in("manager").get("/liability"))
    assert told["breakage"]["status"] == "estimated"
    assert f"Will probably be used {told['expected_redemption']['points']:,}" in page
    assert f"Told from {told['breakage']['lots']} lots" in page


def test_the_page_shows_another_day_and_what_was_is_as_it_was(
    signed_in: As, shop: Shop, admin: Api
):
    visitor = signed_in("manager")
    page = words(visitor.get("/liability", {"as_of": "2001-02-03"}))
    assert "at the end of 2001-02-03" in page
    assert "Owed in all 0 ¥0.00" in page
    day = (clock.now() + timedelta(days=40)).date().isoformat()
    assert f"at the end of {day}, if nothing happens" in words(
        visitor.get("/liability", {"as_of": day})
    )


@pytest.mark.parametrize("day", ["soon", "2026-02-30", "1969-12-31", "2200-01-01"])
def test_a_day_that_is_none_is_said_beside_the_field(signed_in: As, shop: Shop, day: str):
    answer = signed_in("manager").get("/liability", {"as_of": day})
    assert answer.status_code == 422
    assert 'id="as-of-wrong"' in answer.text
    assert "Owed in all" in words(answer)


def test_another_question_than_the_day_is_refused(signed_in: As):
    assert signed_in("manager").get("/liability", {"since": "1"}).status_code == 422


def test_clerks_do_not_see_it(signed_in: As):
    visitor = signed_in("clerk")
    assert visitor.get("/liability").status_code == 403
    assert "Liability" not in words(visitor.get("/help"))


@pytest.mark.parametrize(("locale", "said"), [("zh-Hans", "积分负债"), ("zh-Hant", "點數負債")])
def test_it_is_told_in_the_readers_language(signed_in: As, shop: Shop, locale: str, said: str):
    assert said in words(signed_in("admin", locale).get("/liability"))
