"""Many awards in one request: each by itself, those that are refused say why, the others are given.

The answer is put together from the texts that the database gives: nothing is read and written anew.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import marshmallow as ma

from crm.errors import Refused
from crm.http import problems
from crm.http.principal import Principal
from crm.http.schema import invalid
from crm.members import identity
from crm.points import awards
from crm.points.awards import Award
from crm.points.errors import ExpiryInThePast
from crm.points.ledger import refusal
from crm.points.reading import plain_award
from crm.points.schemas import PlainAwardIn

MOST_IN_BATCH = 1000
_schema = PlainAwardIn()


def give(bodies: Sequence[Any], *, by: Principal, now: datetime) -> str:
    """Give the awards of these JSON values, in transactions of their own; the answer as JSON."""
    results = [""] * len(bodies)
    places, wanted = [], []
    for place, body in enumerate(bodies):
        try:
            wanted.append(_read(body, by, now))
            places.append(place)
        except Refused as refused:
            results[place] = _refused(place, refused)
    given = 0
    for place, found in zip(places, awards.give_apart(wanted, now=now), strict=True):
        if found.status in (200, 201):
            given += found.status == 201
            results[place] = f'{{"index":{place},"status":{found.status},"entry":{found.body}}}'
        else:
            results[place] = _refused(place, refusal(found.body))
    refused = sum('"problem"' in result[:60] for result in results)
    return f'{{"results":[{",".join(results)}],"given":{given},"refused":{refused}}}'


def _read(body: Any, by: Principal, now: datetime) -> Award:
    plain = plain_award(body)
    if plain is not None:
        who, read = plain
        return awards.award(
            who,
            read.points,
            activity=read.activity,
            source_key=read.source_key,
            actor=by.name,
            reason=read.reason,
        )
    try:
        data = cast(dict[str, Any], _schema.load(body))
    except ma.ValidationError as error:
        raise invalid(error) from None
    expires_at = data["expires_at"]
    if expires_at is not None and expires_at <= now + timedelta(seconds=1):
        raise ExpiryInThePast(pointer="/expires_at")
    who = identity.parse_ref(data.pop("member"), at="/member")
    return awards.award(who, data.pop("points"), actor=by.name, **data)


def _refused(place: int, refused: Refused) -> str:
    problem = json.dumps(problems.document(refused), ensure_ascii=False, default=str)
    return f'{{"index":{place},"status":{refused.status},"problem":{problem}}}'
