"""Changing one's own password: every session ends, but for a new one in this browser."""

from flask import redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from crm import clock
from crm.auth import passwords, sessions, staff
from crm.console import door
from crm.console.blueprint import blp
from crm.db import transaction
from crm.errors import N_, Refused
from crm.http import problems
from crm.http.permissions import needs
from crm.http.principal import principal
from crm.i18n import gettext

WAIT = (("Retry-After", "retry_after"),)
NOT_THE_SAME = N_("The two new passwords are not the same.")


@blp.get("/account/password")
@needs(None)
def password() -> str:
    """Public to everybody who is signed in: the form."""
    return _page()


@blp.post("/account/password", endpoint="password_post")
@needs(None)
def change_password() -> tuple[str, int] | tuple[str, int, dict[str, str]] | Response:
    """Public to everybody who is signed in: change it and go on, in this browser alone."""
    typed = {name: request.form.get(name, "")[:1000] for name in ("present", "new", "again")}
    if typed["new"] != typed["again"]:
        return _page("again", gettext(NOT_THE_SAME)), 422
    now, address = clock.now(), request.remote_addr or ""
    try:
        with transaction():
            account = staff.change_own_password(
                principal(), typed["present"], typed["new"], address=address, now=now
            )
            token = sessions.open(account, now, request.headers.get("User-Agent", ""))
    except Refused as refused:
        told = problems.document(refused)
        wrong = told["errors"][0] if told["errors"] else {"pointer": "", "detail": told["detail"]}
        headers = {name: str(refused.facts[fact]) for name, fact in WAIT if fact in refused.facts}
        page = _page(wrong["pointer"].strip("/") or "present", wrong["detail"])
        return page, refused.status, headers
    session.clear()  # a new secret behind the CSRF tokens
    response = redirect(url_for("console.account", changed=1), 303)
    door.remember(response, door.SESSION, token)
    return response


def _page(field: str = "", said: str = "") -> str:
    return render_template("password.html", wrong=field, said=said, shortest=passwords.SHORTEST)
