"""The one place where refusals and failures become problem+json (RFC 9457)."""

import json
import logging
from typing import Any

import psycopg
from flask import Flask, Response, g, request
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from crm.errors import N_, Busy, FieldError, Invalid, Malformed, NotFound, Refused
from crm.i18n import form, gettext

logger = logging.getLogger(__name__)

TITLES = {
    400: N_("Malformed request"),
    401: N_("Not signed in"),
    403: N_("Not allowed"),
    404: N_("Not found"),
    405: N_("Method not allowed"),
    409: N_("Conflict"),
    413: N_("Too large"),
    415: N_("Unsupported media type"),
    422: N_("Not accepted"),
    429: N_("Too many requests"),
    500: N_("Internal error"),
    503: N_("Not available"),
}


class UnknownAddress(NotFound):
    """No route has this path (404)."""

    detail = N_("There is no such address.")


class MethodNotAllowed(Refused):
    """The route does not know this method (405); the header Allow lists those it knows."""

    code, status = "method_not_allowed", 405
    detail = N_("This address does not know this method.")


class TooLarge(Refused):
    """The body is longer than CRM_MAX_BODY_BYTES (413)."""

    code, status = "too_large", 413
    detail = N_("The body is larger than this service takes.")


class UnsupportedMediaType(Refused):
    """The body is not declared as JSON (415)."""

    code, status = "unsupported_media_type", 415
    detail = N_("Send the body as application/json.")


class NotUnderstood(Malformed):
    """What HTTP itself refuses: broken encodings, impossible headers (4xx)."""

    detail = N_("The request could not be understood.")


HTTP_KINDS: dict[int, type[Refused]] = {
    404: UnknownAddress,
    405: MethodNotAllowed,
    413: TooLarge,
    415: UnsupportedMediaType,
}
GONE = (OperationalError, InterfaceError, PoolTimeout, psycopg.OperationalError)


def say(text: str, facts: dict[str, Any]) -> str:
    """A sentence in the reader's language with its facts filled in."""
    translated = form(text, facts)
    try:
        return translated.format(**facts)
    except (KeyError, IndexError, ValueError):  # text from outside may hold braces
        return translated


def document(refused: Refused, status: int | None = None) -> dict[str, Any]:
    """The problem document of a refusal, in the reader's language."""
    status = status or refused.status
    body: dict[str, Any] = {
        "type": f"https://regulars.dev/problems/{refused.code}",
        "title": gettext(TITLES.get(status, TITLES[422])),
        "status": status,
        "code": refused.code,
        "detail": say(refused.detail, refused.facts),
        "errors": [_field(item) for item in getattr(refused, "errors", ())],
        "request_id": g.get("request_id", ""),
    }
    if refused.pointer is not None:
        body["errors"].append(
            {"pointer": refused.pointer, "code": refused.code, "detail": body["detail"]}
        )
    return body | {name: value for name, value in refused.facts.items() if name not in body}


def _field(error: FieldError) -> dict[str, str]:
    detail = say(error.detail, error.facts)
    return {"pointer": error.pointer, "code": error.code, "detail": detail}


def answer(refused: Refused, status: int | None = None) -> Response:
    """The response of a refusal; `status` where HTTP says it more exactly than the kind."""
    text = json.dumps(document(refused, status), ensure_ascii=False, default=str)
    response = Response(text, status or refused.status, content_type="application/problem+json")
    if "retry_after" in refused.facts:
        response.headers["Retry-After"] = str(refused.facts["retry_after"])
    if refused.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _http(error: HTTPException) -> AnyResponse:
    status = error.code or 500
    if status < 400:
        return Response.force_type(error.get_response())  # a redirect is no problem
    response = answer(HTTP_KINDS.get(status, NotUnderstood)(), status)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


class InternalError(Refused):
    """A fault of ours; the log has the trace under the request id."""

    code, status = "internal_error", 500
    detail = N_("Something went wrong on our side. The log has it under the request id.")


class InProgress(Refused):
    """The first request with this key has not ended (409)."""

    code, status = "idempotency_in_progress", 409
    detail = N_("A request with this key is still in progress. Try again in a moment.")


class Contended(Refused):
    """Another write holds the same rows (409)."""

    code, status = "contended", 409
    detail = N_("Another write holds this record. Try again in a moment.")


def refusal_of(error: Exception) -> Refused:
    """What an unexpected failure means to the caller; logs what is ours to mend."""
    driver = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(driver, psycopg.errors.LockNotAvailable):
        context = driver.diag.context or ""
        kind = InProgress if "idempotency_claim" in context else Contended
        return kind(retry_after=1)
    if isinstance(driver, (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)):
        return Contended(retry_after=1)
    if isinstance(error, DataError) or isinstance(driver, psycopg.DataError):
        logger.warning("a value passed validation but not the database", exc_info=error)
        return Invalid([FieldError("", "not_storable", N_("A value can't be stored."))])
    if isinstance(error, GONE) or isinstance(driver, GONE):
        logger.error("the database did not answer: %s", driver)
        return Busy(retry_after=2)
    logger.exception("unhandled error in %s", request.endpoint, exc_info=error)
    return InternalError()


def install(app: Flask) -> None:
    """Answer every refusal and failure of `app` with problem+json, except where a page is due."""

    def refused(error: Refused) -> Response:
        return answer(error)

    def failed(error: Exception) -> Response:
        return answer(refusal_of(error))

    app.register_error_handler(Refused, refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, failed)
