"""The sandbox's clock brings campaigns to their end: each member at his own hour, nothing early."""

from datetime import UTC, datetime

import pytest
from crowds import crowd, rows, state
from sqlalchemy import text

from crm.db import db

pytestmark = pytest.mark.usefixtures("committed")
ZONES = {
    "Pacific/Kiritimati": datetime(2026, 11, 24, 20, tzinfo=UTC),
    "Asia/Shanghai": datetime(2026, 11, 25, 2, tzinfo=UTC),
    "America/New_York": datetime(2026, 11, 25, 15, tzinfo=UTC),
}


def move(admin, to: str) -> None:
    answer = admin.post("/sandbox/clock", {"now": to})
    assert answer.status_code == 200, answer.text


def test_a_week_later_all_have_got_it_at_ten_by_their_own_clocks(admin, launched):
    by_zone = {zone: crowd(2, zone=zone) for zone in ZONES}
    everybody = [one for ids in by_zone.values() for one in ids]
    schedule = {"local_time": "10:00", "on": "2026-11-25"}
    found = launched(everybody, holdout_percent=0, schedule=schedule)
    move(admin, "2026-11-24T19:59:00Z")
    assert {row.state for row in rows(found["id"]).values()} == {None}
    move(admin, "2026-12-02T00:00:00Z")
    assert {row.state for row in rows(found["id"]).values()} == {"sent"}
    sent = dict(db.session.execute(text("SELECT member_id, at FROM sandbox_message")).all())
    for zone, at in ZONES.items():
        for member in by_zone[zone]:
            assert abs((sent[member] - at).total_seconds()) <= 60
    assert state(found["id"]) == "done"


def test_a_message_of_the_night_waits_for_the_morning_and_then_the_campaign_ends(admin, launched):
    members = crowd(2, zone="Asia/Shanghai")
    found = launched(members, holdout_percent=0, schedule={"at": "2026-11-24T14:00:00Z"})
    move(admin, "2026-11-24T23:00:00Z")  # seven in the morning there
    assert {row.state for row in rows(found["id"]).values()} == {"waiting"}
    move(admin, "2026-11-25T02:00:00Z")
    assert {row.state for row in rows(found["id"]).values()} == {"sent"}
    move(admin, "2026-11-25T03:00:00Z")
    assert state(found["id"]) == "done"
