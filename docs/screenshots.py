"""Takes the pictures of the README from a running demo.

    python docs/screenshots.py var/demo-credentials.json docs/images

The file is the one that `python3 dev.py run` writes. Needs Playwright (requirements-dev.txt) and
Chromium, Debian's or any other on the PATH.
"""

import json
import os
import shutil
import sys
import urllib.request
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

Look = Literal["light", "dark"]
SIZE = ViewportSize(width=1440, height=900)
LIKED_SEGMENTS = ("champions", "loyal", "potential_loyalists")
# File name, role (each demo account has a language of its own), colour scheme, page.
PICTURES: tuple[tuple[str, str, Look, str], ...] = (
    ("member", "admin", "light", "member"),
    ("member-zh-hans", "manager", "light", "member"),
    ("till", "admin", "light", "till"),
    ("segments", "marketer", "light", "segments"),
    ("segments-zh-hant-dark", "analyst", "dark", "segments"),
    ("programme", "admin", "light", "programme"),
    ("ledger", "admin", "light", "ledger"),
    ("rule-preview", "marketer", "light", "rule"),
    ("journeys", "marketer", "light", "journeys"),
    ("campaign", "marketer", "light", "campaign"),
)


def ask(credentials: dict[str, Any], path: str) -> Any:
    """A GET to the API with the demo's key."""
    request = urllib.request.Request(credentials["base_url"] + "/api/v1" + path)
    request.add_header("Authorization", "Bearer " + credentials["admin_key"])
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def liked_member(credentials: dict[str, Any]) -> dict[str, Any]:
    """A named member with a long history who is near the top: the most frequent one of Gold."""
    for code in LIKED_SEGMENTS:
        found = ask(credentials, f"/segments/{code}/members?limit=200")["data"]
        for row in sorted(found, key=lambda row: -row["frequency"]):
            member = ask(credentials, f"/members/{row['id']}")
            if member["name"] and member["phone"] and member["tier"]["code"] == "gold":
                return member
    sys.exit("the demo has no segments yet: wait for its first run")


def signed_in(browser: Browser, base: str, account: dict[str, str], look: Look) -> Page:
    """A page of a new browser profile, signed in."""
    context = browser.new_context(viewport=SIZE, color_scheme=look, device_scale_factor=1)
    page = context.new_page()
    page.goto(f"{base}/console/sign-in")
    page.fill("#email", account["email"])
    page.fill("#password", account["password"])
    page.press("#password", "Enter")
    page.wait_for_selector("[data-menu] summary")
    return page


def show(page: Page, base: str, what: str, member: dict[str, Any]) -> None:
    """Bring the page to the state that the picture shows."""
    if what == "till":
        page.goto(f"{base}/console/till")
        page.fill("#find", member["phone"][-4:])
        page.wait_for_selector("#glance .r-figure")
    elif what == "ledger":
        page.goto(f"{base}/console/members/{member['id']}/ledger")
        page.click("main .r-ledger summary >> nth=0")
        page.evaluate("scrollTo(0, 0)")
    elif what == "rule":
        page.goto(f"{base}/console/programme/rules/new?kind=multiplier")
        page.fill('[name="/factor"]', "2")
        page.fill('[name="/name"]', "Double Sunday")
        page.wait_for_selector("#preview .r-figure")
    elif what == "campaign":
        page.goto(f"{base}/console/campaigns")
        page.click("main tbody tr:last-child a")  # the first one sent; a draft stands above it
        page.wait_for_url("**/campaigns/*-*")
        page.goto(page.url + "/report")
    elif what == "member":
        page.goto(f"{base}/console/members/{member['id']}")
    else:
        page.goto(f"{base}/console/{what}")
    page.wait_for_load_state("networkidle")


def main(credentials_file: str, folder: str) -> None:
    """Take all pictures."""
    credentials = json.loads(Path(credentials_file).read_text())
    staff = {account["role"]: account for account in credentials["staff"]}
    base, out = credentials["base_url"], Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    member = liked_member(credentials)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not start as root.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        for name, role, look, what in PICTURES:
            page = signed_in(browser, base, staff[role], look)
            show(page, base, what, member)
            page.screenshot(path=out / f"{name}.png")
            page.context.close()
            print(out / f"{name}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
