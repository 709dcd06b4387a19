"""Takes the pictures of the README from a running demo.

    python docs/screenshots.py var/demo-credentials.json docs/images

The file is the one that `python3 dev.py run` writes. Needs Playwright (requirements-dev.txt) and
Chromium, Debian's or any other on the PATH.
"""

import json
import shutil
import sys
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

SIZE = {"width": 1440, "height": 900}
LIKED_SEGMENTS = ("champions", "loyal", "potential_loyalists")
# File name, role, language of the account, colour scheme, page.
PICTURES = (
    ("member", "manager", "en", "light", "member"),
    ("member-zh-hans", "manager", "zh-Hans", "light", "member"),
    ("segments", "marketer", "en", "light", "segments"),
    ("segments-zh-hant-dark", "marketer", "zh-Hant", "dark", "segments"),
    ("till", "clerk", "en", "light", "till"),
    ("programme", "admin", "en", "light", "programme"),
)


def ask(credentials: dict[str, Any], path: str) -> Any:
    """A GET to the API with the demo's key."""
    request = urllib.request.Request(credentials["base_url"] + "/api/v1" + path)
    request.add_header("Authorization", "Bearer " + credentials["admin_key"])
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def liked_member(credentials: dict[str, Any]) -> dict[str, Any]:
    """A named member with a long history: the best buyer on the first page of a good segment."""
    for code in LIKED_SEGMENTS:
        found = ask(credentials, f"/segments/{code}/members?limit=200")["data"]
        for row in sorted(found, key=lambda row: -row["frequency"]):
            member = ask(credentials, f"/members/{row['id']}")
            if member.get("name") and member.get("phone"):
                return member
    sys.exit("the demo has no segments yet: wait for its first run")


def signed_in(browser: Browser, base: str, account: dict[str, str], look: str, lang: str) -> Page:
    """A page of a new browser profile, signed in and in the wanted language."""
    context = browser.new_context(viewport=SIZE, color_scheme=look, device_scale_factor=1)
    page = context.new_page()
    page.goto(f"{base}/console/sign-in")
    page.fill("#email", account["email"])
    page.fill("#password", account["password"])
    page.press("#password", "Enter")
    page.wait_for_selector("[data-menu] summary")
    if page.get_attribute("html", "lang") != lang:
        page.click("[data-menu] summary")
        page.click(f"button[name=locale][value={lang}]")
        page.wait_for_selector(f"html[lang={lang}]")
    return page


def show(page: Page, base: str, what: str, member: dict[str, Any]) -> None:
    """Bring the page to the state that the picture shows."""
    if what == "till":
        page.goto(f"{base}/console/till")
        page.fill("#find", member["phone"][-4:])
        page.wait_for_selector("#glance .r-figure")
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
        browser = playwright.chromium.launch(executable_path=chromium)
        for name, role, lang, look, what in PICTURES:
            page = signed_in(browser, base, staff[role], look, lang)
            show(page, base, what, member)
            page.screenshot(path=out / f"{name}.png")
            page.context.close()
            print(out / f"{name}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
