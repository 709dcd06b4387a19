"""Awards through the fast lane (`crm.http.lane`): read, given, answered."""

import psycopg
from flask import Flask

from crm.auth.door import Memory, recognised
from crm.errors import Refused
from crm.http import strict_json
from crm.http.idempotency import claim_of, is_key
from crm.http.lane import Environ, Lane, Plain
from crm.points import awards, ledger
from crm.points.reading import plain_award

AWARDS = "/api/v1/points/awards"
PERMISSION = "points:write"


def install(app: Flask) -> None:
    """Open the lane in front of `app`."""
    memory: Memory = app.extensions["crm.auth.memory"]
    sandbox: bool = app.extensions["crm.config"].sandbox

    def award(environ: Environ, raw: bytes) -> Plain | None:
        asker = recognised(memory, environ.get("HTTP_AUTHORIZATION"), sandbox=sandbox)
        given = environ.get("HTTP_IDEMPOTENCY_KEY", "")
        if asker is None or not asker.may(PERMISSION) or not is_key(given):
            return None
        try:
            read = plain_award(strict_json.loads(raw))
        except Refused:
            return None
        if read is None:
            return None
        who, body = read
        wanted = awards.award(
            who,
            body.points,
            activity=body.activity,
            source_key=body.source_key,
            actor=asker.name,
            key_id=asker.id,
            claim=claim_of(asker, given, "POST", AWARDS, raw),
            reason=body.reason,
        )
        try:
            found = awards.give(wanted, app)
        except psycopg.Error:
            return None  # the view tries again, and knows what to say
        if found.status in (200, 201):
            return Plain(*found)
        environ[ledger.FOUND] = found
        return None

    app.wsgi_app = Lane(app, {AWARDS: ("activities.award", award)})  # type: ignore[method-assign]
