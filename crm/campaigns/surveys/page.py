"""The page behind a survey's link: no login, no script, three languages, made for phones.

Looking changes nothing, for mail scanners and previews follow links; only a POST counts. The signed
link itself is the proof, so no cookie and no form token is needed: nobody else can make one.
"""

from base64 import b64encode
from hashlib import sha256
from typing import Any
from uuid import UUID

from flask import Blueprint, Flask, Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from crm import clock, i18n
from crm.campaigns.surveys import answering, links, subjects
from crm.campaigns.surveys.answering import Answer
from crm.campaigns.surveys.errors import SurveyExpired, SurveyLinkNotValid
from crm.db import config, db, transaction
from crm.errors import N_, Busy, Refused
from crm.http import needs
from crm.http.problems import Contended, refusal_of
from crm.http.strict_json import text_problem
from crm.http.texts import CONTROL_BUT_LINES

LONGEST = 2000
TRIES = 5
LANGUAGES = (("en", "English"), ("zh-Hans", "简体中文"), ("zh-Hant", "繁體中文"))
RATINGS = (
    (5, N_("Very happy")),
    (4, N_("Happy")),
    (3, N_("So-so")),
    (2, N_("Unhappy")),
    (1, N_("Very unhappy")),
)
NO_RATING = N_("Choose one of the five answers.")
TOO_LONG = N_("That is more than {most} characters. Please shorten it.")
NOT_TEXT = N_("There are characters in it that can't be stored. Please type it again.")
STYLE = (
    "*{box-sizing:border-box}"
    "body{font:17px/1.6 system-ui,sans-serif;margin:0;background:#f6f5f1;color:#1c1b19}"
    "main{max-width:30rem;margin:0 auto;padding:1.25rem 1rem 3rem}"
    "nav{display:flex;gap:.25rem 1rem;flex-wrap:wrap;font-size:.9rem}"
    "nav a,nav span{padding:.4rem 0;color:#085548}nav span{color:#524f48}"
    "h1{font-size:1.35rem;line-height:1.35;margin:1rem 0 .25rem}p{margin:.25rem 0 1rem}"
    "fieldset{border:0;margin:0;padding:0}legend{padding:0;font-weight:600}"
    ".rate{display:flex;align-items:center;gap:.75rem;min-height:3rem;padding:.35rem .9rem;"
    "margin:.5rem 0;border:1px solid #88847a;border-radius:.5rem;background:#fff}"
    ".rate:has(:checked){border-color:#0b6b5d;background:#e3f0eb}"
    ".rate input{inline-size:1.35rem;block-size:1.35rem;accent-color:#0b6b5d;margin:0}"
    ".rate b{min-inline-size:1ch}"
    "textarea{display:block;width:100%;min-height:7rem;font:inherit;padding:.6rem .75rem;"
    "border:1px solid #88847a;border-radius:.5rem;background:#fff;color:inherit}"
    "label.words{display:block;margin:1.25rem 0 .35rem;font-weight:600}"
    "button{display:block;width:100%;min-height:3rem;margin:1.25rem 0 0;font:inherit;"
    "font-weight:600;border:0;border-radius:.5rem;background:#0b6b5d;color:#fff;cursor:pointer}"
    ":focus-visible{outline:3px solid #0b6b5d;outline-offset:2px}"
    ".wrong{padding:.6rem .8rem;border-radius:.5rem;background:#fcebe8;color:#98190f}"
)
POLICY = (
    "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
)

pages = Blueprint("survey", __name__, template_folder="pages")


@pages.get("/s/<token>")
@needs(None)
def ask(token: str) -> Response:
    """Public: whoever holds the signed link may see its page. Changes nothing."""
    survey_id = links.read(token)
    survey = answering.find(survey_id, now=clock.now())
    if survey.answered_at is not None:
        return _page("thanks", survey_id)
    return _page("asked", survey_id)


@pages.post("/s/<token>")
@needs(None)
def answer(token: str) -> Response:
    """Public: whoever holds the signed link may answer, once. Doing so again says thanks and
    changes nothing."""
    survey_id = links.read(token)
    survey = answering.find(survey_id, now=clock.now())
    if survey.answered_at is not None:
        return _page("thanks", survey_id)
    typed = _typed()
    if typed["wrong"]:
        return _page("asked", survey_id, status=422, **typed)
    given = Answer(typed["rating"], typed["words"] or None, _language(survey_id))
    granted = _take(survey_id, given)
    return _page("thanks", survey_id, granted=granted, low=given.rating <= survey.low_at_most)


def _take(survey_id: UUID, given: Answer) -> int:
    """Write the answer down; again when a merge or another answer was in the way. The points that
    it earned."""
    for tries_left in reversed(range(TRIES)):
        try:
            with transaction():
                found = answering.answer(survey_id, given, now=clock.now())
            return (found.survey.granted or 0) if found.new else 0
        except (Busy, Contended):
            if not tries_left:
                raise
    raise AssertionError("the last try returns or raises")


def _typed() -> dict[str, Any]:
    """What was typed, and what is wrong with it."""
    rating, words = request.form.get("rating", ""), request.form.get("text", "")
    words = words.replace("\r\n", "\n").replace("\r", "\n").strip()
    known = len(rating) == 1 and rating in "12345"
    found: dict[str, Any] = {"rating": int(rating) if known else None, "words": words[:LONGEST]}
    wrong = "" if known else NO_RATING
    if len(words) > LONGEST:
        wrong = TOO_LONG
    elif CONTROL_BUT_LINES.search(words) or text_problem(words):
        found["words"] = CONTROL_BUT_LINES.sub("", words).encode(errors="ignore").decode()
        wrong = NOT_TEXT
    return found | {"wrong": wrong}


def _language(survey_id: UUID | None) -> str:
    """The language chosen on the page, else the member's, else what the browser asks for."""
    chosen = request.args.get("lang", "")
    if chosen in i18n.LOCALES:
        return chosen
    return (survey_id and subjects.locale_of(survey_id)) or i18n.locale()


def _page(
    state: str, survey_id: UUID | None = None, *, status: int = 200, **shown: Any
) -> Response:
    facts = {"rating": None, "words": "", "wrong": "", "granted": 0, "low": False, "order": None}
    if survey_id is not None:
        facts["order"] = subjects.order_of(survey_id)
    language = _language(survey_id)
    with i18n.use(language):
        body = render_template(
            "survey.html",
            state=state,
            style=STYLE,
            shop=config().shop_name,
            languages=LANGUAGES,
            ratings=RATINGS,
            longest=LONGEST,
            **(facts | shown),
        )
    response = make_response(body, status)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Content-Language"] = language
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


@pages.errorhandler(SurveyLinkNotValid)
def unknown(error: SurveyLinkNotValid) -> Response:
    return _page("unknown", status=404)


@pages.errorhandler(SurveyExpired)
def expired(error: SurveyExpired) -> Response:
    return _page("expired", status=410)


@pages.errorhandler(HTTPException)
def not_understood(error: HTTPException) -> Response:
    """What is too large or broken is refused before it is read."""
    return _page("refused", status=error.code or 400)


@pages.errorhandler(Exception)
def broken(error: Exception) -> Response:
    """The database is away, or it is our fault: what was typed was not taken."""
    refused = error if isinstance(error, Refused) else refusal_of(error)
    db.session.rollback()
    response = _page("later", status=refused.status)
    response.headers["Retry-After"] = "5"
    return response


def install(app: Flask) -> None:
    """Serve the page at /s/{token}."""
    app.register_blueprint(pages)
