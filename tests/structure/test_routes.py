"""Every route is guarded and documented; nothing is documented that is not there."""

import re

import pytest
from flask import Flask
from werkzeug.routing import Rule

from crm.auth.door import LIBRARY_VIEWS
from crm.http.permissions import PERMISSIONS, ROLES

pytestmark = pytest.mark.usefixtures("no_database")
UNDOCUMENTED = {"/api/v1/openapi.json", "/api/v1/docs", "/api/v1/docs/{name}"}


def shape(path: str) -> str:
    """A path with its parameters as OpenAPI writes them."""
    return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", path)


def api_rules(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/v1/")]


def test_every_view_declares_its_permission(app: Flask):
    silent = [
        endpoint
        for endpoint, view in app.view_functions.items()
        if not hasattr(view, "permission") and endpoint.rpartition(".")[2] not in LIBRARY_VIEWS
    ]
    assert silent == []


def test_every_declared_permission_exists(app: Flask):
    declared = {getattr(view, "permission", None) for view in app.view_functions.values()}
    assert declared - {None} <= set(PERMISSIONS)


def test_every_permission_is_needed_somewhere(app: Flask):
    declared = {getattr(view, "permission", None) for view in app.view_functions.values()}
    checked_by_rules = {"members:reveal"}
    assert set(PERMISSIONS) - declared - checked_by_rules == set()


def test_a_view_without_permission_says_why_it_is_public(app: Flask):
    for endpoint, view in app.view_functions.items():
        if hasattr(view, "permission") and view.permission is None:  # type: ignore[attr-defined]
            assert (view.__doc__ or "").lower().startswith("public"), endpoint


def test_every_role_holds_known_permissions_and_the_administrator_all():
    for permissions in ROLES.values():
        assert permissions <= set(PERMISSIONS)
    assert ROLES["admin"] == set(PERMISSIONS)


def test_the_document_and_the_routes_are_the_same(app: Flask):
    document = app.test_client().get("/api/v1/openapi.json").get_json()
    documented = {
        (path, method.upper())
        for path, operations in document["paths"].items()
        for method in operations
        if method != "parameters"
    }
    served = {
        (shape(rule.rule), method)
        for rule in api_rules(app)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if shape(rule.rule) not in UNDOCUMENTED
    }
    assert {("/api/v1" + path.removeprefix("/api/v1"), m) for path, m in documented} == served


def test_every_operation_says_what_it_does(app: Flask):
    document = app.test_client().get("/api/v1/openapi.json").get_json()
    silent = [
        f"{method} {path}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method != "parameters" and not operation.get("summary")
    ]
    assert silent == []
