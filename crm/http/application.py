"""Flask, spared two things that no request to the API needs; together a ninth of an award."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Request
from flask.sessions import NullSession, SecureCookieSession, SecureCookieSessionInterface

API = "/api/"
NO_SESSION = NullSession()  # refuses to be written to, so that all requests may share it


class PageSessions(SecureCookieSessionInterface):
    """Cookie sessions for pages. Programs carry their key with every request and get none."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session of a page; for the API one that can't be written to."""
        return NO_SESSION if request.path.startswith(API) else super().open_session(app, request)


class Application(Flask):
    """The application's class."""

    session_interface = PageSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: all of ours are plain, so nothing needs to ask nine times over."""
        return func
