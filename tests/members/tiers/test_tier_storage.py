"""Standings in the database: what is written is what is read, in few statements."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import event, text
from tier_worlds import SHANGHAI, Member, at, ladder, tier

from crm.db import db
from crm.http.principal import SYSTEM
from crm.i18n import use
from crm.ids import uuid7
from crm.members.tiers import ladders, storage
from crm.members.tiers.engine import advance, first, on_ladder_change, on_order, set_floor
from crm.members.tiers.ladders import EffectiveInThePast, LadderChanged
from crm.members.tiers.standing import Change, Layer, Standing

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
JOINED = datetime(2026, 1, 1, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def a_row() -> UUID:
    """A member, as far as tiers need one."""
    found = uuid7()
    db.session.execute(
        text("""
            INSERT INTO member (id, created_at, updated_at, member_no)
            VALUES (:id, :at, :at, lpad((SELECT count(*) FROM member)::text, 10, '0'))
        """),
        {"id": found, "at": JOINED},
    )
    return found


def begun(number: int = 1) -> list[UUID]:
    ids = [a_row() for _ in range(number)]
    storage.begin_many([(one, JOINED) for one in ids], NOW)
    return ids


@pytest.fixture
def statements():
    """The SQL that a test sends."""
    sent: list[str] = []

    def note(_connection, _cursor, statement, *_):
        sent.append(statement)

    engine = db.engines[None]
    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


def test_new_members_begin_on_the_lowest_tier():
    (member,) = begun()
    assert storage.standings([member]) == {
        member: Standing("new", JOINED, reviewed_at=JOINED, ladder_version=1)
    }
    assert storage.history(member) == [Change(JOINED, None, "new", "first", "new")]


def test_a_standing_comes_back_as_it_was_written():
    (member,) = begun()
    standing = Standing(
        tier="gold",
        since=NOW,
        valid_until=NOW + 300 * DAY,
        won_by=UUID(int=7),
        beneath=(Layer("new", JOINED), Layer("silver", NOW - DAY, NOW + DAY, UUID(int=6))),
        grace_until=NOW + 330 * DAY,
        floor="diamond",
        floor_since=NOW,
        floor_until=NOW + 10 * DAY,
        floor_reason="Opening party",
        reviewed_at=NOW,
        ladder_version=1,
    )
    storage.save_many([(member, standing, [])], NOW)
    assert storage.standings([member]) == {member: standing}
    held = db.session.execute(text("SELECT held FROM tier_standing")).scalar_one()
    assert held == "diamond"


def test_any_number_of_members_is_written_with_two_statements_and_read_with_one(statements):
    ids = [a_row() for _ in range(30)]
    storage.ladder_at(NOW)
    statements.clear()
    storage.begin_many([(one, JOINED) for one in ids], NOW)
    assert len(statements) == 2
    statements.clear()
    assert set(storage.standings(ids, lock=True)) == set(ids)
    assert len(statements) == 1
    assert "FOR NO KEY UPDATE" in statements[0]


def test_nothing_to_write_or_read_asks_nothing(statements):
    storage.save_many([], NOW)
    assert storage.standings([]) == {}
    assert statements == []


def test_history_keeps_the_order_of_changes_at_one_instant():
    (member,) = begun()
    standing, _ = first(storage.ladder_at(NOW), JOINED)
    changes = [
        Change(NOW, "gold", "silver", "floor_ended", "silver"),
        Change(NOW, "silver", "bronze", "downgrade", "bronze"),
        Change(NOW, "bronze", "gold", "upgrade", "gold", UUID(int=5)),
    ]
    storage.save_many([(member, standing, changes)], NOW)
    assert storage.history(member, limit=3) == changes[::-1]


def test_the_timeline_hears_of_what_the_member_notices():
    (member,) = begun()
    standing, _ = first(storage.ladder_at(NOW), JOINED)
    changes = [
        Change(NOW, "new", "gold", "manual", "new"),
        Change(NOW + DAY, "gold", "gold", "upgrade", "silver", UUID(int=5)),
        Change(NOW + 2 * DAY, "gold", "gold", "kept", "silver"),
        Change(NOW + 3 * DAY, "gold", "silver", "floor_ended", "silver"),
        Change(NOW + 4 * DAY, "silver", "silver", "kept", "silver"),
    ]
    storage.save_many([(member, standing, changes)], NOW)
    rows = db.session.execute(text("SELECT at, kind, data FROM member_event ORDER BY at")).all()
    assert [tuple(row) for row in rows] == [
        (NOW, "tier_changed", {"from": "new", "to": "gold", "cause": "manual"}),
        (
            NOW + 3 * DAY,
            "tier_changed",
            {"from": "gold", "to": "silver", "cause": "floor_ended"},
        ),
        (NOW + 4 * DAY, "tier_kept", {"from": "silver", "to": "silver", "cause": "kept"}),
    ]


def test_members_are_due_when_a_period_a_grace_or_a_floor_has_ended():
    ids = sorted(begun(5))
    period, grace, floor, later, _forever = ids
    base = Standing("silver", JOINED, reviewed_at=JOINED, ladder_version=1)

    def put(member, **fields):
        values = {name: getattr(base, name) for name in base.__slots__} | fields
        storage.save_many([(member, Standing(**values), [])], NOW)

    put(period, valid_until=NOW)
    put(grace, valid_until=NOW - 9 * DAY, grace_until=NOW - DAY)
    put(floor, valid_until=NOW + DAY, floor="gold", floor_since=JOINED, floor_until=NOW - 2 * DAY)
    put(later, valid_until=NOW - DAY, grace_until=NOW + DAY)
    assert storage.due(NOW, 10) == [period, grace, floor]
    assert storage.due(NOW, 2) == [period, grace]
    assert storage.due(NOW, 10, after=grace) == [floor]
    assert storage.earliest_due(NOW) == NOW - 2 * DAY


def test_what_is_due_is_found_by_its_index():
    begun(3)
    db.session.execute(text("SET LOCAL enable_seqscan = off"))
    plan = db.session.execute(text(f"EXPLAIN {storage.EARLIEST_DUE.text}")).scalars().all()
    assert any("ix_tier_standing_due" in line for line in plan)


def test_nothing_is_due_where_everybody_is_new():
    begun(2)
    assert storage.due(NOW, 10) == []
    assert storage.earliest_due(NOW) is None


def test_what_is_shown_is_held_and_named_in_the_readers_language():
    earned, floored = begun(2)
    steps = storage.ladder_at(NOW)
    silver = Standing("silver", JOINED, NOW + DAY, ladder_version=1)
    storage.save_many([(earned, silver, [])], NOW)
    standing, changes = set_floor(
        storage.standings([floored])[floored], steps, "gold", NOW + 5 * DAY, "VIP", NOW
    )
    storage.save_many([(floored, standing, changes)], NOW)
    with use("zh-Hans"):
        found = storage.shown_many([earned, floored], NOW)
    assert (found[earned].code, found[earned].name, found[earned].rank) == ("silver", "银牌", 2)
    assert (found[earned].since, found[earned].valid_until) == (JOINED, NOW + DAY)
    assert (found[floored].code, found[floored].name) == ("gold", "金牌")
    assert (found[floored].since, found[floored].valid_until) == (NOW, NOW + 5 * DAY)
    assert storage.members_per_tier() == {"silver": 1, "gold": 1}
    after = storage.shown_many([floored], NOW + 5 * DAY)
    assert after[floored].code == "new"


def test_the_engine_and_the_database_tell_one_story():
    (row,) = begun()
    steps = storage.ladder_at(NOW)
    member = Member(steps, JOINED)
    order = member.buys(at("2026-02-15"), 100_000)
    member.lives_until(at("2028-03-01"))
    standing = storage.standings([row], lock=True)[row]
    purchases = member.purchases
    moved, changes = on_order(standing, steps, purchases, at("2026-02-15"), order, SHANGHAI, JOINED)
    storage.save_many([(row, moved, changes)], NOW)
    standing = storage.standings([row])[row]
    moved, changes = advance(standing, steps, purchases, at("2028-03-01"), SHANGHAI, JOINED)
    storage.save_many([(row, moved, changes)], NOW)
    assert storage.standings([row])[row] == member.standing
    assert storage.history(row) == member.history[::-1]


# Versions of the ladder


def put(document, **more):
    return ladders.change(document | more, actor=SYSTEM, now=NOW)


FEW = {"tiers": [tier("new"), tier("gold", spend=500)]}


def test_the_first_ladder_has_been_in_force_since_ever():
    steps = storage.ladder_at(datetime(1999, 1, 1, tzinfo=UTC))
    assert [one.code for one in steps.tiers] == ["new", "bronze", "silver", "gold", "diamond"]
    assert steps.tiers[2].names["zh-Hans"] == "银牌"
    assert storage.ladder_at(datetime(1960, 1, 1, tzinfo=UTC)) == steps


def test_a_new_ladder_is_in_force_from_its_instant():
    put(FEW, effective_at=NOW + DAY)
    assert storage.ladder_at(NOW + DAY - timedelta(microseconds=1)).version == 1
    steps = storage.ladder_at(NOW + DAY)
    assert (steps.version, [one.code for one in steps.tiers]) == (2, ["new", "gold"])
    assert steps.resolve("diamond") == "gold"
    assert steps.resolve("silver") == "new"


def test_what_is_left_out_stays_as_it_is():
    put({"grace_days": 30})
    steps = storage.ladder_at(NOW)
    assert steps.grace_days == 30
    assert len(steps.tiers) == 5


def test_a_ladder_that_was_scheduled_knows_the_codes_of_one_written_after_it():
    put(FEW, effective_at=NOW + 9 * DAY)
    between = {"tiers": [tier("new"), tier("gold", spend=500), tier("ruby", spend=900)]}
    put(between, effective_at=NOW + DAY)
    assert [storage.ladder_at(NOW + n * DAY).version for n in (0, 1, 8, 9)] == [1, 3, 3, 2]
    assert storage.ladder_at(NOW + 9 * DAY).resolve("ruby") == "gold"


def test_versions_are_asked_for_once_in_a_transaction(statements):
    db.session.commit()
    for _ in range(3):
        storage.ladder_at(NOW)
    storage.ladder_version(1)
    assert len([one for one in statements if "tier_ladder" in one]) <= 2
    statements.clear()
    db.session.commit()
    storage.ladder_at(NOW)
    assert [one for one in statements if "tier_ladder" in one] == [ladders.NEWEST.text]


def test_a_version_that_was_rolled_back_is_forgotten():
    savepoint = db.session.begin_nested()
    put(FEW)
    assert storage.ladder_at(NOW).version == 2
    savepoint.rollback()
    assert storage.ladder_at(NOW).version == 1
    put({"grace_days": 7})
    assert len(storage.ladder_at(NOW).tiers) == 5


def test_the_past_stands_once_somebody_has_moved():
    put(FEW, effective_at=NOW - DAY)
    assert storage.ladder_at(NOW - DAY).version == 2
    (member,) = begun()
    standing = storage.standings([member])[member]
    change = Change(NOW, "new", "gold", "upgrade", "gold")
    storage.save_many([(member, standing, [change])], NOW)
    with pytest.raises(EffectiveInThePast) as refusal:
        put(FEW, effective_at=NOW - timedelta(hours=1))
    assert refusal.value.pointer == "/effective_at"
    again = put(FEW, effective_at=NOW - DAY)
    assert (again.version, again.effective_at) == (3, NOW)


def test_a_change_made_from_an_older_version_is_refused():
    put(FEW)
    with pytest.raises(LadderChanged) as refusal:
        put({"grace_days": 3}, version=1)
    assert refusal.value.facts == {"version": 2}
    assert put({"grace_days": 3}, version=2).version == 3


def test_members_on_another_version_are_found_and_brought_over():
    ids = sorted(begun(3))
    old = storage.ladder_at(NOW)
    new = put({"tiers": [tier("guest"), tier("new", spend=100)]})
    assert storage.on_older_ladder(2, 2) == ids[:2]
    assert storage.on_older_ladder(2, 5, after=ids[0]) == ids[1:]
    member = Member(ladder(), JOINED)
    for one, standing in storage.standings(ids).items():
        moved, changes = on_ladder_change(
            standing, old, new, member.purchases, NOW, SHANGHAI, JOINED
        )
        storage.save_many([(one, moved, changes)], NOW)
    assert storage.on_older_ladder(2, 5) == []
    found = storage.standings(ids)[ids[0]]
    assert (found.tier, found.valid_until) == ("new", at("2027-11-23"))
