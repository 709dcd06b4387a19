"""A batch is given in parts, each a transaction of its own; these tests commit for real.

What a crash leaves half done, the same request completes; single awards pass between the parts.
"""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from crm.db import call_rows, db
from crm.members.identity import MemberRef
from crm.points import awards, check

pytestmark = pytest.mark.usefixtures("committed")
BATCH = "/points/awards/batch"


def item(member_id: UUID, **changes: Any) -> dict[str, Any]:
    body = {"member": {"id": str(member_id)}, "activity": "review", "points": 30}
    return body | {"source_key": uuid4().hex} | changes


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awards, "PART", 2)


FREE = text("SELECT member_id FROM points_account ORDER BY 1 FOR UPDATE SKIP LOCKED")


def plain(member_id: UUID) -> awards.Award:
    who = MemberRef("id", str(member_id))
    return awards.award(who, 5, activity="review", source_key=uuid4().hex, actor="till")


class Cut(Exception):
    """The process ends here."""


@pytest.mark.usefixtures("small_parts")
def test_a_batch_cut_off_half_way_is_completed_by_the_same_request(
    admin, person, points_of, monkeypatch
):
    members = [person() for _ in range(5)]
    items = [item(member) for member in members]
    parts = []

    def cut(sql, params):
        parts.append(params)
        if len(parts) == 3:
            raise Cut()
        return call_rows(sql, params)

    monkeypatch.setattr(awards, "call_rows", cut)
    assert admin.post(BATCH, items, idem="once").status_code == 500
    assert sum(points_of(member)["available"] for member in members) == 4 * 30

    monkeypatch.setattr(awards, "call_rows", call_rows)
    body = admin.post(BATCH, items, idem="once").get_json()
    assert sorted(one["status"] for one in body["results"]) == [200, 200, 200, 200, 201]
    assert (body["given"], body["refused"]) == (1, 0)
    assert [points_of(member)["available"] for member in members] == [30] * 5
    assert [one["entry"]["member_id"] for one in body["results"]] == [str(one) for one in members]
    assert not check.run()


@pytest.mark.usefixtures("small_parts")
def test_parts_answer_in_the_order_in_which_they_were_asked(admin, person):
    members = [person() for _ in range(3)]
    items: list[Any] = [item(member, points=number) for number in range(1, 6) for member in members]
    items.insert(4, "nonsense")
    results = admin.post(BATCH, items).get_json()["results"]
    assert [one["index"] for one in results] == list(range(16))
    given = [one["entry"]["points"] for one in results if "entry" in one]
    assert given == [one["points"] for one in items if isinstance(one, dict)]
    assert not check.run()


def test_a_part_that_is_done_keeps_no_account_locked(person, monkeypatch, now):
    monkeypatch.setattr(awards, "PART", 1)
    first, second = sorted((person(), person()), key=str)
    free = []

    def look(sql, params):
        with db.engine.connect() as another:
            free.append(another.scalars(FREE).all())
        return call_rows(sql, params)

    monkeypatch.setattr(awards, "call_rows", look)
    awards.give_apart([plain(second), plain(first)], now=now)
    assert free == [[], [first]]
