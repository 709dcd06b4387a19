"""The preview of a template follows what is typed, in a frame where nothing of it runs."""

from collections.abc import Callable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from shop import EVIL, Served

Opened = Callable[..., Page]


def test_the_preview_follows_what_is_typed_in_every_language(opened: Opened, served: Served):
    page = opened("marketer")
    page.goto(f"/console/templates/{served.shop.template}")
    preview = page.frame_locator("iframe[name=preview]")
    expect(preview.get_by_role("heading", name="English")).to_be_visible()
    page.fill("#member", "139 1234 4471")
    page.fill("#f-en-subject", "Draft for {{ member.name }}")
    expect(preview.get_by_text(f"Draft for {EVIL}")).to_be_visible()
    mail = preview.frame_locator("iframe >> nth=0")
    expect(mail.get_by_text(f"{EVIL}: [coupon.code]")).to_be_visible()
    page.fill("#f-en-subject", "{{ nope }}")
    expect(preview.get_by_text("there is no field nope")).to_be_visible()
    width = preview.locator("body").evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0


def test_the_preview_itself_can_be_used_by_everyone(opened: Opened, served: Served):
    page = opened("marketer")
    page.goto(f"/console/templates/{served.shop.template}/preview")
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found] == []


def test_without_scripts_the_button_shows_it(opened: Opened, served: Served):
    page = opened("marketer", java_script_enabled=False)
    page.goto(f"/console/templates/{served.shop.template}")
    page.fill("#f-en-subject", "By hand")
    page.click("text=Show it")
    expect(page.frame_locator("iframe[name=preview]").get_by_text("By hand")).to_be_visible()
