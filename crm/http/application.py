"""Flask, spared two things that no request to the API needs; together a ninth of an award."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

API = "/api/"


class PageSessions(SecureCookieSessionInterface):
    """Cookie sessions for pages. Programs carry their key with every request and get none."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session of a page; None for the API, where Flask then refuses to write to one."""
        return None if request.path.startswith(API) else super().open_session(app, request)


class Application(Flask):
    """The application's class."""

    session_interface = PageSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: all of ours are plain, so nothing needs to ask nine times over."""
        return func
