"""The sweep at work: chunks of one instant, killed at any point, beside traffic and its like."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from clocks import set_to
from people import make
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from crm.db import db
from crm.points import check, expiry

JUNE = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
GIVE = text("""
    WITH given AS (
        SELECT m.id, d, (points_give(m.id, 'award', 10 * d, :at, 'award:custom', m.id || ':' || d,
            :at, CAST(:at AS timestamptz) + d * interval '1 day', NULL, NULL, NULL,
            points_open(m.id), uuidv7())).seq
        FROM unnest(CAST(:members AS uuid[])) m (id), generate_series(1, 3) d
    )
    INSERT INTO points_source (key, member_id, seq)
    SELECT points_source_key('award:custom', id || ':' || d), id, seq FROM given
""")
OPEN = text("SELECT count(*) FROM points_lot WHERE remaining > 0")
CLOSED = text("SELECT count(*), sum(points) FROM points_entry WHERE kind = 'expire'")
CHUNKS = text("SELECT * FROM points_lapsing(:now, :chunk, :most)")


def crowd(people):
    """Members with lots of 10, 20 and 30 points that lapse after one, two and three days."""
    set_to(JUNE)
    members = [make() for _ in range(people)]
    db.session.execute(GIVE, {"members": members, "at": JUNE})
    db.session.commit()
    set_to(JUNE + 9 * DAY)
    return members


@pytest.fixture
def small(monkeypatch):
    """Chunks of two members, lists of seven lots."""
    monkeypatch.setattr(expiry, "CHUNK", 2)
    monkeypatch.setattr(expiry, "LIST", 7)


def test_a_list_names_every_member_once_an_instant_in_order(context):
    members = sorted(crowd(5))
    found = db.session.execute(CHUNKS, {"now": JUNE + 2 * DAY, "chunk": 2, "most": 99}).all()
    firsts = [members[:2], members[2:4], members[4:]]
    assert [(row.expires_at, row.members) for row in found] == [
        (JUNE + day * DAY, some) for day in (1, 2) for some in firsts
    ]


def test_chunks_and_lists_of_any_size_close_everything_once(small):
    crowd(9)
    assert expiry.sweep() == 27
    assert db.session.execute(CLOSED).one() == (27, -540)
    assert expiry.sweep() == 0
    assert not check.run()


def test_what_lapses_at_one_instant_is_one_entry_a_member(small):
    (member,) = crowd(1)
    db.session.execute(text("UPDATE points_lot SET expires_at = :at"), {"at": JUNE + DAY})
    assert expiry.sweep() == 1
    assert db.session.execute(CLOSED).one() == (1, -60)
    assert not check.run(member)


def test_lots_of_one_instant_that_are_more_than_an_entry_may_say_get_entries_of_their_own(small):
    (rich, _) = crowd(2)
    lot = "UPDATE points_lot SET expires_at = :at WHERE expires_at < :at"
    db.session.execute(text(lot), {"at": JUNE + 3 * DAY})
    for source in ("a", "b"):
        given = {"member": rich, "at": JUNE, "until": JUNE + 3 * DAY, "source": source}
        sql = """
            INSERT INTO points_source (key, member_id, seq)
            SELECT points_source_key('award:x', :source), :member, (points_give(:member, 'award',
                1000000000, :at, 'award:x', :source, :at, :until, NULL, NULL, NULL,
                points_open(:member), uuidv7())).seq
        """
        db.session.execute(text(sql), given)
    assert expiry.sweep() == 5 + 1
    assert db.session.execute(CLOSED).one() == (6, -2_000_000_120)
    assert not check.run()


def test_a_sweep_killed_in_the_middle_leaves_whole_chunks_and_is_taken_up(
    app, committed, small, monkeypatch
):
    crowd(9)
    close, calls = expiry._close, []

    def dies(at, members):
        calls.append(at)
        if len(calls) == 3:
            kill = "SELECT pg_terminate_backend(:pid)"
            pid = db.session.scalar(text("SELECT pg_backend_pid()"))
            with db.engines["autocommit"].connect() as other:
                other.execute(text(kill), {"pid": pid})
        return close(at, members)

    with monkeypatch.context() as patch:
        patch.setattr(expiry, "_close", dies)
        with pytest.raises(OperationalError):
            expiry.sweep()
    db.session.remove()
    assert 0 < db.session.scalar(OPEN) < 27
    assert not check.run()
    db.session.rollback()
    expiry.sweep()
    assert db.session.execute(CLOSED).one() == (27, -540)
    assert not check.run()


def test_sweeps_side_by_side_close_every_lot_once(app, committed, small):
    crowd(30)
    db.session.rollback()

    def sweep(_):
        with app.app_context():
            return expiry.sweep()

    with ThreadPoolExecutor(3) as pool:
        total = sum(pool.map(sweep, range(3)))
    assert total + expiry.sweep() == 90
    assert db.session.execute(CLOSED).one() == (90, -1800)
    assert not check.run()
