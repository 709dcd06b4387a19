"""The builder of audiences with scripts: it changes in place, counts, obeys the keyboard."""

from collections.abc import Callable

from playwright.sync_api import Page
from shop import Served

Opened = Callable[..., Page]


def test_the_form_changes_in_place_and_the_count_follows(opened: Opened, served: Served):
    page = opened("marketer")
    page.goto("/console/audiences/new")
    page.wait_for_selector("#count li")
    page.focus("#field-0-0")
    page.select_option("#field-0-0", "tags")
    page.wait_for_selector("#op-0-0 option[value=has]", state="attached")
    assert page.evaluate("document.activeElement.id") == "field-0-0", "focus stays where it was"
    page.select_option("#value-0-0", "礼盒客")
    page.wait_for_selector("#count [data-counted]")
    assert page.inner_text("#count [data-counted]") == "1"
    page.wait_for_selector("#count #sample")
    page.focus("#add-0")
    page.keyboard.press("Enter")
    page.wait_for_selector("#field-0-1")
    assert page.evaluate("document.activeElement.id") == "add-0"
    page.click("button[value='remove:0.1']")
    page.wait_for_selector("#field-0-1", state="detached")
    page.wait_for_selector("#count [data-counted]")


def test_enter_in_a_field_saves_the_audience(opened: Opened, served: Served):
    page = opened("marketer")
    page.goto("/console/audiences/new")
    page.wait_for_selector("#count li")
    page.select_option("#value-0-0", "prospects")
    page.fill("#name", "Prospects by Enter")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/audiences/*-*")
    assert "Prospects by Enter" in page.inner_text("h1")
