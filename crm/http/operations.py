"""For operators: is the process alive, is it ready, what are its figures; and the API's page."""

from flask import Flask, Response, current_app, jsonify, send_from_directory
from prometheus_client import CONTENT_TYPE_LATEST
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from crm import __version__
from crm.db import db
from crm.http.metrics import exposition
from crm.http.openapi import FILES
from crm.http.permissions import needs
from crm.migrations import newest

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Regulars API</title>
<link rel="stylesheet" href="docs/swagger-ui.css"></head><body><div id="ui"></div>
<script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script>
</body></html>"""
START = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#ui", deepLinking: true});'


@needs(None)
def healthz() -> Response:
    """Public: a load balancer asks without a key whether the process answers."""
    return jsonify(status="ok", version=__version__)


@needs(None)
def readyz() -> tuple[Response, int]:
    """Public: ready means the database answers and has the newest schema. Redis may be away."""
    checks = {"database": "ok", "migrations": "ok", "redis": "ok"}
    try:
        found = db.session.execute(text("SELECT version_num FROM alembic_version")).scalar()
        checks["migrations"] = "ok" if found == newest() else "behind"
    except SQLAlchemyError:
        db.session.rollback()
        checks["database"] = "away"
    try:
        current_app.extensions["redis"].ping()
    except RedisError:
        checks["redis"] = "degraded"
    ready = checks["database"] == checks["migrations"] == "ok"
    return jsonify(status="ready" if ready else "unavailable", checks=checks), 200 if ready else 503


@needs(None)
def metrics() -> Response:
    """Public by default: Prometheus scrapes without a key; figures only, no personal data."""
    return Response(exposition(), content_type=CONTENT_TYPE_LATEST)


@needs(None)
def docs() -> Response:
    """Public: the contract is no secret."""
    return Response(PAGE, content_type="text/html; charset=utf-8")


@needs(None)
def docs_file(name: str) -> Response:
    """Public: the page's own script and style."""
    if name == "start.js":
        return Response(START, content_type="text/javascript")
    return send_from_directory(FILES, name)


def install(app: Flask) -> None:
    """Add the operators' routes."""
    app.add_url_rule("/healthz", "healthz", healthz)
    app.add_url_rule("/readyz", "readyz", readyz)
    app.add_url_rule("/metrics", "metrics", metrics)
    app.add_url_rule("/api/v1/docs", "docs", docs)
    app.add_url_rule("/api/v1/docs/<name>", "docs_file", docs_file)
