"""Editing the programme by keyboard, with the points beside it; and all of it without scripts."""

from collections.abc import Callable

from playwright.sync_api import Page, expect
from shop import Served

Opened = Callable[..., Page]


def test_the_points_of_a_draft_follow_while_one_types(opened: Opened):
    page = opened("marketer")
    page.goto("/console/programme/rules/new?kind=multiplier")
    expect(page.locator("#preview")).to_contain_text("Factor: This field is required.")
    page.fill('[name="/name"]', "Triple")
    page.fill('[name="/factor"]', "3")
    expect(page.locator("#preview .r-figure")).to_have_text("300 points")
    expect(page.locator("#preview")).to_contain_text("now it is 100")
    page.fill('[name="/cart/lines/0/unit_price"]', "50")
    expect(page.locator("#preview .r-figure")).to_have_text("150 points")
    page.get_by_role("checkbox", name="Gold").check()
    expect(page.locator("#preview")).to_contain_text("This rule gives nothing here.")
    page.get_by_label("The member’s tier").select_option("gold")
    expect(page.locator("#preview")).to_contain_text("this rule")
    page.focus('[name="/name"]')
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Triple")
    expect(page.locator("main")).to_contain_text("tiers Gold")
    page.get_by_text("End this rule").click()
    page.get_by_role("button", name="End it now").click()
    expect(page.locator("main .r-head")).to_contain_text("ended")


def test_a_mistake_is_said_first_and_has_the_focus(opened: Opened):
    page = opened("marketer")
    page.goto("/console/programme/settings")
    page.fill('[name="/pending/days"]', "soon")
    page.get_by_role("button", name="Save as a new version").click()
    expect(page.get_by_role("alert").first).to_contain_text("Nothing was saved yet")
    expect(page.get_by_role("alert").first).to_be_focused()
    field = page.locator('[name="/pending/days"]')
    expect(field).to_have_attribute("aria-invalid", "true")
    described = field.get_attribute("aria-describedby") or ""
    expect(page.locator(f"#{described.split()[0]}")).to_contain_text("whole number")


def test_enter_in_the_ladder_saves_and_moves_no_tier(opened: Opened):
    page = opened("marketer")
    page.goto("/console/programme/tiers")
    page.fill('[name="/tiers/1/name/en"]', "Copper")
    page.keyboard.press("Enter")
    expect(page.locator(".r-note--good")).to_contain_text("is in force")
    expect(page.locator("#t-1")).to_have_text("Copper")
    page.fill('[name="/tiers/1/name/en"]', "Bronze")
    page.keyboard.press("Enter")
    expect(page.locator("#t-1")).to_have_text("Bronze")


def test_choosing_a_kind_reads_it_alone(opened: Opened, served: Served):
    page = opened("clerk")
    page.goto(f"/console/members/{served.shop.lin}/ledger")
    page.select_option("#kind", "redeem")
    expect(page.locator("tr[id^=entry-]")).to_have_count(1)
    page.locator("tr[id^=entry-] summary").click()
    expect(page.locator("tr[id^=entry-]")).to_contain_text("Took 100 points from the lot of entry")


def test_a_rule_is_tried_and_made_without_scripts(opened: Opened):
    page = opened("marketer", java_script_enabled=False)
    page.goto("/console/programme/rules")
    page.get_by_role("link", name="New rule").click()
    page.get_by_role("link", name="Bonus for an order").click()
    page.fill('[name="/points"]', "7")
    page.fill('[name="/name"]', "Plain bonus")
    page.get_by_role("button", name="Work it out").click()
    expect(page.locator("#preview .r-figure")).to_have_text("107 points")
    page.get_by_role("button", name="Make the rule").click()
    expect(page.locator("h1")).to_have_text("Plain bonus")
    page.get_by_text("End this rule").click()
    page.get_by_role("button", name="End it now").click()
    expect(page.locator("main .r-head")).to_contain_text("ended")
