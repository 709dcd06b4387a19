"""Changes of audiences at the same time: none closes a circle with another, none is lost."""

import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import text

from crm.db import db, transaction
from crm.errors import Refused
from crm.segments.audiences import lists, saving

pytestmark = pytest.mark.usefixtures("committed")
EVERYBODY = {"all": []}


def at_once(app, *acts: Callable[[], object]) -> list[str]:
    """Do these in threads of their own, begun together; the code of each refusal, or ok."""
    gate, found = threading.Barrier(len(acts)), [""] * len(acts)

    def perform(place: int) -> None:
        with app.app_context():
            gate.wait()
            try:
                with transaction():
                    acts[place]()
                found[place] = "ok"
            except Refused as refused:
                found[place] = refused.code

    threads = [threading.Thread(target=perform, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(found)


def make(name: str, now, kind: str = "filter") -> UUID:
    """An audience, committed."""
    with transaction():
        given = EVERYBODY if kind == "filter" else None
        return saving.create({"name": name, "kind": kind, "filter": given}, now=now).id


def refer(audience_id: UUID) -> dict:
    """A filter of another audience."""
    return {"field": "audience", "op": "eq", "value": str(audience_id)}


def test_two_changes_together_do_not_close_a_circle(app, now):
    first, second = make("First", now), make("Second", now)
    found = at_once(
        app,
        lambda: saving.change(first, {"filter": refer(second)}, now=now),
        lambda: saving.change(second, {"filter": refer(first)}, now=now),
    )
    assert found == ["audience_cycle", "ok"]


def test_one_of_two_changes_of_the_same_version_is_refused(app, now):
    audience = make("First", now)
    found = at_once(
        app,
        *(
            lambda name=name: saving.change(audience, {"name": name, "version": 1}, now=now)
            for name in ("Second", "Third")
        ),
    )
    assert found == ["audience_changed", "ok"]


def test_a_name_is_given_once(app, now):
    body = {"name": "Same", "kind": "filter", "filter": EVERYBODY}
    found = at_once(app, *(lambda: saving.create(body, now=now) for _ in range(3)))
    assert found == ["audience_name_taken", "audience_name_taken", "ok"]


def test_uploads_together_put_everybody_on_the_list_once(app, now, person):
    ids = [str(person()) for _ in range(6)]
    audience = make("Guests", now, kind="list")
    parts = (ids[:4], ids[2:], ids)
    found = at_once(
        app,
        *(
            lambda part=part: lists.put(audience, lists.of_values(part), "add", now=now)
            for part in parts
        ),
    )
    assert found == ["ok", "ok", "ok"]
    count = text("SELECT count(*) FROM audience_member WHERE audience_id = :id")
    assert db.session.execute(count, {"id": audience}).scalar_one() == 6
    assert saving.get(audience).members == 6
