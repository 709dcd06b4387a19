"""The journeys in a browser: what is due comes after the page; six figures in even rows."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

Opened = Callable[..., Page]


@pytest.mark.parametrize(("width", "rows"), [(1440, 1), (1200, 2), (820, 2), (390, 3)])
def test_six_figures_stand_in_even_rows(opened: Opened, width: int, rows: int):
    page = opened("admin", viewport={"width": width, "height": 900})
    page.goto("/console/journeys/birthday")
    tops = page.eval_on_selector_all(
        ".r-tile", "tiles => tiles.map(tile => Math.round(tile.getBoundingClientRect().top))"
    )
    assert len(tops) == 6
    assert [tops.count(top) for top in sorted(set(tops))] == [6 // rows] * rows


def test_what_is_due_comes_after_the_page(opened: Opened):
    page = opened("admin")
    page.goto("/console/journeys")
    row = page.locator("tr", has=page.locator("#journey-birthday"))
    expect(row.locator("td.r-num").first).to_have_text(re.compile(r"^\d+$"))
    assert page.locator("main tbody tr").count() == 10
    assert page.locator("main tbody[aria-busy]").count() == 0
