"""flask-smorest's blueprint with our parser: strict JSON bodies, no unknown query parameters."""

from typing import Any, ClassVar, NoReturn

import flask_smorest
import marshmallow as ma
from apispec.ext.marshmallow.common import resolve_schema_instance
from flask import Request, request
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import UnsupportedMediaType

from crm.errors import FieldError, Invalid, Malformed
from crm.http import strict_json
from crm.http.schema import invalid


def read_json() -> Any:
    """The body of this request, read strictly: 415, 400 and 422 as for any other body.

    For views that read by themselves (orders, batches); others declare `blp.arguments`.
    """
    if not request.is_json:
        raise UnsupportedMediaType()
    raw = request.get_data(cache=True)
    if not raw:
        raise Malformed(reason="it is empty")
    return strict_json.loads(raw)


def body_of(schema: Any) -> dict[str, Any]:
    """The OpenAPI request body of a view that reads by itself."""
    return {"required": True, "content": {"application/json": {"schema": schema}}}


class StrictParser(FlaskParser):
    """Loads bodies by `strict_json`; raises our refusals; refuses unknown query parameters."""

    DEFAULT_UNKNOWN_BY_LOCATION: ClassVar[dict[str, str | None]] = {
        "json": None,
        "query": ma.RAISE,
        "headers": ma.EXCLUDE,
    }

    def load_json(self, req: Request, schema: ma.Schema) -> Any:
        """The body's value; 415 for another media type, 400 for no body where one is due."""
        raw = req.get_data(cache=True)
        if not raw and getattr(schema, "body_optional", False):
            return {}
        if not req.is_json:
            raise UnsupportedMediaType()
        if not raw:
            raise Malformed(reason="it is empty")
        return strict_json.loads(raw)

    def load_querystring(self, req: Request, schema: ma.Schema) -> Any:
        """The query as a plain mapping; a parameter given twice is refused where one is meant."""
        for name, values in req.args.lists():
            for text in (name, *values):
                problem = strict_json.text_problem(text)
                if problem:
                    place = f"/{strict_json.escape(name)}".replace("\0", "")
                    raise Invalid([FieldError(place, "not_storable", problem)])
        return super().load_querystring(req, schema)

    def handle_error(
        self, error: ma.ValidationError, req: Request, schema: ma.Schema, **_: Any
    ) -> NoReturn:
        """All mistakes at once, as 422."""
        messages = error.messages
        for location in ("json", "query", "headers"):
            if isinstance(messages, dict) and location in messages:
                error = ma.ValidationError(messages[location])
        raise invalid(error)


class Blueprint(flask_smorest.Blueprint):
    """The blueprint of a room's API; its paths are relative to /api/v1."""

    ARGUMENTS_PARSER = StrictParser()

    def arguments(self, schema: Any, **kwargs: Any) -> Any:
        """As flask-smorest's. A schema is made here, once: webargs would make one per request."""
        return super().arguments(resolve_schema_instance(schema), **kwargs)
