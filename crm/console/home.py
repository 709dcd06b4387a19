"""The first page, help, and what answers for addresses that do not exist."""

from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response

from crm.console import navigation
from crm.console.blueprint import blp
from crm.errors import NotFound
from crm.http.permissions import needs
from crm.http.principal import principal

ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@needs(None)
def front() -> Response:
    """Public: people who type the bare address want the console, which asks who they are."""
    return redirect(url_for("console.home"))


@blp.get("/")
@needs(None)
def home() -> Response:
    """Public to everybody who is signed in: on to the first place that the role opens."""
    for _, places in navigation.groups(principal()):
        return redirect(url_for(places[0].pages[0]))
    return redirect(url_for("console.help_page"))


@blp.get("/help")
@needs(None)
def help_page() -> str:
    """Public to everybody who is signed in: the keys, and what can be typed."""
    return render_template("help.html")


@blp.route("/<path:rest>", methods=ANY_METHOD)
@needs(None)
def nowhere(rest: str) -> Response:
    """Public to everybody who is signed in: a page that says there is none."""
    raise NotFound()
