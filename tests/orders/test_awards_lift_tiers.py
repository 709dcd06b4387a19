"""Where the ladder counts points, an award's own transaction asks for a look at the tier."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from crm.db import db
from crm.queue import JOBS

LADDER = {
    "tiers": [
        {"code": "new", "name": {"en": "New"}, "qualify": {"any": []}},
        {
            "code": "keen",
            "name": {"en": "Keen"},
            "qualify": {"any": [{"metric": "points_earned", "at_least": 100}]},
        },
    ],
    "effective_at": "2020-01-01T00:00:00Z",
}
RULE = {"kind": "activity", "activity": "share", "points": 120}


def award(member, **changes):
    body = {"member": {"id": str(member)}, "activity": "share", "source_key": uuid4().hex}
    return body | {"points": 120} | changes


def tasks() -> list:
    rows = db.session.execute(text("SELECT args FROM task WHERE job = 'tiers.lift' ORDER BY id"))
    return [row.args for row in rows]


def tier_of(admin, member) -> str:
    return admin.get(f"/members/{member}/tier").get_json()["tier"]["code"]


@pytest.fixture
def by_points(admin):
    assert admin.put("/tiers", LADDER).status_code == 200


def by_rules(admin, member):
    assert admin.post("/points/rules", RULE).status_code == 201
    given = award(member)
    del given["points"]
    return admin.post("/points/awards", given)


WAYS = {
    "one": lambda admin, member: admin.post("/points/awards", award(member)),
    "batch": lambda admin, member: admin.post("/points/awards/batch", [award(member)]),
    "rules": by_rules,
}


@pytest.mark.parametrize("way", WAYS)
def test_an_award_lifts_by_the_task_that_it_put(admin, person, by_points, way):
    member = person()
    assert WAYS[way](admin, member).status_code in (200, 201)
    (args,) = tasks()
    assert args == [[str(member)]]
    assert tier_of(admin, member) == "new"
    JOBS["tiers.lift"](*args)
    assert tier_of(admin, member) == "keen"
    JOBS["tiers.lift"](*args)
    assert tier_of(admin, member) == "keen"


@pytest.mark.parametrize("way", WAYS)
def test_a_ladder_without_points_asks_for_nothing(admin, person, way):
    assert WAYS[way](admin, person()).status_code in (200, 201)
    assert tasks() == []


def test_a_refused_member_among_others_is_left_out_of_the_look(admin, person, by_points):
    member = person()
    admin.post("/points/awards/batch", [award(uuid4()), award(member)])
    (args,) = tasks()
    JOBS["tiers.lift"](*args)
    assert tier_of(admin, member) == "keen"
