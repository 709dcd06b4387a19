"""What every request gets: an id, a language, a log line, a measure, safe headers."""

import logging
import re
import time
from functools import cache

import structlog
from flask import Flask, Response, g, request
from prometheus_client import Histogram
from uuid_utils import uuid7

from crm.i18n import _current as current_locale
from crm.i18n import choose

logger = logging.getLogger("crm.requests")
GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
SECONDS = Histogram(
    "regulars_request_seconds",
    "Time to answer a request",
    ["endpoint", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)


def install(app: Flask) -> None:
    """Hook the request's frame into `app`."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    environ = request.environ
    given, wish = environ.get("HTTP_X_REQUEST_ID", ""), environ.get("HTTP_ACCEPT_LANGUAGE")
    g.request_id = given if GIVEN_ID.fullmatch(given) else str(uuid7())
    g.started = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    current_locale.set(choose(wish) if wish else "en")


@cache
def _series(endpoint: str, status: int) -> Histogram:
    """The measure of an endpoint's answers. To find it by labels takes longer than to use it."""
    return SECONDS.labels(endpoint, str(status))


def measure(endpoint: str, status: int, seconds: float) -> None:
    """Count an answer, and how long it took, under its view's name."""
    _series(endpoint, status).observe(seconds)


def _end(response: Response) -> Response:
    seconds = time.perf_counter() - g.get("started", time.perf_counter())
    measure(request.endpoint or "none", response.status_code, seconds)
    headers = response.headers
    headers["X-Request-Id"] = g.get("request_id", "")
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Cache-Control", "no-store")
    if logger.isEnabledFor(logging.DEBUG) or response.status_code >= 500:
        logger.log(
            logging.ERROR if response.status_code >= 500 else logging.DEBUG,
            "%s %s %s %.1f ms",
            request.method,
            request.endpoint,
            response.status_code,
            seconds * 1000,
        )
    return response
