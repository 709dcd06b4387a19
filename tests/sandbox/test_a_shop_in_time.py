"""A shop in the sandbox: campaigns, journeys, messages, points and results, by moving the clock."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from api_client import Api
from clocks import set_to
from crowds import arm, audience, crowd, template
from order_bodies import order_body, stamp
from sqlalchemy import text

from crm.db import db, transaction
from crm.members.tiers import writing

START = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # noon in Shanghai, a Monday
DAY = timedelta(days=1)
ZONES = ("Pacific/Kiritimati", "Asia/Shanghai", "Europe/Paris", "America/New_York",
         "Pacific/Pago_Pago")  # fmt: skip
pytestmark = pytest.mark.usefixtures("committed")

GOT = text("""
    SELECT s.member_id, s.at, m.source_type, m.source_id FROM sandbox_message s
    JOIN message m ON m.id = s.id ORDER BY s.at, s.id
""")


@pytest.fixture(autouse=True)
def _noon(committed: None) -> None:
    set_to(START)


def members_of(count: int, zone: str | None = None) -> list[UUID]:
    """Members who can be written to, and who hold a tier."""
    found = crowd(count, zone=zone)
    with transaction():
        writing.begin_many([(one, START - 100 * DAY) for one in found], START - 100 * DAY)
    return found


def move(admin: Api, to: datetime) -> dict[str, int]:
    answer = admin.post("/sandbox/clock", {"now": stamp(to)})
    assert answer.status_code == 200, answer.data
    return answer.get_json()["ran"]


def got(source: str) -> dict[UUID, list[datetime]]:
    """When members got the messages of a kind of source."""
    found: dict[UUID, list[datetime]] = {}
    for row in db.session.execute(GOT):
        if row.source_type == source:
            found.setdefault(row.member_id, []).append(row.at)
    db.session.rollback()
    return found


def launch(admin: Api, members: list[UUID], **given: Any) -> str:
    body = {"name": "Tea", "arms": [arm(template=template())], "audience": audience(members)}
    made = admin.post("/campaigns", body | given)
    assert made.status_code == 201, made.data
    campaign = made.get_json()["id"]
    answer = admin.post(f"/campaigns/{campaign}/launch")
    assert answer.status_code == 200, answer.data
    return campaign


def buy(admin: Api, spent: dict[UUID, int], at: datetime) -> None:
    """A paid order of each, in one request."""
    orders = []
    for member, price in spent.items():
        line = {"line_no": 1, "sku": "T", "name": "Tea", "quantity": 1, "unit_price": price}
        body = order_body(member, placed_at=stamp(at), paid_at=stamp(at), updated_at=stamp(at),
                          lines=[line])  # fmt: skip
        orders.append(body | {"channel": "web", "order_no": f"{member}-{at:%m%d}"})
    answer = admin.post("/orders/batch", orders)
    assert answer.status_code == 200, answer.data
    assert {one["status"] for one in answer.get_json()["results"]} == {200}, answer.data


@pytest.mark.parametrize(
    ("mode", "hours"), [("frozen", 96), ("live", 96), ("live", 1)],
    ids=["frozen, one jump", "live, one jump", "live, hour by hour"],
)  # fmt: skip
def test_a_campaign_reaches_everybody_at_his_own_hour(admin: Api, mode: str, hours: int):
    homes = {member: zone for zone in ZONES for member in members_of(2, zone)}
    campaign = launch(
        admin, list(homes), holdout_percent=0, mode=mode,
        schedule={"local_time": "10:00", "on": "2026-11-25"},
    )  # fmt: skip
    target, at = START + 3 * DAY, START + 1.6 * DAY  # all tens o'clock lie between
    move(admin, at)
    while at < target:
        at = min(at + timedelta(hours=hours), target)
        move(admin, at)
    ten = datetime.combine(date(2026, 11, 25), time(10))
    expected = {
        member: [ten.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)]
        for member, zone in homes.items()
    }
    told = got("campaign")
    assert told.keys() == expected.keys()
    late = {one: told[one][0] - expected[one][0] for one in told}
    assert all(timedelta(0) <= one <= timedelta(minutes=1) for one in late.values()), late
    assert all(len(times) == 1 for times in told.values())
    assert admin.get(f"/campaigns/{campaign}").get_json()["state"] == "done"


def test_a_birthday_comes_at_nine_with_points_that_lapse_after_their_year(admin: Api):
    """The journey's tick plans a mail; it goes at once, though nobody had mails to send before."""
    (member,) = members_of(1, "Asia/Shanghai")
    db.session.execute(
        text("""
            UPDATE member SET birthday_month = 12, birthday_day = 24, birthday_calendar = 'solar'
            WHERE id = :id
        """),
        {"id": member},
    )
    db.session.commit()
    settings = {"send_at": "09:00", "points": 100, "template": template()}
    answer = admin.patch("/journeys/birthday", {"enabled": True, "settings": settings})
    assert answer.status_code == 200, answer.data
    move(admin, START + 33 * DAY)
    answer = admin.patch("/journeys/birthday", {"enabled": False})
    assert answer.status_code == 200, answer.data
    move(admin, START + 450 * DAY)
    ((at,),) = got("journey").values()
    nine = datetime(2026, 12, 24, 1, 0, tzinfo=UTC)
    assert timedelta(0) <= at - nine <= timedelta(minutes=1)
    entries = admin.get(f"/members/{member}/points/entries").get_json()["data"][::-1]
    story = [(one["kind"], one["points"]) for one in entries]
    assert story == [("award", 100), ("expire", -100)]
    given, gone = (datetime.fromisoformat(one["occurred_at"]) for one in entries)
    assert (given, gone) == (nine, datetime(2027, 12, 24, 16, 0, tzinfo=UTC))


def test_a_campaigns_result_is_told_when_its_window_is_over(admin: Api):
    members = members_of(260)
    buy(admin, dict.fromkeys(members, 5_000), START - 20 * DAY)
    campaign = launch(admin, members, holdout_percent=50, attribution_days=7,
                      schedule={"at": stamp(START + DAY)})  # fmt: skip

    def said() -> tuple[str, str | None, int | None]:
        total = admin.get(f"/campaigns/{campaign}/report").get_json()["total"]
        return total["status"], total["lack"], total["more_days"]

    assert said() == ("not_enough_data", "not_started", None)
    ran = move(admin, START + 2 * DAY)
    assert ran["campaigns.measure_before"] == 1
    assert said() == ("not_enough_data", "window_open", 6)
    held = {row.member_id for row in db.session.execute(
        text("SELECT member_id FROM campaign_member WHERE arm = 0"))}  # fmt: skip
    db.session.rollback()
    assert not held & got("campaign").keys()
    assert got("campaign").keys() | held == set(members)
    spent = {one: (3_000 if one in held else 8_000) + 17 * n for n, one in enumerate(members)}
    buy(admin, spent, START + 2 * DAY)
    assert said() == ("not_enough_data", "window_open", 6)
    move(admin, START + 8 * DAY)
    assert said() == ("gain", None, None)
    found = admin.get(f"/campaigns/{campaign}/report").get_json()
    truth = 0.4 * 5_000 - 50  # margin of what they bought more, less the points that it earned
    assert found["total"]["per_member"]["low"] < truth < found["total"]["per_member"]["high"]
    assert found["counters"]["holdout"] == len(held)
    assert found["arms"][0]["sent"] == 260 - len(held)
