"""Every page, in every language, for every role."""

import re
from collections.abc import Callable

import pytest
from shop import EVIL, Shop
from visitor import Visitor, words

from crm.console.pages import POLICY
from crm.http.permissions import ROLES

As = Callable[..., Visitor]
LOCALES = ("en", "zh-Hans", "zh-Hant")
HAN = re.compile(r"[㐀-鿿]")
# The page's address after /console, and the permission it takes.
PAGES = {
    "/till": "members:read",
    "/members/{lin}": "members:read",
    "/members/{lin}/ledger": "points:read",
    "/members/{lin}/ledger/1": "points:read",
    "/members/{lin}/glance": "members:read",
    "/members/{evil}": "members:read",
    "/members/{nobody}": "members:read",
    "/coupons": "coupons:read",
    "/coupons?state=all": "coupons:read",
    "/coupons/{coupon}": "coupons:read",
    "/coupons/{coupon}/edit": "coupons:manage",
    "/coupons/new": "coupons:manage",
    "/coupons/new?kind=percent": "coupons:manage",
    "/coupons/check": "coupons:read",
    "/members/{lin}/rewards": "rewards:read",
    "/members/{evil}/rewards": "rewards:read",
    "/rewards": "rewards:read",
    "/rewards/new": "rewards:manage",
    "/rewards/new?kind=coupon": "rewards:manage",
    "/rewards/{reward}": "rewards:read",
    "/segments": "segments:read",
    "/segments/new_customers": "segments:read",
    "/programme": "programme:read",
    "/programme/tiers": "programme:read",
    "/programme/tiers/versions/1": "programme:read",
    "/programme/rules": "programme:read",
    "/programme/rules/new": "programme:write",
    "/programme/rules/new?kind=rate": "programme:write",
    "/programme/rules/new?kind=activity": "programme:write",
    "/programme/settings": "programme:read",
    "/programme/settings/versions/1": "programme:read",
    "/developers": "keys:manage",
    "/tasks": "tasks:read",
    "/trust": "ledger:read",
    "/trust/ledger": "ledger:read",
    "/members/{lin}/adjust": "points:adjust",
    "/members/{lin}/spent/{spent}/reverse": "points:write",
    "/approvals": "approvals:read",
    "/approvals/history": "approvals:read",
    "/referrals": "points:read",
    "/account": None,
    "/account/password": None,
    "/help": None,
}


@pytest.mark.parametrize("locale", LOCALES)
def test_every_page_speaks_the_readers_language(signed_in: As, shop: Shop, locale: str):
    visitor = signed_in("admin", locale)
    for path in PAGES:
        answer = visitor.get(path.format(**vars(shop)))
        assert answer.status_code == 200, (path, answer.text)
        text = words(answer).replace(EVIL, "")
        assert not re.search(r"\{\w*\}|\{\{|\bNone\b|&lt;|Markup\(", text), (path, text)
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["Cache-Control"] == "no-store"
        if "<html" in answer.text:
            assert f'<html lang="{locale}">' in answer.text
        if locale != "en":
            assert HAN.search(text), path


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_what_it_may_and_is_shown_no_other_way(signed_in: As, shop: Shop, role: str):
    visitor = signed_in(role)
    menu = re.findall(r'class="r-nav__link" href="/console(/[a-z]+)"', visitor.get("/help").text)
    for path, permission in PAGES.items():
        allowed = permission is None or permission in ROLES[role]
        answer = visitor.get(path.format(**vars(shop)))
        assert answer.status_code == (200 if allowed else 403), path
        if not allowed:
            assert "Your role does not open this page" in words(answer)
            assert path not in menu


def test_what_is_not_there_is_a_page_that_says_so(signed_in: As):
    visitor = signed_in("admin", "zh-Hans")
    gone = "/members/01890000-0000-7000-8000-000000000000"
    ledger = gone + "/ledger"
    for path in ("/nowhere", "/members/1", gone, ledger, ledger + "/1", "/segments/unknown"):
        answer = visitor.get(path)
        assert answer.status_code == 404, path
        assert answer.content_type.startswith("text/html")
        assert "<h1>" in answer.text


def test_a_fragment_that_fails_is_a_notice_and_no_page(signed_in: As):
    gone = "/members/01890000-0000-7000-8000-000000000000/glance"
    answer = signed_in("admin").get(gone, **{"HX-Request": "true"})
    assert answer.status_code == 404
    assert answer.text.lstrip().startswith('<p class="r-note r-note--danger" role="alert"')


def test_a_stranger_sees_no_page_and_no_fragment(visitor: Visitor, shop: Shop):
    for path in PAGES:
        answer = visitor.get(path.format(**vars(shop)))
        assert (answer.status_code, answer.location.split("?")[0]) == (302, "/console/sign-in"), (
            path
        )


def test_what_members_are_called_is_text_and_never_code(signed_in: As, shop: Shop):
    visitor = signed_in("admin")
    for path in (
        f"/members/{shop.evil}",
        f"/members/{shop.evil}/glance",
        f"/members/{shop.evil}/rewards",
        f"/rewards/{shop.reward}",
        "/rewards",
        "/segments/new_customers",
    ):
        text = visitor.get(path).text
        assert "<script>alert" not in text, path
        assert "<b>bold" not in text, path
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }}" in text, path
    assert "<i>gifts" not in visitor.get(f"/members/{shop.lin}").text
    found = visitor.post("/till", {"q": EVIL})
    assert "<script>alert" not in found.text


def test_a_bad_cursor_is_the_readers_mistake(signed_in: As, shop: Shop):
    visitor = signed_in("admin")
    for path in (
        f"/members/{shop.lin}/ledger",
        "/segments/new_customers",
        "/referrals",
        "/rewards",
    ):
        answer = visitor.get(path, {"cursor": "\x00nonsense"})
        assert answer.status_code == 422, path
        assert "<h1>" in answer.text
