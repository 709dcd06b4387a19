"""The OpenAPI document and its page, both served from installed files: no CDN."""

from pathlib import Path

import flask_swagger_ui

from crm import __version__

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
