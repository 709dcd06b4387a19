"""Versions of the programme, its rules and its ladder: all of them, in the order of their time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from api_client import Api

from crm import clock, versions

NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)


def stamped(*pairs: tuple[int, int]) -> list[SimpleNamespace]:
    """Versions (number, hours from noon)."""
    return [
        SimpleNamespace(version=number, effective_at=NOON + timedelta(hours=hours))
        for number, hours in pairs
    ]


@pytest.mark.usefixtures("no_database")
def test_of_versions_for_one_instant_the_last_written_counts():
    rows = stamped((1, -9), (2, 5), (3, 0), (4, 5), (5, 0), (6, -4))
    found = versions.arranged(rows, NOON)
    assert [(item.row.version, item.state) for item in found] == [
        (4, "announced"),
        (2, "replaced"),
        (5, "in_force"),
        (3, "replaced"),
        (6, "past"),
        (1, "past"),
    ]
    before = {item.row.version: item.before and item.before.version for item in found}
    assert before == {4: 5, 2: 5, 5: 6, 3: 6, 6: 1, 1: None}


def walk(api: Api, path: str) -> Iterator[dict]:
    """All items of a list, two at a time."""
    cursor = ""
    while cursor is not None:
        answer = api.get(f"{path}?limit=2{cursor and f'&cursor={cursor}'}")
        assert answer.status_code == 200, answer.text
        body = answer.get_json()
        yield from body["data"]
        cursor = body["next_cursor"]


def test_versions_of_the_programme_are_listed_with_their_state(admin: Api):
    later = (clock.now() + timedelta(days=9)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for days, effective_at in ((3, None), (4, later), (5, later)):
        body = {"pending": {"days": days}} | (
            {"effective_at": effective_at} if effective_at else {}
        )
        assert admin.put("/points/programme", body).status_code == 200
    found = list(walk(admin, "/points/programme/versions"))
    assert [(one["version"], one["state"], one["pending"]["days"]) for one in found] == [
        (4, "announced", 5),
        (3, "replaced", 4),
        (2, "in_force", 3),
        (1, "past", 7),
    ]
    assert {one["created_by"] for one in found} == {"admin", "system"}


def test_versions_of_a_rule_are_listed_newest_first(admin: Api):
    body = {"kind": "per_order", "points": 1, "name": "Hello"}
    rule_id = admin.post("/points/rules", body).get_json()["id"]
    for points in (2, 3):
        admin.put(f"/points/rules/{rule_id}", body | {"points": points})
    found = list(walk(admin, f"/points/rules/{rule_id}/versions"))
    assert [(one["version"], one["points"]) for one in found] == [(3, 3), (2, 2), (1, 1)]
    assert [one["ended_at"] is None for one in found] == [True, False, False]
    gone = admin.get("/points/rules/01890000-0000-7000-8000-000000000000/versions")
    assert (gone.status_code, gone.get_json()["code"]) == (404, "rule_not_found")


def test_versions_of_the_ladder_are_listed_with_their_state(admin: Api):
    assert admin.put("/tiers", {"grace_days": 3}).status_code == 200
    found = list(walk(admin, "/tiers/versions"))
    assert [one["state"] for one in found] == ["in_force", "past"]
    assert found[0]["grace_days"] == 3
    assert len(found[0]["tiers"]) == 5


@pytest.mark.parametrize("path", ["/points/programme/versions", "/tiers/versions"])
def test_a_foreign_cursor_is_refused(admin: Api, path: str):
    answer = admin.get(f"{path}?cursor=nonsense")
    assert (answer.status_code, answer.get_json()["errors"][0]["code"]) == (422, "bad_cursor")
