"""The API as tests call it."""

import json
from typing import Any
from uuid import uuid4

from flask.testing import FlaskClient
from werkzeug.test import TestResponse


class Api:
    """A test client that sends a key, and an Idempotency-Key with every POST."""

    def __init__(self, client: FlaskClient, key: str) -> None:
        self.client, self.key = client, key

    def __call__(
        self, method: str, path: str, body: Any = None, *, idem: str | None = None, **kwargs: Any
    ) -> TestResponse:
        """Send JSON to /api/v1 + path."""
        headers = {"Authorization": f"Bearer {self.key}"} | kwargs.pop("headers", {})
        if method == "POST":
            headers.setdefault("Idempotency-Key", idem or uuid4().hex)
        if body is not None:
            kwargs["data"] = body if isinstance(body, (bytes, str)) else json.dumps(body)
            kwargs["content_type"] = "application/json"
        return self.client.open("/api/v1" + path, method=method, headers=headers, **kwargs)

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        """GET."""
        return self("GET", path, **kwargs)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> TestResponse:
        """POST with a key of its own unless `idem` is given."""
        return self("POST", path, body, **kwargs)

    def put(self, path: str, body: Any = None, **kwargs: Any) -> TestResponse:
        """PUT."""
        return self("PUT", path, body, **kwargs)

    def patch(self, path: str, body: Any = None, **kwargs: Any) -> TestResponse:
        """PATCH."""
        return self("PATCH", path, body, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> TestResponse:
        """DELETE."""
        return self("DELETE", path, **kwargs)
