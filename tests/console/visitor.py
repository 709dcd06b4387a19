"""A person at the console, as tests drive one: a browser without scripts."""

import html
import re
from collections.abc import Mapping
from contextvars import Context
from typing import Any

from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

PASSWORD = "correct horse battery"
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Visitor:
    """Keeps cookies, and sends each form with the token of the page it stood on."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.token = ""

    def get(self, path: str, query: dict[str, str] | None = None, **headers: str) -> TestResponse:
        """Open a page of the console; `path` begins after /console."""
        return self._send("GET", path, query_string=query, headers=headers)

    def post(self, path: str, fields: Mapping[str, object] | None = None, **headers: str):
        """Send a form, with the token last seen."""
        data = MultiDict(fields or {})
        data.setdefault("csrf_token", self.token)
        return self._send("POST", path, data=data, headers=headers)

    def sign_in(self, email: str, password: str = PASSWORD, target: str = "") -> TestResponse:
        """Fill in the sign-in page."""
        self.get("/sign-in")
        fields = {"email": email, "password": password, "next": target}
        return self.post("/sign-in", fields)

    def _send(self, method: str, path: str, **more: Any) -> TestResponse:
        # Outside of the test's own application context, whose `g` would outlive the request.
        answer = Context().run(self.client.open, "/console" + path, method=method, **more)
        if found := TOKEN.search(answer.text):
            self.token = found[1]
        return answer


def words(answer: TestResponse) -> str:
    """What stands on a page, without its markup."""
    text = re.sub(r"<(script|style|svg)\b.*?</\1>|<[^>]*>", " ", answer.text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(text))
