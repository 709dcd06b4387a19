"""The OpenAPI document and its page, both served from installed files: no CDN."""

from http import HTTPStatus
from pathlib import Path

import flask_smorest
import flask_swagger_ui
import marshmallow as ma

from crm import __version__
from crm.http import fields

FILES = Path(flask_swagger_ui.__file__).parent / "dist"

OPENAPI = {
    "API_TITLE": "Regulars",
    "API_VERSION": __version__,
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/api/v1",
    "OPENAPI_JSON_PATH": "openapi.json",
    "API_SPEC_OPTIONS": {
        "info": {
            "description": "Members, orders, points, tiers and segments of a shop.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"key": []}],
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    },
}


class ProblemError(ma.Schema):
    """What is wrong with one field of the request."""

    pointer = ma.fields.String(metadata={"description": "JSON pointer (RFC 6901) into the request"})
    code = ma.fields.String(metadata={"description": "stable"})
    detail = ma.fields.String()


class Problem(ma.Schema):
    """A refusal (RFC 9457); some carry facts of their own beside these members."""

    class Meta:
        unknown = ma.INCLUDE

    type = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    status = fields.Whole(400, 599, required=True)
    code = ma.fields.String(required=True, metadata={"description": "stable; branch on it"})
    detail = ma.fields.String(required=True, metadata={"description": "in the reader's language"})
    errors = fields.Items(fields.Nested(ProblemError), required=True)
    request_id = ma.fields.String(required=True)


class Api(flask_smorest.Api):
    """flask-smorest's, whose document tells our refusals instead of the library's."""

    def _register_responses(self) -> None:
        assert self.spec is not None, "the library makes it first"
        content = {"application/problem+json": {"schema": Problem}}
        names = {status.name: status.phrase for status in HTTPStatus if status >= 400}
        for name, phrase in (names | {"DEFAULT_ERROR": "A refusal"}).items():
            response = {"description": phrase, "content": content}
            self.spec.components.response(name, response, lazy=True)

    def _register_pagination_header(self) -> None:
        """Pages are told in the body, not in a header."""
