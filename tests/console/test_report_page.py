"""The report of a campaign: the finding first, the figures beneath, live while messages go."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from campaigning import buy, make_campaign, make_members
from clocks import set_to
from people import make
from visitor import Visitor, words

As = Callable[..., Visitor]
DUE = datetime(2026, 10, 1, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _later(rolled_back: None) -> None:
    set_to(DUE + 30 * DAY)


def two_arms(state: str = "done") -> str:
    """A campaign in which everybody of arm A buys for 80.00 and others for 40.00, give or take."""
    members = make_members(600, DUE - 300 * DAY)
    rows = {member: (n % 3, DUE) for n, member in enumerate(members)}
    amounts = [(8000 if arm == 1 else 4000) + 7 * n for n, (arm, _) in enumerate(rows.values())]
    buy(members, amounts, DUE + DAY, "in-")
    return str(make_campaign(rows, arms=2, state=state))


def test_the_finding_stands_first_with_its_interval(signed_in: As):
    page = words(signed_in("marketer").get(f"/campaigns/{two_arms()}/report"))
    assert "Incremental profit Made ¥" in page
    assert " more than doing nothing (¥" in page
    assert "Arm A brings more per member than each other arm." in page
    assert "Arm A 200 100.0% ¥16" in page, page
    assert "Holdout" in page


@pytest.mark.parametrize(
    ("locale", "said"),
    [("en", "Not enough data yet: about 10 days more"), ("zh-Hans", "数据还不够：大约还要 10 天"),
     ("zh-Hant", "資料還不夠：大約還要 10 天")],
)  # fmt: skip
def test_too_early_is_said_in_three_languages(signed_in: As, locale: str, said: str):
    set_to(DUE + 4 * DAY)
    page = signed_in("analyst", locale).get(f"/campaigns/{two_arms()}/report")
    assert said in words(page)
    assert 'id="effects-t"' not in page.text


def test_the_chart_has_its_figures_in_words_and_in_the_table(signed_in: As):
    page = signed_in("marketer").get(f"/campaigns/{two_arms()}/report")
    assert 'id="effects-d">Arm A: ¥' in page.text
    assert "95% interval" in page.text


def test_counts_are_asked_for_again_only_while_messages_go(signed_in: As):
    visitor = signed_in("marketer")
    done, going = two_arms(), str(make_campaign({make(): (1, DUE)}, state="running"))
    assert "hx-trigger" not in visitor.get(f"/campaigns/{done}/report/counts").text
    assert 'hx-trigger="every 3s"' in visitor.get(f"/campaigns/{going}/report/counts").text
    assert "counted while they go" in words(visitor.get(f"/campaigns/{going}/report"))


def test_a_campaign_without_arms_or_members_has_a_page_too(signed_in: As):
    page = words(signed_in("marketer").get(f"/campaigns/{make_campaign({})}/report"))
    assert "Nothing to tell yet: nobody’s time has come" in page


def test_who_may_not_see_campaigns_does_not_see_their_reports(signed_in: As):
    assert signed_in("marketer").get(f"/campaigns/{uuid4()}/report").status_code == 404
    clerk = signed_in("clerk")
    assert clerk.get(f"/campaigns/{make_campaign({})}/report").status_code in (403, 404)
