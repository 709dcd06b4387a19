"""One member's tier over HTTP, judged by real orders and entries."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from crm.db import db
from crm.ids import uuid7
from crm.members.tiers import storage

JOINED = datetime(2026, 1, 1, 4, 0, tzinfo=UTC)


@pytest.fixture
def clock(admin):
    """Moves the sandbox clock; returns the instant."""

    def stand_at(instant: str) -> str:
        db.session.execute(
            text("""
                INSERT INTO sandbox_clock (now) VALUES (:now)
                ON CONFLICT (one) DO UPDATE SET now = excluded.now
            """),
            {"now": datetime.fromisoformat(instant)},
        )
        db.session.commit()
        return instant

    stand_at("2026-11-22T04:00:00Z")
    return stand_at


@pytest.fixture
def member(admin, clock) -> UUID:
    """A member of Shanghai who joined with the year."""
    found = uuid7()
    db.session.execute(
        text("""
            INSERT INTO member (id, created_at, updated_at, member_no, timezone)
            VALUES (:id, :at, :at, '0000000000', 'Asia/Shanghai')
        """),
        {"id": found, "at": JOINED},
    )
    storage.begin_many([(found, JOINED)], JOINED)
    db.session.commit()
    return found


def bought(member: UUID, paid_at: str, net: int) -> UUID:
    """A counted order, as the orders room keeps it."""
    found = uuid7()
    db.session.execute(
        text("""
            INSERT INTO orders (id, channel, order_no, member_id, status, currency, placed_at,
                paid_at, updated_at, received_at, shipping, discount, goods, total, refunded, net,
                counted, local_day, granted, points)
            VALUES (:id, 'web', :no, :member, 'paid', 'CNY', :at, :at, :at, :at, 0, 0, :net, :net,
                0, :net, true, '2026-01-01', 0, 0)
        """),
        {"id": found, "no": uuid4().hex, "member": member, "at": paid_at, "net": net},
    )
    db.session.commit()
    return found


def test_a_new_member_sees_the_way_to_the_first_tier(admin, member):
    bought(member, "2026-05-01T04:00:00Z", 12_000)
    answer = admin.get(f"/members/{member}/tier")
    assert answer.status_code == 200, answer.json
    body = answer.json
    assert body["tier"] == {
        "code": "new",
        "name": "New",
        "since": "2026-01-01T04:00:00Z",
        "valid_until": None,
    }
    assert body["metrics"] == {"spend": 12_000, "orders": 1, "points_earned": 0}
    assert body["window"] == {
        "kind": "rolling_months",
        "months": 12,
        "from": "2025-11-21T16:00:00Z",
        "to": "2026-11-22T04:00:00Z",
    }
    assert body["next"] == {
        "code": "bronze",
        "name": "Bronze",
        "match": "any",
        "met": False,
        "conditions": [
            {"metric": "spend", "at_least": 30_000, "value": 12_000, "missing": 18_000},
            {"metric": "orders", "at_least": 3, "value": 1, "missing": 2},
        ],
    }
    assert (body["keep"], body["expected"], body["floor"]) == (None, None, None)
    assert [(one["from"], one["to"], one["cause"]) for one in body["history"]] == [
        (None, "new", "first")
    ]


def test_names_come_in_the_readers_language(admin, member):
    headers = {"Accept-Language": "zh-TW"}
    body = admin.get(f"/members/{member}/tier", headers=headers).json
    assert (body["tier"]["name"], body["next"]["name"]) == ("新會員", "銅牌")


def test_staff_hold_a_member_at_a_tier_and_let_go(admin, member):
    body = {"code": "gold", "until": "2026-12-31T16:00:00Z", "reason": "Opening guest"}
    answer = admin.put(f"/members/{member}/tier", body)
    assert answer.status_code == 200, answer.json
    assert answer.json["tier"] == {
        "code": "gold",
        "name": "Gold",
        "since": "2026-11-22T04:00:00Z",
        "valid_until": "2026-12-31T16:00:00Z",
    }
    assert answer.json["earned"]["code"] == "new"
    assert answer.json["floor"]["reason"] == "Opening guest"
    assert answer.json["next"]["code"] == "diamond"
    assert answer.json["history"][0]["cause"] == "manual"
    ended = admin.put(f"/members/{member}/tier", {"code": None, "reason": "A mistake"})
    assert ended.json["tier"]["code"] == "new"
    assert ended.json["floor"] is None
    entries = db.session.execute(
        text("""
            SELECT before, after, reason FROM audit_entry
            WHERE action = 'member.tier' AND object_id = :id ORDER BY id
        """),
        {"id": str(member)},
    )
    floor = {"floor": "gold", "until": "2026-12-31T16:00:00Z"}
    none = {"floor": None, "until": None}
    assert [tuple(entry) for entry in entries] == [
        (none, floor, "Opening guest"),
        (floor, none, "A mistake"),
    ]


def test_a_floor_ends_at_its_instant_whether_or_not_a_job_has_run(admin, member, clock):
    body = {"code": "gold", "until": "2026-12-31T16:00:00Z", "reason": "Opening guest"}
    admin.put(f"/members/{member}/tier", body)
    clock("2026-12-31T15:59:59Z")
    assert admin.get(f"/members/{member}/tier").json["tier"]["code"] == "gold"
    clock("2026-12-31T16:00:00Z")
    assert admin.get(f"/members/{member}/tier").json["tier"]["code"] == "new"


@pytest.mark.parametrize(
    ("body", "status", "pointer", "code"),
    [
        ({"code": "platinum", "reason": "x"}, 422, "/code", "unknown_tier"),
        ({"code": "gold"}, 422, "/reason", "required"),
        ({"code": "gold", "reason": ""}, 422, "/reason", "too_short"),
        ({"reason": "x"}, 422, "/code", "required"),
        ({"code": 3, "reason": "x"}, 422, "/code", "invalid_type"),
        (
            {"code": "gold", "reason": "x", "until": "2026-11-22T04:00:00Z"},
            422,
            "/until",
            "in_the_past",
        ),
        ({"code": "gold", "reason": "x", "since": "now"}, 422, "/since", "unknown_field"),
    ],
)
def test_what_is_no_floor_is_refused_naming_the_field(admin, member, body, status, pointer, code):
    answer = admin.put(f"/members/{member}/tier", body)
    assert answer.status_code == status, answer.json
    assert (pointer, code) in [(one["pointer"], one["code"]) for one in answer.json["errors"]]
    assert storage.standings([member])[member].floor is None


def test_an_unknown_member_is_not_found(admin, clock):
    assert admin.get(f"/members/{uuid4()}/tier").status_code == 404
    answer = admin.put(f"/members/{uuid4()}/tier", {"code": "gold", "reason": "x"})
    assert (answer.status_code, answer.json["code"]) == (404, "member_not_found")


def test_a_floor_needs_the_right_to_change_the_programme(api_with, member):
    clerk = api_with("members:read", "members:write")
    assert clerk.get(f"/members/{member}/tier").status_code == 200
    answer = clerk.put(f"/members/{member}/tier", {"code": "gold", "reason": "x"})
    assert answer.status_code == 403
