"""Release and expiry: set-based, in chunks, by anyone, stoppable at any point."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from clocks import set_to
from people import make
from sqlalchemy import text

from crm.db import db, transaction
from crm.points import check, jobs
from crm.points.jobs import expire, release

JUNE = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
GIVE = text("""
    SELECT (points_give(:member, 'award', :points, :at, 'award:custom', :source, :at, :until,
                        NULL, NULL, NULL, points_open(:member), uuidv7())).seq
""")
SOURCE = text("INSERT INTO points_source VALUES (points_source_key('award:custom', :s), :m, :seq)")


def give(member_id, points, until):
    """An award straight into the ledger: quicker than HTTP where many are needed."""
    values = {"member": member_id, "points": points, "at": JUNE, "until": until}
    source = f"{member_id}:{until}:{db.session.scalar(text('SELECT uuidv7()'))}"
    seq = db.session.scalar(GIVE, values | {"source": source})
    db.session.execute(SOURCE, {"s": source, "m": member_id, "seq": seq})


def swept(now, members=100):
    return db.session.scalar(text("SELECT points_expire(:now, :n)"), {"now": now, "n": members})


@pytest.fixture
def member(person, stand_at):
    stand_at(JUNE)
    return person()


def expiries(entries):
    return [
        (entry["points"], entry["occurred_at"], len(entry["lots"]))
        for entry in reversed(entries)
        if entry["kind"] == "expire"
    ]


def test_lapsed_lots_are_closed_by_an_entry_at_the_instant_they_lapsed(
    member, award, stand_at, entries_of, points_of
):
    for points in (100, 20):
        award(member, points, expires_at=JUNE + DAY)
    award(member, 3, expires_at=JUNE + 2 * DAY)
    award(member, 4000, expires_at=JUNE + 9 * DAY)
    stand_at(JUNE + 5 * DAY)
    assert expire(JUNE + 5 * DAY) == 2  # twice the same member, an instant each
    first, second = "2026-06-16T04:00:00Z", "2026-06-17T04:00:00Z"
    assert expiries(entries_of(member)) == [(-120, first, 2), (-3, second, 1)]
    assert points_of(member)["available"] == 4000
    assert not check.run()


def test_a_second_sweep_writes_nothing(member, award, stand_at, entries_of):
    award(member, 100, expires_at=JUNE + DAY)
    stand_at(JUNE + 5 * DAY)
    expire(JUNE + 5 * DAY)
    before = entries_of(member)
    assert expire(JUNE + 5 * DAY) == 0
    assert entries_of(member) == before


def test_a_lot_that_was_spent_leaves_no_entry_of_nothing(
    member, award, redeem, stand_at, entries_of
):
    award(member, 100, expires_at=JUNE + DAY)
    redeem(member, 100)
    stand_at(JUNE + 5 * DAY)
    assert expire(JUNE + 5 * DAY) == 0
    assert [entry["kind"] for entry in entries_of(member)] == ["redeem", "award"]
    assert db.session.scalar(text("SELECT count(*) FROM points_entry WHERE points = 0")) == 0


def test_nothing_lapses_before_its_instant(member, award, stand_at):
    award(member, 100, expires_at=JUNE + DAY)
    stand_at(JUNE + DAY - timedelta(microseconds=1))
    assert expire(JUNE) == 0
    stand_at(JUNE + DAY)
    assert expire(JUNE) == 1


def test_more_points_than_one_entry_may_say_lapse_in_several(member, award, stand_at, entries_of):
    for _ in range(3):
        award(member, 1_000_000_000, expires_at=JUNE + DAY)
    award(member, 7, expires_at=JUNE + DAY)
    stand_at(JUNE + 2 * DAY)
    expire(JUNE + 2 * DAY)
    closed = [entry["points"] for entry in entries_of(member) if entry["kind"] == "expire"]
    assert sum(closed) == -3_000_000_007
    assert min(closed) >= -1_000_000_000
    assert not check.run()


def test_a_sweep_goes_in_chunks_and_what_was_done_stays_done(person, stand_at):
    stand_at(JUNE)
    members = [person() for _ in range(5)]
    for one in members:
        give(one, 10, JUNE + DAY)
    assert swept(JUNE + 2 * DAY, 2) == 2  # and now the process is killed
    assert swept(JUNE + 2 * DAY, 2) == 2
    assert swept(JUNE + 2 * DAY, 2) == 1
    assert swept(JUNE + 2 * DAY, 2) == 0
    assert not check.run()


def test_a_pending_lot_lapses_too(admin, member, stand_at, points_of, entries_of):
    manual = {"pending": {"policy": "days_after_paid", "days": 100}}
    admin.put("/points/programme", manual | {"expiry": {"policy": "rolling_months", "months": 1}})
    order = {
        "member": {"id": str(member)}, "status": "paid", "placed_at": JUNE.isoformat(),
        "updated_at": JUNE.isoformat(), "currency": "CNY",
        "lines": [{"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": 30000}],
    }  # fmt: skip
    admin.put("/orders/web/A1", order)
    assert points_of(member)["pending"] == 300
    stand_at(JUNE + 200 * DAY)
    expire(JUNE + 200 * DAY)
    assert entries_of(member)[0]["kind"] == "expire"
    assert not check.run()


def owing(admin, redeem, member_id):
    """A debt of 300, and 450 points of another order that are released in fifteen days."""
    order = {
        "member": {"id": str(member_id)}, "status": "paid", "placed_at": "2026-05-01T04:00:00Z",
        "updated_at": "2026-05-01T04:00:00Z", "currency": "CNY",
        "lines": [{"line_no": 1, "sku": "T", "name": "T", "quantity": 1, "unit_price": 30000}],
    }  # fmt: skip
    admin.put("/orders/web/OLD", order)
    redeem(member_id, 300)
    admin.put("/orders/web/OLD/refunds/R", {"refunded_at": JUNE.isoformat(), "amount": 30000})
    order["lines"][0]["unit_price"] = 45000
    order |= {"placed_at": JUNE.isoformat(), "updated_at": JUNE.isoformat()}
    admin.put("/orders/web/NEW", order)


def test_a_release_lets_debts_be_paid_and_the_entry_says_so(
    admin, member, redeem, stand_at, points_of, entries_of
):
    owing(admin, redeem, member)
    stand_at(JUNE + 14 * DAY)
    assert release(JUNE) == 0
    assert points_of(member)["debt"] == 300
    stand_at(JUNE + 15 * DAY)
    told = points_of(member)
    assert (told["available"], told["debt"]) == (150, 0)  # whether or not the job has run
    assert release(JUNE) == 1
    assert (points_of(member)["available"], points_of(member)["debt"]) == (150, 0)
    entry = entries_of(member)[0]
    assert (entry["kind"], entry["points"]) == ("absorb", 0)
    assert [lot["points"] for lot in entry["lots"]] == [-300]
    assert release(JUNE) == 0
    assert not check.run()


def test_the_sandbox_is_told_when_there_is_work(admin, member, award, redeem, stand_at):
    assert jobs.next_release(JUNE) is None
    assert jobs.next_lapse(JUNE) is None
    owing(admin, redeem, member)
    award(member, 400, expires_at=JUNE + 40 * DAY)  # 300 of them pay the debt
    assert jobs.next_release(JUNE) == JUNE + 15 * DAY
    assert jobs.next_lapse(JUNE) == JUNE + 40 * DAY
    stand_at(JUNE + 50 * DAY)
    release(JUNE)
    expire(JUNE)
    assert jobs.next_release(JUNE) is None
    assert jobs.next_lapse(JUNE) > JUNE + 300 * DAY


def crowd(size):
    """Members with three lots each, two of them lapsing, one instant apart; committed."""
    set_to(JUNE)
    members = [make() for _ in range(size)]
    with transaction():
        for one in members:
            for days in (1, 2, 400):
                give(one, 10, JUNE + days * DAY)
    set_to(JUNE + 5 * DAY)
    return members


def test_sweeps_of_several_processes_close_every_lot_once(app, committed):
    members = crowd(60)

    def sweep():
        with app.app_context():
            while True:
                with transaction():
                    if not swept(JUNE + 5 * DAY, members=7):
                        return

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(sweep) for _ in range(3)]:
            future.result()
    expire(JUNE)  # what a process skipped because another held it is for the next slot
    closed = db.session.execute(
        text("SELECT count(*), sum(points) FROM points_entry WHERE kind = 'expire'")
    ).one()
    assert tuple(closed) == (2 * len(members), -20 * len(members))
    assert not check.run()


def test_a_member_who_is_being_written_is_left_for_the_next_time(app, committed):
    busy, idle = crowd(2)
    with db.engines[None].connect() as other:
        other.execute(
            text("SELECT 1 FROM points_account WHERE member_id = :id FOR UPDATE"), {"id": busy}
        )
        expire(JUNE)
        swept_members = db.session.scalars(
            text("SELECT DISTINCT member_id FROM points_entry WHERE kind = 'expire'")
        ).all()
        assert swept_members == [idle]
        db.session.rollback()
    expire(JUNE)
    assert not db.session.scalars(
        text("SELECT 1 FROM points_lot WHERE remaining > 0 AND expires_at <= :now"),
        {"now": JUNE + 5 * DAY},
    ).all()
    assert not check.run()
