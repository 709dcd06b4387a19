"""The console by keyboard, as it types, goes back and loses its session; and without scripts."""

import re
from collections.abc import Callable

from flask import Flask
from playwright.sync_api import Page, expect
from shop import Served
from visitor import PASSWORD

from crm import clock
from crm.auth import sessions
from crm.db import db, transaction
from crm.segments import runs, work
from crm.segments.models import SegmentationRun

Opened = Callable[..., Page]


def test_hits_come_while_one_types_and_the_keys_choose_and_open(opened: Opened, served: Served):
    page = opened("clerk")
    page.goto("/console/till")
    page.keyboard.type("4471")
    expect(page.locator("#find-said")).to_contain_text("3 members")
    first, second = page.locator("#hit-1"), page.locator("#hit-2")
    expect(first).to_have_attribute("aria-selected", "true")
    expect(page.locator("#find")).to_have_attribute("aria-activedescendant", "hit-1")
    page.keyboard.press("ArrowDown")
    expect(second).to_have_attribute("aria-selected", "true")
    expect(first).to_have_attribute("aria-selected", "false")
    expect(page.locator("#glance h2")).to_have_text(second.locator(".r-row__name").inner_text())
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#hit-3")).to_have_attribute("aria-selected", "true")
    address = page.locator("#hit-3").get_attribute("href")
    page.keyboard.press("Enter")
    expect(page).to_have_url(served.address + (address or ""))


def test_alt_and_a_digit_open_that_row_and_escape_clears(opened: Opened, served: Served):
    page = opened("clerk")
    page.goto("/console/till")
    page.keyboard.type("4471")
    expect(page.locator("#hit-2")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#hit-2")).to_have_count(0)
    expect(page.locator("#find")).to_have_value("")
    page.keyboard.type("4471")
    address = page.locator("#hit-2").get_attribute("href")
    page.keyboard.press("Alt+Digit2")
    expect(page).to_have_url(served.address + (address or ""))


def test_back_from_a_member_shows_the_list_again_and_no_address_holds_what_was_typed(
    opened: Opened, served: Served
):
    page = opened("clerk")
    page.goto("/console/till")
    page.keyboard.type("4471")
    page.locator("#hit-1").click()
    page.wait_for_url("**/members/*")
    page.go_back()
    expect(page.locator("#find")).to_have_value("4471")
    expect(page.locator("#hit-3")).to_be_visible()
    assert page.url == f"{served.address}/console/till"


def test_a_scan_opens_its_member_before_the_list_could_come(opened: Opened, served: Served):
    page = opened("clerk")
    page.goto("/console/till")
    page.locator("h1").click()  # the scanner's focus is anywhere
    page.keyboard.type("13812344471\n", delay=1)
    expect(page).to_have_url(f"{served.address}/console/members/{served.shop.lin}")


def test_the_slash_leads_to_the_search_box_but_not_while_one_types(opened: Opened, served: Served):
    page = opened("manager")
    page.goto("/console/segments")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("JA/2")
    expect(page.locator("#q")).to_have_value("JA/2")
    page.fill("#q", "JA-2")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{served.address}/console/members/{served.shop.lin}")


def test_a_menu_opens_and_closes_by_keyboard(opened: Opened):
    page = opened("admin")
    page.goto("/console/help")
    menu = page.locator("details[data-menu]")
    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(menu).to_have_attribute("open", "")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(menu.locator("summary")).to_be_focused()


def test_the_language_is_changed_from_the_menu_and_one_stays_on_the_page(
    opened: Opened, served: Served
):
    page = opened("analyst")
    page.goto("/console/segments")
    page.click("[data-menu] summary")
    page.click("button[name=locale][value=zh-Hant]")
    expect(page.locator("h1")).to_have_text("分群")
    assert page.url == f"{served.address}/console/segments"


def test_a_phone_number_is_shown_in_place(opened: Opened, served: Served):
    page = opened("manager")
    page.goto(f"/console/members/{served.shop.lin}")
    expect(page.locator("#contacts")).to_contain_text("138 •••• 4471")
    page.click("#contacts button")
    expect(page.locator("#contacts")).to_contain_text("+8613812344471")
    expect(page.locator("#contacts button")).to_have_count(0)


def test_a_session_that_ends_while_one_types_leads_to_the_sign_in_page(
    opened: Opened, served: Served, shop_app: Flask
):
    page = opened(None)
    page.goto("/console/sign-in")
    page.fill("#email", "marketer@shop.example")
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url("**/till")
    token = next(one for one in page.context.cookies() if one["name"] == "regulars_staff")["value"]
    with shop_app.app_context(), transaction():
        sessions.end(token, clock.now())
    page.fill("#find", "4471")
    page.wait_for_url("**/sign-in?**")
    expect(page.locator("form.r-panel")).to_contain_text("You were signed out")
    page.fill("#email", "marketer@shop.example")
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    expect(page).to_have_url(f"{served.address}/console/till")


def test_a_run_is_watched_until_it_is_done(opened: Opened, shop_app: Flask):
    page = opened("marketer")
    page.goto("/console/segments")
    page.get_by_role("button", name="Calculate again").click()
    expect(page.locator("[role=status]")).to_have_text("It waits for a worker.")
    with shop_app.app_context():
        queued = db.session.query(SegmentationRun).filter_by(state="queued").one()
        work.perform(queued.id)
        assert runs.get(queued.id).state == "done"
        db.session.remove()
    expect(page.get_by_role("button", name="Calculate again")).to_be_visible(timeout=10_000)


def test_all_of_it_works_without_scripts(opened: Opened, served: Served):
    page = opened(None, java_script_enabled=False)
    page.goto("/console/sign-in")
    page.fill("#email", "manager@shop.example")
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.fill("#find", "4471")
    page.press("#find", "Enter")
    expect(page.locator("#find-said")).to_contain_text("3 members")
    page.get_by_role("option").filter(has_text="林晓雯").click()
    expect(page.locator("h1")).to_have_text("林晓雯")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#contacts")).to_contain_text("+8613812344471")
    page.goto("/console/trust")
    page.get_by_role("link", name="Check it now").click()
    expect(page.locator("main")).to_contain_text(re.compile("Everything adds up"))
    page.click("[data-menu] summary")
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{served.address}/console/sign-in")
