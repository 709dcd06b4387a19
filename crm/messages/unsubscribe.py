"""The page behind the unsubscribe link: looking changes nothing, sending it opts out (RFC 8058).

Mail scanners and previews follow links; only a POST counts. Mail programs send one by themselves
when their user clicks "unsubscribe" (`List-Unsubscribe-Post`), without cookies or a key.
"""

from base64 import b64encode
from hashlib import sha256

from flask import Blueprint, Flask, Response, make_response, render_template

from crm import clock
from crm.db import config, transaction
from crm.http import needs
from crm.messages import leaving
from crm.messages.errors import LinkNotValid
from crm.messages.links import Links

STYLE = (
    "body{font:18px/1.6 system-ui,sans-serif;margin:0;background:#f6f5f2;color:#222}"
    "main{max-width:34rem;margin:12vh auto;padding:2rem}h1{font-size:1.5rem;line-height:1.3}"
    "button{font:inherit;padding:.6rem 1.4rem;border:0;border-radius:.4rem;background:#222;"
    "color:#fff;cursor:pointer}button:focus-visible{outline:3px solid #7aa7ff}"
)
POLICY = (
    "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
)

pages = Blueprint("unsubscribe", __name__, template_folder="pages")


@pages.get("/u/<token>")
@needs(None)
def ask(token: str) -> Response:
    """Public: whoever holds the signed link may see its page. Changes nothing."""
    try:
        Links(config()).read(token)
    except LinkNotValid:
        return _page("wrong", 404)
    return _page("asked")


@pages.post("/u/<token>")
@needs(None)
def leave(token: str) -> Response:
    """Public: whoever holds the signed link may opt out by it, at once, also by one click in a
    mail program. Doing so again answers the same."""
    try:
        who = Links(config()).read(token)
    except LinkNotValid:
        return _page("wrong", 404)
    with transaction():
        leaving.leave(who, now=clock.now())
    return _page("done")


def _page(state: str, status: int = 200) -> Response:
    response = make_response(render_template("unsubscribe.html", state=state, style=STYLE), status)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def install(app: Flask) -> None:
    """Serve the page at /u/{token}."""
    app.register_blueprint(pages)
