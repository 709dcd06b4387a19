"""Who comes in, who does not, and where one is sent."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from visitor import PASSWORD, Visitor, words

from crm.app import create_app
from crm.auth import sessions, throttle

As = Callable[..., Visitor]


def test_the_bare_address_leads_to_the_console(app: Flask):
    answer = app.test_client().get("/")
    assert (answer.status_code, answer.location) == (302, "/console/")


def test_a_stranger_is_asked_to_sign_in_and_then_sent_where_he_wanted(
    visitor: Visitor, account: Callable[..., str]
):
    answer = visitor.get("/segments?x=1")
    assert answer.location == "/console/sign-in?next=/console/segments?x%3D1"
    page = visitor.get("/sign-in?next=/console/segments%3Fx=1")
    assert 'name="next" value="/console/segments?x=1"' in page.text
    answer = visitor.sign_in(account("admin"), target="/console/segments?x=1")
    assert (answer.status_code, answer.location) == (303, "/console/segments?x=1")


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/console/",
        "//evil.example/console",
        "/\\evil.example",
        "/console\\@evil.example",
        "/consolex",
        "/api/v1/docs",
        "javascript:alert(1)",
        "/console/\nSet-Cookie: a=b",
        "/console/\t//evil.example",
    ],
)
def test_nobody_is_sent_elsewhere(visitor: Visitor, account: Callable[..., str], elsewhere: str):
    page = visitor.get("/sign-in", {"next": elsewhere})
    assert 'name="next" value=""' in page.text
    assert visitor.sign_in(account("admin"), target=elsewhere).location == "/console/"
    visitor.get("/help")
    answer = visitor.post("/language", {"locale": "en", "next": elsewhere})
    assert answer.location == "/console/"


def test_a_wrong_password_says_so_and_keeps_the_address(
    visitor: Visitor, account: Callable[..., str]
):
    email = account("clerk")
    answer = visitor.sign_in(email, password="wrong")
    assert answer.status_code == 401
    assert f'value="{email}"' in answer.text
    assert "The e-mail address or the password is not right." in words(answer)
    assert "wrong" not in answer.text.replace("wrong_", "")
    assert "regulars_staff" not in str(answer.headers)


def test_guessing_is_stopped_and_told_how_long_to_wait(
    committed: None, visitor: Visitor, account: Callable[..., str]
):
    email = account("clerk")
    for _ in range(throttle.ACCOUNT_MOST):
        visitor.sign_in(email, password="wrong")
    answer = visitor.sign_in(email)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert f"Try again in {answer.headers['Retry-After']} seconds." in words(answer)


def test_the_sessions_cookie_is_out_of_reach_of_scripts_and_other_sites(
    visitor: Visitor, account: Callable[..., str]
):
    answer = visitor.sign_in(account("clerk"))
    cookies = {cookie.split("=")[0]: cookie for cookie in answer.headers.getlist("Set-Cookie")}
    for name in ("regulars_staff", "regulars_language"):
        assert {"HttpOnly", "SameSite=Lax", "Path=/console"} <= set(cookies[name].split("; "))
    assert "Max-Age" not in cookies["regulars_staff"], "it goes when the browser closes"


def test_over_https_every_cookie_is_sent_by_https_only(
    app: Flask, account: Callable[..., str], settings
):
    secure = create_app(replace(settings, base_url="https://crm.shop.example"))
    assert secure.config["SESSION_COOKIE_SECURE"] is True
    assert app.config["SESSION_COOKIE_SECURE"] is False


def test_a_form_without_its_token_changes_nothing(signed_in: As):
    visitor = signed_in("admin")
    visitor.token = "forged"
    answer = visitor.post("/sign-out")
    assert answer.status_code == 400
    assert "Load it again" in words(answer)
    assert visitor.get("/account").status_code == 200, "still signed in"


def test_the_token_of_one_visitor_is_no_use_to_another(signed_in: As):
    mine, theirs = signed_in("admin"), signed_in("clerk")
    mine.token = theirs.token
    assert mine.post("/sign-out").status_code == 400


def test_signing_out_ends_the_session_and_not_only_the_cookie(signed_in: As):
    visitor = signed_in("admin")
    token = visitor.client.get_cookie("regulars_staff", path="/console")
    assert token is not None
    answer = visitor.post("/sign-out")
    assert answer.location == "/console/sign-in"
    visitor.client.set_cookie("regulars_staff", token.value, path="/console")
    answer = visitor.get("/account")
    assert answer.location == "/console/sign-in?next=/console/account&ended=1"
    assert "You were signed out" in words(visitor.get("/sign-in?ended=1"))


def test_one_sees_ones_own_sessions_and_ends_them(app: Flask, signed_in: As):
    first = signed_in("admin")
    signed_in("clerk")
    second = Visitor(app.test_client())
    second.sign_in("admin.en@shop.example", PASSWORD)
    page = second.get("/account")
    assert page.text.count('/end"') == 1, "my other one, and nobody else's"
    path = page.text.split('action="/console/account/sessions/')[1].split('"')[0]
    assert second.post(f"/account/sessions/{path}").status_code == 303
    assert first.get("/account").status_code == 302
    assert second.get("/account").status_code == 200


def test_nobody_ends_the_sessions_of_another(app: Flask, signed_in: As):
    admin, clerk = signed_in("admin"), signed_in("clerk")
    token = admin.client.get_cookie("regulars_staff", path="/console")
    assert token is not None
    key = sessions.digest(token.value).hex()
    clerk.post(f"/account/sessions/{key}/end")
    clerk.post("/account/sessions/zz/end")
    assert admin.get("/account").status_code == 200


def test_a_fragment_for_who_is_signed_out_leads_to_the_sign_in_page(visitor: Visitor):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/console/segments"}
    answer = visitor.get("/segments/progress", **headers)
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"] == "/console/sign-in?next=/console/segments&ended=1"


def test_ones_language_is_kept_with_the_account(app: Flask, signed_in: As):
    visitor = signed_in("clerk", "en")
    answer = visitor.post("/language", {"locale": "zh-Hant", "next": "/console/help"})
    assert answer.location == "/console/help"
    assert '<html lang="zh-Hant">' in visitor.get("/help").text
    elsewhere = Visitor(app.test_client())
    elsewhere.sign_in("clerk.en@shop.example")
    assert '<html lang="zh-Hant">' in elsewhere.get("/help").text


def test_a_stranger_is_addressed_in_the_language_of_the_browser_or_the_one_chosen(
    visitor: Visitor,
):
    page = visitor.get("/sign-in", **{"Accept-Language": "zh-TW,zh;q=0.9"})
    assert '<html lang="zh-Hant">' in page.text
    visitor.post("/language", {"locale": "zh-Hans"})
    page = visitor.get("/sign-in", **{"Accept-Language": "zh-TW"})
    assert '<html lang="zh-Hans">' in page.text
    assert visitor.post("/language", {"locale": "xx"}).status_code == 404
