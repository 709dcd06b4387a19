"""Every page can be used by everyone: axe-core finds nothing, in both themes; nothing overflows."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from shop import Served

Opened = Callable[..., Page]
PAGES = {
    "sign-in": "/console/sign-in",
    "till": "/console/till",
    "member": "/console/members/{lin}",
    "member without history": "/console/members/{nobody}",
    "ledger": "/console/members/{lin}/ledger",
    "entry": "/console/members/{lin}/ledger/1",
    "order": "/console/members/{lin}/ledger",
    "coupons": "/console/coupons",
    "coupon": "/console/coupons/{coupon}",
    "kinds of coupons": "/console/coupons/new",
    "new coupon": "/console/coupons/new?kind=percent",
    "change a coupon": "/console/coupons/{coupon}/edit",
    "check a coupon": "/console/coupons/check",
    "templates": "/console/templates",
    "template": "/console/templates/{template}",
    "kinds of templates": "/console/templates/new",
    "new template": "/console/templates/new?channel=email&purpose=marketing",
    "new text message": "/console/templates/new?channel=sms&purpose=service",
    "report of a campaign": "/console/campaigns/{campaign}/report",
    "messages": "/console/messages",
    "message": "/console/messages/{message}",
    "a member's messages": "/console/members/{lin}/messages",
    "campaigns": "/console/campaigns",
    "campaign": "/console/campaigns/{waiting}",
    "recipients": "/console/campaigns/{waiting}/recipients",
    "new campaign": "/console/campaigns/new",
    "campaign, audience": "/console/campaigns/{draft}/steps/audience",
    "campaign, exclusions": "/console/campaigns/{draft}/steps/exclusions",
    "campaign, offer": "/console/campaigns/{draft}/steps/offer",
    "campaign, schedule": "/console/campaigns/{draft}/steps/schedule",
    "campaign, review": "/console/campaigns/{draft}/steps/review",
    "calendar of campaigns": "/console/campaigns/calendar?month=2099-01",
    "limits of campaigns": "/console/campaigns/limits",
    "journeys": "/console/journeys",
    "journey": "/console/journeys/birthday?day=2026-11-22",
    "segments": "/console/segments",
    "segment": "/console/segments/prospects",
    "audiences": "/console/audiences",
    "audience": "/console/audiences/{audience}",
    "list of members": "/console/audiences/{guests}",
    "new audience": "/console/audiences/new",
    "change an audience": "/console/audiences/{audience}/edit",
    "calculations of the segments": "/console/segments/runs",
    "programme": "/console/programme",
    "ladder": "/console/programme/tiers",
    "version of the ladder": "/console/programme/tiers/versions/1",
    "rules": "/console/programme/rules",
    "rule": "/console/programme/rules",
    "kinds of rules": "/console/programme/rules/new",
    "new rule": "/console/programme/rules/new?kind=rate",
    "settings": "/console/programme/settings",
    "version of the settings": "/console/programme/settings/versions/1",
    "developers": "/console/developers",
    "tasks": "/console/tasks",
    "trust": "/console/trust",
    "liability": "/console/liability",
    "adjust": "/console/members/{lin}/adjust",
    "give back": "/console/members/{lin}/spent/{spent}/reverse",
    "merge": "/console/members/{lin}/merge",
    "merge, both records": "/console/members/{lin}/merge?with={nobody}",
    "rewards": "/console/rewards",
    "reward": "/console/rewards/{reward}",
    "kinds of rewards": "/console/rewards/new",
    "new reward": "/console/rewards/new?kind=coupon",
    "a member's rewards": "/console/members/{evil}/rewards",
    "a member who redeemed": "/console/members/{evil}",
    "approvals": "/console/approvals",
    "approvals history": "/console/approvals/history",
    "referrals": "/console/referrals",
    "cases": "/console/cases?show=open",
    "case": "/console/cases/{case}",
    "open a case": "/console/members/{lin}/cases/new",
    "satisfaction": "/console/surveys",
    "survey": "/s/{survey}",
    "survey that is no more": "/s/x",
    "account": "/console/account",
    "password": "/console/account/password",
    "help": "/console/help",
    "not found": "/console/nowhere",
}
VIEWPORTS = {"desk": (1440, 900), "tablet": (820, 1180), "phone": (390, 844)}


def show(page: Page, name: str, served: Served) -> None:
    """Bring a page to rest, with what it fetches by itself."""
    page.goto(PAGES[name].format(**vars(served.shop)))
    if name == "till":
        page.fill("#find", "4471")
        page.wait_for_selector("#glance .r-figure")
    if name == "order":
        page.click("text=JA-2 >> nth=0")
        page.wait_for_selector("#why-points")
    if name == "rule":
        page.click("main tbody a")
        page.wait_for_url("**/programme/rules/*-*")
        page.wait_for_load_state()
    if name == "new audience":
        page.wait_for_selector("#count li")
    if name == "change an audience":
        page.wait_for_selector("#count #sample")
    if name == "new rule":
        page.wait_for_selector("#preview li")
    if name.startswith("campaign, ") and name != "campaign, review":
        page.wait_for_selector("aside .r-waterfall")
    if name == "journeys":
        page.wait_for_selector("main tbody:not([aria-busy])")
    if name == "trust":
        page.wait_for_selector(".r-checks")


def is_stranger(name: str) -> bool:
    return name == "sign-in" or name.startswith("survey")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(opened: Opened, served: Served, name: str, theme: str):
    role = None if is_stranger(name) else "admin"
    page = opened(role, color_scheme=theme)
    show(page, name, served)
    for details in page.query_selector_all("main details:not([open]) > summary"):
        details.click()
    if not is_stranger(name):
        page.click("[data-menu] summary")  # last: it lies over what is beneath
    found = Axe().run(page).response["violations"]
    told = [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found]
    assert told == []


@pytest.mark.parametrize("viewport", VIEWPORTS)
@pytest.mark.parametrize("locale", ["en", "zh-Hans", "zh-Hant"])
def test_nothing_is_wider_than_the_screen(
    opened: Opened, served: Served, locale: str, viewport: str
):
    width, height = VIEWPORTS[viewport]
    size = {"width": width, "height": height}
    insider, stranger = opened("admin", locale, viewport=size), opened(None, locale, viewport=size)
    for name in PAGES:
        page = stranger if is_stranger(name) else insider
        show(page, name, served)
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, (name, wide)
