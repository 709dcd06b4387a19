"""The application: settings, extensions, rooms. Nothing happens at import time."""

import logging
import os

import structlog
from flask import Flask

from crm import sandbox
from crm.config import Config
from crm.db import db, engine_options
from crm.http import problems, requests
from crm.http.application import Application
from crm.http.openapi import OPENAPI, Api
from crm.queue import connect
from crm.rooms import BLUEPRINTS, INSTALLERS


def create_app(settings: Config | None = None) -> Flask:
    """A ready application. Raises `BadSetting` for settings that can't work."""
    settings = settings or Config.read(os.environ)
    app = Application("crm", static_folder=None)
    app.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
        SQLALCHEMY_DATABASE_URI=settings.sqlalchemy_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings),
        SQLALCHEMY_BINDS={
            "autocommit": {
                "url": settings.sqlalchemy_url,
                **engine_options(settings, hot=True),
                "isolation_level": "AUTOCOMMIT",
            }
        },
        **OPENAPI,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.extensions["crm.config"] = settings
    app.extensions["redis"] = connect(settings.redis_url)
    _log(settings)
    db.init_app(app)
    requests.install(app)
    api = Api(app)
    problems.install(app)  # after Api, whose own handlers it replaces
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint, url_prefix="/api/v1")
    if settings.sandbox:
        api.register_blueprint(sandbox.blp, url_prefix="/api/v1")
    for install in INSTALLERS:
        install(app)
    return app


def _log(settings: Config) -> None:
    """JSON lines on standard error, with the request's id."""
    chain = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
            foreign_pre_chain=chain,
        )
    )
    root = logging.getLogger("crm")
    root.handlers = [handler]
    root.propagate = False
    root.setLevel(settings.log_level)
