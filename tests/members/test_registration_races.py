"""Twenty tills register the same phone at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier
from uuid import UUID

import pytest
from flask import Flask
from joining import count

from crm.db import db, transaction
from crm.members import registration
from crm.members.errors import IdentityConflict
from crm.members.models import Member, MemberFind, MemberIdentity, TierStanding

TILLS = 20


def at_once(app: Flask, bodies: list[dict], now: datetime) -> list[tuple[UUID, bool]]:
    """Register all bodies from a thread each, starting together."""
    start = Barrier(len(bodies))

    def run(body: dict) -> tuple[UUID, bool]:
        with app.app_context():
            start.wait()
            with transaction():
                member, created = registration.register(body, now=now)
                return member.id, created

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(run, bodies))


@pytest.mark.usefixtures("committed")
def test_the_same_phone_from_twenty_tills_is_one_member(app: Flask, now: datetime):
    found = at_once(app, [{"phone": "138 1234 4471", "name": "林晓雯"}] * TILLS, now)
    assert len({member_id for member_id, _ in found}) == 1
    assert sum(created for _, created in found) == 1
    assert (count(Member), count(TierStanding), count(MemberIdentity)) == (1, 1, 2)
    assert count(MemberFind) == 6  # 4471, 林晓, 晓雯, lx, lxw, xw


@pytest.mark.usefixtures("committed")
def test_crossed_identities_never_deadlock_and_never_double(app: Flask, now: datetime):
    phone, email = {"phone": "13812344471"}, {"email": "lin@example.com"}
    both = phone | email
    bodies = [both if number % 2 else dict(reversed(both.items())) for number in range(TILLS)]
    found = at_once(app, bodies, now)
    assert len({member_id for member_id, _ in found}) == 1
    assert count(Member) == 1


@pytest.mark.usefixtures("committed")
def test_two_lists_that_overlap_register_each_person_once(app: Flask, now: datetime):
    start = Barrier(2)
    people = [({"phone": f"138{number:08d}"}, None) for number in range(60)]

    def run(part: list) -> int:
        with app.app_context():
            start.wait()
            with transaction():
                return sum(one.created for one in registration.register_many(part, now=now))

    with ThreadPoolExecutor(2) as pool:
        created = list(pool.map(run, [people[:40], list(reversed(people[20:]))]))
    assert sum(created) == count(Member) == 60


@pytest.mark.usefixtures("committed")
def test_a_conflict_found_late_is_still_a_conflict(app: Flask, now: datetime):
    at_once(app, [{"phone": "13812344471"}, {"email": "lin@example.com"}], now)
    with app.app_context(), pytest.raises(IdentityConflict), transaction():
        registration.register({"phone": "13812344471", "email": "lin@example.com"}, now=now)
    db.session.remove()
