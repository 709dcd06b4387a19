"""The API of the programme and its rules. Every change is a new version and is audited."""

from typing import Any
from uuid import UUID

from crm import clock, versions
from crm.db import transaction
from crm.http import Blueprint, needs, principal
from crm.http.pagination import PageQuery, decode, page, page_of
from crm.points import programme, programme_history, rules
from crm.points.programme_schemas import ProgrammeDocument, ProgrammeQuery, ProgrammeVersionOut
from crm.points.rule_schemas import RuleChange, RuleIn, RuleOut, RulesQuery, RuleVersionOut

blp = Blueprint("programme", __name__, description="How points are earned, spent and kept.")


@blp.get("/points/programme")
@needs("programme:read")
@blp.arguments(ProgrammeQuery, location="query")
@blp.response(200, ProgrammeDocument)
def read_programme(query):
    """The programme in force, now or at another instant."""
    return programme.document_at(query["at"] or clock.now())


@blp.put("/points/programme")
@needs("programme:write")
@blp.arguments(ProgrammeDocument)
@blp.response(200, ProgrammeDocument)
def change_programme(body):
    """Write a new version of the programme.

    What is left out stays as it is in the version in force at `effective_at` (now by default); a
    list that is given replaces the old one. `version`, if given, must be the one in force.
    """
    with transaction():
        return programme.change(body, actor=principal(), now=clock.now())


@blp.get("/points/programme/versions")
@needs("programme:read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(ProgrammeVersionOut))
def list_programme_versions(query):
    """Every version of the programme, the latest to take effect first.

    `state`: in_force, announced (its time has not come), past, or replaced (a later one for the
    same instant was written).
    """
    (number,) = decode(query["cursor"], int) or (None,)
    rows = versions.after(programme_history.versions(clock.now()), number)
    limit = query["limit"]
    found = page(rows[: limit + 1], limit, lambda item: (item.row.version,))
    return found | {"data": [_version(item) for item in found["data"]]}


def _version(item):
    row = item.row
    stamps = {"state": item.state, "created_by": row.created_by, "created_at": row.created_at}
    return programme_history.settings_of(row) | stamps


@blp.get("/points/rules")
@needs("programme:read")
@blp.arguments(RulesQuery, location="query")
@blp.response(200, page_of(RuleOut))
def list_rules(query):
    """The latest version of each rule, in the order in which they were made."""
    (after,) = decode(query["cursor"], UUID) or (None,)
    limit = query["limit"]
    rows = rules.latest(after=after, limit=limit, ended=query["include_ended"])
    found = page(rows, limit, lambda row: (row.id,))
    return found | {"data": [rules.document(row) for row in found["data"]]}


@blp.post("/points/rules")
@needs("programme:write")
@blp.arguments(RuleIn)
@blp.response(201, RuleOut)
def create_rule(body):
    """Make a rule. It counts for orders placed from now on, or since an earlier `starts_at`."""
    with transaction():
        return rules.document(rules.create(body, actor=principal(), now=clock.now()))


@blp.put("/points/rules/<uuid:id>")
@needs("programme:write")
@blp.arguments(RuleChange)
@blp.response(200, RuleOut)
def change_rule(body, id):
    """Write a new version of a rule, whole: it counts for orders placed from now on.

    `version`, if given, must be the newest one.
    """
    with transaction():
        return rules.document(rules.revise(id, body, actor=principal(), now=clock.now()))


@blp.get("/points/rules/<uuid:id>/versions")
@needs("programme:read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(RuleVersionOut))
def list_rule_versions(query, id):
    """Every version of a rule, the newest first."""
    (number,) = decode(query["cursor"], int) or (None,)
    rows = programme_history.rule_versions(id)
    rows = [row for row in rows if number is None or row.version < number]
    limit = query["limit"]
    found = page(rows[: limit + 1], limit, lambda row: (row.version,))
    return found | {"data": [_rule_version(row) for row in found["data"]]}


def _rule_version(row):
    return rules.document(row) | {"created_by": row.created_by, "created_at": row.created_at}


@blp.delete("/points/rules/<uuid:id>")
@needs("programme:write")
@blp.response(204)
def end_rule(id) -> Any:
    """End a rule now. Orders placed before keep what it gave them. Repeatable."""
    with transaction():
        rules.end(id, now=clock.now())
