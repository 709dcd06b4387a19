"""Changing one's own password: who knows the old one, ends every other session."""

from collections.abc import Callable

import pytest
from flask import Flask
from visitor import PASSWORD, Visitor, words

from crm.auth import throttle

As = Callable[..., Visitor]
NEW = "a kettle of white tea"


def change(visitor: Visitor, present: str = PASSWORD, new: str = NEW, again: str | None = None):
    visitor.get("/account/password")
    fields = {"present": present, "new": new, "again": new if again is None else again}
    return visitor.post("/account/password", fields)


def test_the_new_password_works_and_the_old_one_does_not(signed_in: As, app: Flask):
    mei = signed_in("clerk")
    answer = change(mei)
    assert (answer.status_code, answer.location) == (303, "/console/account?changed=1")
    assert "Your password was changed" in words(mei.get("/account?changed=1"))
    for password, status in ((PASSWORD, 401), (NEW, 303)):
        stranger = Visitor(app.test_client())
        assert stranger.sign_in("clerk.en@shop.example", password).status_code == status


def test_every_other_session_ends_and_this_one_goes_on(signed_in: As, app: Flask):
    mei = signed_in("clerk")
    elsewhere = Visitor(app.test_client())
    elsewhere.sign_in("clerk.en@shop.example")
    assert elsewhere.get("/account").status_code == 200
    stolen = Visitor(app.test_client())
    stolen.client.set_cookie(
        "regulars_staff", mei.client.get_cookie("regulars_staff", path="/console").value,
        path="/console",
    )  # fmt: skip
    assert change(mei).status_code == 303
    assert mei.get("/account").status_code == 200
    assert mei.get("/account").text.count("r-tag--good") == 1
    for ended in (elsewhere, stolen):
        assert ended.get("/account").location.startswith("/console/sign-in")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"present": "not it at all"}, "This is not your password until now."),
        ({"again": "a kettle of black tea"}, "The two new passwords are not the same."),
        ({"new": "short"}, "at least 10 characters"),
        ({"new": " short     "}, "at least 10 characters"),
        ({"new": "x" * 201}, "at most 200 characters"),
        ({"new": "Clerk.en@shop.example"}, "must not be the e-mail address"),
        ({"new": ""}, "at least 10 characters"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_changes(
    signed_in: As, app: Flask, typed: dict[str, str], said: str
):
    mei = signed_in("clerk")
    answer = change(mei, **typed)
    assert answer.status_code == 422
    assert said in words(answer)
    assert mei.get("/account").status_code == 200
    assert Visitor(app.test_client()).sign_in("clerk.en@shop.example").status_code == 303


@pytest.mark.usefixtures("committed")  # a try is counted in a transaction of its own
def test_guessing_the_present_password_is_slow(signed_in: As):
    mei = signed_in("clerk")
    for _ in range(throttle.ACCOUNT_MOST):
        assert change(mei, present="a guess or two").status_code == 422
    answer = change(mei)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "Too many failed tries" in words(answer)


def test_the_change_is_in_the_audit_trail_without_the_password(signed_in: As, admin):
    change(signed_in("clerk"))
    (told,) = admin.get("/audit?action=staff.update").get_json()["data"]
    assert told["actor"]["name"] == "Chen Rui"
    assert told["after"] == {"password": "changed"}
