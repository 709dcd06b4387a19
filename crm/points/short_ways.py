"""Awards and redemptions through the fast lane (`crm.http.lane`): read, done, answered."""

from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
from flask import Flask

from crm.auth.door import Memory, recognised
from crm.errors import Refused
from crm.http import Principal, strict_json
from crm.http.idempotency import Claim, claim_of, is_key
from crm.http.lane import Environ, Lane, Plain
from crm.points import awards, ledger
from crm.points.reading import plain_award, plain_redemption

AWARDS, REDEMPTIONS = "/api/v1/points/awards", "/api/v1/points/redemptions"
PERMISSION = "points:write"

# What a door of the database answered (status, body, replayed); None: not plain enough.
Found = tuple[Any, ...] | None
Act = Callable[[Any, Principal, Claim], Found]


def install(app: Flask) -> None:
    """Open the lane in front of `app`."""

    def award(body: Any, asker: Principal, claim: Claim) -> Found:
        read = plain_award(body)
        if read is None:
            return None
        who, given = read
        wanted = awards.award(
            who,
            given.points,
            activity=given.activity,
            source_key=given.source_key,
            actor=asker.name,
            key_id=asker.id,
            claim=claim,
            reason=given.reason,
        )
        return awards.give(wanted, app)

    def redeem(body: Any, asker: Principal, claim: Claim) -> Found:
        read = plain_redemption(body)
        if read is None:
            return None
        who, given = read
        with app.app_context():
            return ledger.spend(asker, claim, who, given.points, reference=given.reference)

    ways = {
        AWARDS: ("activities.award", partial(_go, app, AWARDS, award)),
        REDEMPTIONS: ("points.redeem", partial(_go, app, REDEMPTIONS, redeem)),
    }
    app.wsgi_app = Lane(app, ways)  # type: ignore[method-assign]


def _go(app: Flask, path: str, act: Act, environ: Environ, raw: bytes) -> Plain | None:
    """The plain answer to a plain request; what else was found goes to the view with it."""
    memory: Memory = app.extensions["crm.auth.memory"]
    sandbox: bool = app.extensions["crm.config"].sandbox
    asker = recognised(memory, environ.get("HTTP_AUTHORIZATION"), sandbox=sandbox)
    given = environ.get("HTTP_IDEMPOTENCY_KEY", "")
    if asker is None or not asker.may(PERMISSION) or not is_key(given):
        return None
    try:
        found = act(strict_json.loads(raw), asker, claim_of(asker, given, "POST", path, raw))
    except (Refused, psycopg.Error):
        return None  # the view tries again, and knows what to say
    if found is not None and found[0] in (200, 201):
        return Plain(*found)
    if found is not None:
        environ[ledger.FOUND] = found
    return None
