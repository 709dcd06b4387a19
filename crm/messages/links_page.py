"""Where the links of mails lead: they are counted and sent on, and so is a picture of one dot.

The address is one that the template's author wrote; whoever holds a link can't make it lead
elsewhere. Asking by HEAD counts nothing.
"""

from base64 import b64decode
from uuid import UUID

from flask import Blueprint, Flask, Response, make_response, redirect, request

from crm import clock
from crm.db import config, transaction
from crm.http import needs
from crm.messages import clicks
from crm.messages.errors import LinkNotValid
from crm.messages.links import OPENED, Links

DOT = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")

pages = Blueprint("links", __name__)


@pages.get("/l/<token>")
@needs(None)
def follow(token: str) -> Response:
    """Public: whoever holds a signed link of a mail is sent on to what it names; the dot tells
    that the mail was looked at. Each counts once."""
    name, _, what = token.rpartition(".")
    try:
        message_id = Links(config()).read_counted(name)
        if what == OPENED:
            return _dot(message_id)
        return _sent_on(message_id, what)
    except LinkNotValid:
        return _quiet(Response("This link is not valid.", 404, mimetype="text/plain"))


def _sent_on(message_id: UUID, what: str) -> Response:
    if not (what.isascii() and what.isdigit() and len(what) <= 4):
        raise LinkNotValid()
    with transaction():
        address = clicks.target(message_id, int(what))
    if request.method == "GET":
        clicks.clicked(message_id, int(what), address, now=clock.now())
    return _quiet(make_response(redirect(address)))


def _dot(message_id: UUID) -> Response:
    if request.method == "GET":
        clicks.opened(message_id, now=clock.now())
    return _quiet(Response(DOT, mimetype="image/gif"))


def _quiet(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def install(app: Flask) -> None:
    """Serve links at /l/{token}."""
    app.register_blueprint(pages)
