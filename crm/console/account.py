"""Signing in and out, one's own language, and the list of one's signed-in browsers."""

from flask import Response, make_response, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from crm import clock, i18n
from crm.auth import sessions, staff
from crm.console import browsers, door
from crm.console.blueprint import blp, public
from crm.console.pages import when
from crm.db import transaction
from crm.errors import N_, NotFound, TooMany
from crm.http import problems
from crm.http.permissions import needs
from crm.http.principal import principal

ENDED = N_("This browser was signed out.")


@blp.get("/sign-in")
@needs(None)
@public
def sign_in() -> str | AnyResponse:
    """Public: it is where people become known."""
    target = door.inside(request.args.get("next")) or ""
    if principal().kind == "staff":
        return redirect(target or url_for("console.home"))
    return _form(target=target, ended="ended" in request.args)


@blp.post("/sign-in", endpoint="sign_in_post")
@needs(None)
@public
def sign_in_post() -> AnyResponse:
    """Public: it is how people become known. Guessing is slow (crm.auth.throttle)."""
    email = request.form.get("email", "")[:254]
    target = door.inside(request.form.get("next"))
    now = clock.now()
    try:
        with transaction():
            address = request.remote_addr or ""
            account = staff.sign_in(email, request.form.get("password", "")[:1000], address, now)
            token = sessions.open(account, now, request.headers.get("User-Agent", ""))
    except (staff.WrongCredentials, TooMany) as refused:
        said = problems.document(refused)["detail"]
        response = make_response(_form(target=target or "", email=email, said=said), refused.status)
        if "retry_after" in refused.facts:
            response.headers["Retry-After"] = str(refused.facts["retry_after"])
        return response
    session.clear()  # a new secret behind the CSRF tokens with every sign-in
    response = redirect(target or url_for("console.home"), 303)
    door.remember(response, door.SESSION, token)
    door.remember(response, door.LANGUAGE, account.locale, seconds=door.YEAR_SECONDS)
    return response


def _form(target: str, email: str = "", said: str = "", ended: bool = False) -> str:
    return render_template("sign_in.html", target=target, email=email, said=said, ended=ended)


@blp.post("/sign-out")
@needs(None)
@public
def sign_out() -> AnyResponse:
    """Public: who is signed out already may be told so."""
    with transaction():
        sessions.end(door.token(), clock.now())
    session.clear()
    response = redirect(url_for("console.sign_in"), 303)
    door.forget(response, door.SESSION)
    return response


@blp.post("/language")
@needs(None)
@public
def language() -> AnyResponse:
    """Public: the sign-in page speaks three languages. Who is signed in keeps the choice."""
    wish = request.form.get("locale", "")
    if wish not in i18n.LOCALES:
        raise NotFound()
    who = principal()
    if who.kind == "staff" and who.id:
        with transaction():
            staff.update(who.id, {"locale": wish}, by=who, now=clock.now())
    response = redirect(door.inside(request.form.get("next")) or url_for("console.home"), 303)
    door.remember(response, door.LANGUAGE, wish, seconds=door.YEAR_SECONDS)
    return response


@blp.get("/account")
@needs(None)
def account() -> str:
    """Public to everybody who is signed in: where one is signed in."""
    now = clock.now()
    here = sessions.digest(door.token())
    rows = [
        {
            "key": item.token_hash.hex(),
            "name": browsers.name(item.user_agent),
            "since": when(item.created_at, now),
            "seen": when(item.last_seen_at, now),
            "here": item.token_hash == here,
        }
        for item in sessions.listed(_me(), now)
    ]
    told = {"said": request.args.get("ended"), "changed": request.args.get("changed")}
    return render_template("account.html", rows=rows, **told)


@blp.post("/account/sessions/<key>/end")
@needs(None)
def end_session(key: str) -> Response | AnyResponse:
    """Public to everybody who is signed in: end one of one's own sessions, and no one else's."""
    try:
        token_hash = bytes.fromhex(key)
    except ValueError:
        raise NotFound() from None
    with transaction():
        sessions.end_one(_me(), token_hash, clock.now())
    return redirect(url_for("console.account", ended=1), 303)


def _me():
    who = principal()
    assert who.id is not None, "the door lets nobody in without an account"
    return who.id
