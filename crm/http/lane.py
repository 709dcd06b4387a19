"""The fast lane: hot requests answered without Flask's frame, when they are plain and go well.

Flask's views stay the authority. A request that is anything else (another media type, a mistake, a
key that is not known yet, a refusal, a database in trouble) goes on to its view, which says what is
wrong; what the lane does answer is what the view would have answered, to the byte.
"""

import time
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, NamedTuple

from flask import Flask
from uuid_utils import uuid7

from crm.http.requests import GIVEN_ID, measure

MOST_BYTES = 8192  # of a body; hot requests are small

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class Plain(NamedTuple):
    """An answer as the lane gives it: 200 or 201, JSON, maybe a stored one again."""

    status: int
    body: str
    replayed: bool


ShortWay = Callable[[Environ, bytes], Plain | None]
REASONS = {200: "200 OK", 201: "201 CREATED"}


class Lane:
    """A WSGI application around another: `ways` by path, each for POST, by its view's name.

    A way gets the request and its body; it answers, or returns None: the view does it then.
    """

    def __init__(self, app: Flask, ways: dict[str, tuple[str, ShortWay]]) -> None:
        self._next = app.wsgi_app
        self._ways = ways

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """WSGI."""
        way = self._ways.get(environ["PATH_INFO"])
        if way is None or not _is_plain(environ):
            return self._next(environ, start_response)
        began = time.perf_counter()
        raw = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        answer = way[1](environ, raw)
        if answer is None:
            environ["wsgi.input"] = BytesIO(raw)
            return self._next(environ, start_response)
        body = answer.body.encode()
        measure(way[0], answer.status, time.perf_counter() - began)
        start_response(REASONS[answer.status], _headers(environ, answer, len(body)))
        return (body,)


def _is_plain(environ: Environ) -> bool:
    length = environ.get("CONTENT_LENGTH", "")
    return (
        environ["REQUEST_METHOD"] == "POST"
        and environ.get("CONTENT_TYPE") == "application/json"
        and not environ.get("QUERY_STRING")
        and length.isascii()
        and length.isdigit()
        and 0 < int(length) <= MOST_BYTES
    )


def _headers(environ: Environ, answer: Plain, length: int) -> list[tuple[str, str]]:
    given = environ.get("HTTP_X_REQUEST_ID", "")
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(length)),
        ("X-Request-Id", given if GIVEN_ID.fullmatch(given) else str(uuid7())),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-store"),
    ]
    if answer.replayed:
        headers.append(("Idempotent-Replayed", "true"))
    return headers
