"""The console's door: language, CSRF, session and permission are settled before a view runs."""

import re
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, redirect, request, url_for
from flask_wtf import CSRFProtect
from werkzeug.wrappers import Response as AnyResponse

from crm import clock, i18n
from crm.auth import sessions
from crm.console.blueprint import blp
from crm.db import config
from crm.errors import Forbidden
from crm.i18n import _current as current_locale

SESSION = "regulars_staff"
LANGUAGE = "regulars_language"
YEAR_SECONDS = 365 * 86_400
csrf = CSRFProtect()


def prepare(app: Flask) -> None:
    """Cookies of the console: for its own path, out of reach of scripts and other sites.

    Flask's signed cookie holds nothing but the secret behind the CSRF tokens; the API, which
    goes by bearer keys, is no part of this.
    """
    app.config.update(
        SESSION_COOKIE_NAME="regulars_form",
        SESSION_COOKIE_PATH="/console",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=_secure(app),
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,  # a till's page stays open all day
    )
    csrf.init_app(app)


def _secure(app: Flask) -> bool:
    return app.extensions["crm.config"].base_url.startswith("https:")


@blp.before_request
def enter() -> AnyResponse | None:
    """Settle who asks and in which language; send strangers to the sign-in page."""
    wish = request.cookies.get(LANGUAGE)
    if wish in i18n.LOCALES:  # else the request's frame went by Accept-Language
        current_locale.set(wish)
    view: Any = current_app.view_functions[request.endpoint or ""]
    now = clock.now()
    who = sessions.find(token(), now) if token() else None
    if who is not None:
        g.principal = who
    csrf.protect()
    if getattr(view, "public", False):
        return None
    if who is None:
        return _to_sign_in()
    if view.permission is not None and not who.may(view.permission):
        raise Forbidden(needs=view.permission)
    return None


def token() -> str:
    """The session's token as the browser sent it, or nothing."""
    return request.cookies.get(SESSION, "")


def _to_sign_in() -> AnyResponse:
    page = request.full_path.rstrip("?") if request.method == "GET" else None
    if "HX-Request" in request.headers:
        back = urlsplit(request.headers.get("HX-Current-URL", ""))
        where = url_for("console.sign_in", next=inside(back.path), ended=1)
        return Response(status=204, headers={"HX-Redirect": where})
    return redirect(url_for("console.sign_in", next=inside(page), ended=1 if token() else None))


def inside(target: str | None) -> str | None:
    """`target` when it is an address within the console, else None: nobody is sent elsewhere."""
    if not target or not re.fullmatch(r"/console(?:[/?][\x21-\x5b\x5d-\x7e]*)?", target):
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc else target


def remember(response: AnyResponse, name: str, value: str, *, seconds: int | None = None) -> None:
    """Set one of the console's cookies."""
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path="/console",
        httponly=True,
        secure=config().base_url.startswith("https:"),
        samesite="Lax",
    )


def forget(response: AnyResponse, name: str) -> None:
    """Remove one of the console's cookies."""
    response.delete_cookie(name, path="/console")
