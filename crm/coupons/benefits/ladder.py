"""A new ladder is written: what its tiers bring must be there to be given."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from crm.coupons import templates
from crm.coupons.benefits import promises
from crm.coupons.benefits.promises import Named
from crm.coupons.errors import TemplateEnded, TemplateNotFound
from crm.errors import N_, FieldError, Invalid
from crm.http.fields import read_id
from crm.http.principal import Principal
from crm.members.tiers import ladders
from crm.members.tiers.announcing import announce
from crm.members.tiers.ladder import Ladder


def change(given: Mapping[str, Any], *, actor: Principal, now: datetime) -> Ladder:
    """Write a new version of the ladder, and let members be judged by it when it is in force.

    As `ladders.change`; and every coupon template that a tier names must exist and not have ended,
    unless the ladder in force names it already. Raises `Invalid` with a pointer for each.
    """
    if given.get("tiers"):
        mistakes = list(_mistakes(given["tiers"], now))
        if mistakes:
            raise Invalid(mistakes)
    ladder = ladders.change(given, actor=actor, now=now)
    announce(ladder)
    return ladder


def _mistakes(tiers: list[Mapping[str, Any]], now: datetime) -> Iterator[FieldError]:
    in_force = ladders.document_at(now)["tiers"]
    old = {one.given for one in promises.named(in_force)}
    asked: list[tuple[Named, UUID]] = []
    for one in promises.named(tiers):
        if one.given in old:
            continue
        try:
            asked.append((one, read_id(one.given)))
        except ValueError:
            yield FieldError(_pointer(one), "invalid_id", N_("This must be a UUID."))
    found = templates.many([template for _, template in asked]) if asked else {}
    for one, template in asked:
        known = found.get(template)
        if known is None:
            yield FieldError(_pointer(one), TemplateNotFound.code, TemplateNotFound.detail)
        elif known.ended_at is not None and known.ended_at <= now:
            yield FieldError(_pointer(one), TemplateEnded.code, TemplateEnded.detail)


def _pointer(one: Named) -> str:
    place, *rest = one.place
    return "/".join(["/tiers", str(place), "benefits", *map(str, rest)])
