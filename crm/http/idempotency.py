"""Same key, same request: the same answer, once. The keys live in a narrow table of their own.

The claim, the effect and the stored answer are one transaction: either all are there or none.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

from flask import Response, request
from sqlalchemy import text

from crm import clock
from crm.db import db, forget_waiting, transaction
from crm.errors import N_, FieldError, Invalid, Refused, Unprocessable
from crm.http.permissions import View
from crm.http.principal import Principal, principal
from crm.http.problems import answer
from crm.ids import digest_id

KEPT_HOURS = 72


class KeyReused(Unprocessable):
    """The key belongs to another request (422); nothing was done."""

    code = "idempotency_key_reused"
    detail = N_("This Idempotency-Key was used for another request.")


class Claim(NamedTuple):
    """The narrow identity of a request: its key, and what was asked with it (see `digest_id`)."""

    key: str
    fingerprint: str


def claim_of_request() -> Claim:
    """Read the header and the body. Raises `Invalid` for a missing or malformed key."""
    given = request.headers.get("Idempotency-Key", "")
    if not given:
        _refuse("required", N_("Send an Idempotency-Key header with this request."))
    if not is_key(given):
        _refuse("bad_format", N_("Idempotency-Key takes 1 to 255 printable ASCII characters."))
    return claim_of(principal(), given, request.method, request.path, request.get_data(cache=True))


def is_key(given: str) -> bool:
    """Whether this may be an Idempotency-Key: 1 to 255 printable ASCII characters."""
    return 1 <= len(given) <= 255 and given.isascii() and given.isprintable()


def claim_of(who: Principal, given: str, method: str, path: str, body: bytes) -> Claim:
    """The claim of `who` sending this key with this request."""
    return Claim(
        digest_id("key", str(who.id), given), digest_id(method, path, body.decode("latin-1"))
    )


def _refuse(code: str, detail: str) -> None:
    raise Invalid([FieldError("/headers/Idempotency-Key", f"idempotency_key_{code}", detail)])


def replay(status: int, body: str) -> Response:
    """The stored answer again, to the byte."""
    kind = "application/json" if status < 400 else "application/problem+json"
    response = Response(body, status, content_type=kind)
    response.headers["Idempotent-Replayed"] = "true"
    return response


def answered(claim: Claim) -> Response | None:
    """The stored answer, for views that refuse by what may have changed since it was given.

    Raises `KeyReused`.
    """
    known = db.session.execute(
        text("""
            SELECT CASE WHEN fingerprint = :fingerprint THEN status ELSE 0 END AS status, body
            FROM idempotency_key WHERE key = :key AND status IS NOT NULL
        """),
        claim._asdict(),
    ).one_or_none()
    return None if known is None else _earlier(known.status, known.body)


def idempotent(view: View) -> View:
    """Open the transaction, claim the request's key, run the view, store its answer; or replay.

    Kept: 2xx and refusals by rule. Not kept: what is malformed, forbidden, unknown or our fault.
    Views below it must not open a transaction themselves.
    """

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Response:
        claim = claim_of_request()
        with transaction():
            earlier = db.session.execute(
                text("SELECT status, body FROM idempotency_claim(:key, :fingerprint, :now)"),
                {**claim._asdict(), "now": clock.now()},
            ).one()
            if earlier.status is not None:
                return _earlier(earlier.status, earlier.body)
            response = _run(view, args, kwargs)
            if not _is_final(response):
                forget_waiting()
                db.session.rollback()
                return response
            db.session.execute(
                text("UPDATE idempotency_key SET status = :status, body = :body WHERE key = :key"),
                {
                    "status": response.status_code,
                    "body": response.get_data(as_text=True),
                    "key": claim.key,
                },
            )
            return response

    return needs_key(wrapper)  # type: ignore[return-value]  # same signature, by wraps


def _earlier(status: int, body: str) -> Response:
    if status == 0:
        raise KeyReused()
    return replay(status, body)


def _run(view: Callable[..., Any], args: tuple, kwargs: dict) -> Response:
    savepoint = db.session.begin_nested()
    try:
        response = view(*args, **kwargs)
        savepoint.commit()
        return response
    except Refused as refused:
        savepoint.rollback()
        forget_waiting()
        return answer(refused)


def _is_final(response: Response) -> bool:
    status = response.status_code
    if status < 400:
        return True
    if status not in (409, 422) or "Retry-After" in response.headers:
        return False
    return b'"validation_failed"' not in response.get_data()


def needs_key(wrapper: Any) -> Any:
    """Tell the OpenAPI document that a view needs the header.

    `idempotent` does so itself; views whose one statement claims the key say it by this alone.
    """
    wrapper._apidoc = dict(getattr(wrapper, "_apidoc", {}))
    manual = dict(wrapper._apidoc.get("manual_doc", {}))
    manual["parameters"] = [
        {
            "in": "header",
            "name": "Idempotency-Key",
            "required": True,
            "schema": {
                "type": "string",
                "minLength": 1,
                "maxLength": 255,
                "pattern": "^[ -~]+$",
            },
        }
    ]
    wrapper._apidoc["manual_doc"] = manual
    return wrapper


def purge(before: Any) -> int:
    """Forget keys older than `before` (at least 72 hours); returns how many."""
    done = db.session.execute(
        text("DELETE FROM idempotency_key WHERE created_at < :before"), {"before": before}
    )
    return done.rowcount  # type: ignore[attr-defined]


__all__ = [
    "Claim",
    "KeyReused",
    "answered",
    "claim_of_request",
    "idempotent",
    "needs_key",
    "purge",
    "replay",
]
