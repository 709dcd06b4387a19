"""How a page is made: what every template knows, the headers it goes out with, and error pages."""

from datetime import datetime
from typing import Any

from flask import Flask, Response, g, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from crm import clock, i18n
from crm.auth import approvals
from crm.cases import documents as cases
from crm.console import files, formats, navigation, words
from crm.console.blueprint import blp
from crm.db import db
from crm.errors import N_, NotFound, Refused
from crm.http import problems
from crm.http.principal import Principal, principal
from crm.members import stores
from crm.points import programme

LANGUAGES = (("en", "English"), ("zh-Hans", "简体中文"), ("zh-Hant", "繁體中文"))
ROLE_NAMES = {
    "clerk": N_("Clerk"),
    "manager": N_("Manager"),
    "marketer": N_("Marketer"),
    "analyst": N_("Analyst"),
    "admin": N_("Administrator"),
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "frame-src 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
SAID = {
    403: N_("Your role does not open this page. Ask an administrator if you need it."),
    404: N_("There is nothing here that you may see. Check the address, or search again."),
    500: N_(
        "Something went wrong on our side. Try again; if it goes on, give us the number below."
    ),
}
NOT_UNDERSTOOD = N_("The request could not be understood. Go back and try again.")
STALE = N_("This page was open too long, or cookies are switched off. Load it again and repeat.")


def prepare(app: Flask) -> None:
    """Teach the application's templates our words and formats; a misspelt name is an error."""
    env = app.jinja_env
    env.trim_blocks = env.lstrip_blocks = True
    env.undefined = StrictUndefined
    env.globals.update(
        _=words.say,
        ngettext=words.ngettext,
        locale=i18n.locale,
        address=files.address,
        languages=LANGUAGES,
        help_place=navigation.HELP,
        number=formats.number,
        signed=formats.signed,
        percent=formats.percent,
        money=formats.money,
        initials=formats.initials,
        begun=formats.begun,
        days=formats.days,
    )


def when(instant: datetime, now: datetime) -> str:
    """A moment by the shop's clock: today 14:05, yesterday 18:20, 9 Nov."""
    return formats.moment(instant, now, programme.current(now).zone)


@blp.context_processor
def shell() -> dict[str, Any]:
    """What the shell of every page shows."""
    who = principal()
    return {
        "who": who,
        "role_name": ROLE_NAMES.get(who.role or "", ""),
        "navigation": list(navigation.groups(who)),
        "counts": _counts(who, clock.now()),
        "store_name": _store_name(who.store),
        "rail": who.role in navigation.TILL_ROLES,
        "here": request.full_path.rstrip("?") if request.method == "GET" else "",
    }


def _counts(who: Principal, now: datetime) -> dict[str, int]:
    """What waits for this person, by page: approvals; cases that are overdue, all of them for who
    manages cases, else one's own."""
    found = {"console.approvals_page": approvals.waiting_for(who, now)}
    if who.may("cases:read"):
        figures = cases.counts(who, now)
        overdue = figures["overdue" if who.may("cases:manage") else "mine_overdue"]
        found["console.cases_page"] = overdue
    return found


def _store_name(code: str | None) -> str:
    return stores.names().get(code, code) if code else ""


@blp.after_request
def guard(response: Response) -> Response:
    """The policy that keeps foreign scripts, styles and frames out of every answer.

    A preview of mail, which brings its own styles, has a policy of its own.
    """
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers["Referrer-Policy"] = "same-origin"
    if "HX-Request" in request.headers:
        response.headers.add("Vary", "HX-Request")
    return response


def failure(refused: Refused) -> Response:
    """The page of a refusal; for a fragment, the notice alone."""
    facts = problems.document(refused)
    said = SAID.get(refused.status)
    if said is None or (refused.status == 404 and refused.code != "not_found"):
        said = facts["detail"]
    template = "parts/failure.html" if "HX-Request" in request.headers else "failure.html"
    page = render_template(
        template, title=facts["title"], said=said, status=refused.status, number_of=g.request_id
    )
    response = make_response(page, refused.status)
    if "retry_after" in refused.facts:
        response.headers["Retry-After"] = str(refused.facts["retry_after"])
    return response


@blp.errorhandler(Refused)
def refused_page(error: Refused) -> Response:
    return failure(error)


@blp.errorhandler(HTTPException)
def http_page(error: HTTPException) -> AnyResponse:
    if error.code and error.code < 400:
        return AnyResponse.force_type(error.get_response())
    refused = NotFound()
    refused.status = error.code or 500  # type: ignore[misc]  # of this one alone
    refused.detail = STALE if isinstance(error, CSRFError) else NOT_UNDERSTOOD  # type: ignore[misc]
    return failure(refused)


@blp.errorhandler(Exception)
def broken_page(error: Exception) -> Response:
    refusal = problems.refusal_of(error)
    db.session.rollback()  # the page asks for a thing or two itself
    return failure(refusal)
