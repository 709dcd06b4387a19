"""The programme: defaults, versions, what can't be changed any more."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import event, text

from crm.audit import AuditEntry
from crm.db import db, transaction
from crm.http.principal import SYSTEM
from crm.points import programme, rulebook, rules
from crm.points.programme_schemas import ProgrammeDocument
from crm.points.programme_settings import DEFAULTS

HOUR = timedelta(hours=1)
SETUP = datetime(1970, 1, 1, tzinfo=UTC)


def change(now, **given):
    with transaction():
        return programme.change(given, actor=SYSTEM, now=now)


def give_points():
    """Somebody has points: one entry is enough."""
    statement = text(
        "INSERT INTO points_entry (member_id, seq, kind, points, balance_after, occurred_at,"
        " source_type, source_id, hash)"
        " VALUES (:member, 1, 'award', 5, 5, now(), 'test', 'x', '')"
    )
    with transaction():
        db.session.execute(statement, {"member": uuid4()})


@contextmanager
def statements():
    """The SQL that is sent inside the block."""
    found = []

    def note(connection, cursor, statement, *_):
        found.append(statement)

    engine = db.engines[None].engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_a_shop_starts_with_the_documented_defaults(now):
    shown = programme.document_at(now)
    assert shown == {"version": 1, "effective_at": SETUP} | DEFAULTS
    current = programme.current(now)
    assert (current.version, current.currency, current.zone.key) == (1, "CNY", "Asia/Shanghai")
    assert current.adjustment["manager"].per_day == 20_000


def test_the_defaults_pass_their_own_validation():
    assert ProgrammeDocument().load(DEFAULTS) == DEFAULTS


def test_a_change_keeps_what_it_does_not_name(now):
    change(now, basis={"excluded": {"skus": ["card"]}}, caps={"per_order": 10})
    change(now, basis={"include_tax": False}, caps={"per_member_day": 20})
    found = programme.current(now)
    assert found.version == 3
    assert found.basis.excluded.skus == {"card"}
    assert (found.basis.include_tax, found.basis.include_shipping) == (False, False)
    assert (found.caps.per_order, found.caps.per_member_day) == (10, 20)


def test_a_list_replaces_the_old_one_and_null_lifts_a_cap(now):
    change(now, basis={"excluded": {"skus": ["a", "b"]}}, caps={"per_order": 10})
    shown = change(now, basis={"excluded": {"skus": ["c"]}}, caps={"per_order": None})
    assert shown["basis"]["excluded"]["skus"] == ["c"]
    assert shown["caps"]["per_order"] is None


def test_each_instant_has_the_version_that_was_in_force_then(now):
    change(now, rounding="ceil")
    change(now + HOUR, rounding="half_up")
    found = [programme.at(now + step * HOUR).rounding for step in (-1, 0, 0.5, 1, 2)]
    assert found == ["floor", "ceil", "ceil", "half_up", "half_up"]


def test_a_version_can_be_announced_for_later(now):
    change(now, rounding="ceil", effective_at=now + HOUR)
    change(now, pending={"days": 3})
    assert (programme.current(now).rounding, programme.current(now).pending.days) == ("floor", 3)
    later = programme.current(now + HOUR)
    assert (later.rounding, later.pending.days) == ("ceil", 7)


def test_an_announced_version_is_replaced_by_another_for_the_same_instant(now):
    change(now, rounding="ceil", effective_at=now + HOUR)
    change(now, rounding="half_up", effective_at=now + HOUR)
    assert programme.at(now + HOUR).rounding == "half_up"


def test_a_change_takes_effect_with_the_second_it_is_made_in(now):
    change(now.replace(microsecond=900_000), rounding="ceil")
    assert programme.at(now.replace(microsecond=0)).rounding == "ceil"


def test_before_anybody_has_points_a_version_can_count_for_all_the_past(now):
    change(now, rounding="ceil", currency="USD", effective_at=SETUP)
    assert programme.at(now - 999 * HOUR).rounding == "ceil"
    assert programme.document_at(now)["version"] == 2


def test_once_somebody_has_points_the_past_stands(now):
    change(now - HOUR, rounding="ceil")
    give_points()
    with pytest.raises(programme.EffectiveInThePast):
        change(now, rounding="half_up", effective_at=now - 2 * HOUR)
    assert programme.current(now).rounding == "ceil"


def test_what_was_read_can_be_sent_back_with_a_change(now):
    give_points()
    read = programme.document_at(now)
    shown = change(now, **read | {"rounding": "ceil"})
    assert shown == read | {"rounding": "ceil", "version": 2, "effective_at": now}


def test_a_change_of_something_no_longer_in_force_is_refused(now):
    change(now, version=1, rounding="ceil")
    with pytest.raises(programme.ProgrammeChanged) as refused:
        change(now, version=1, rounding="half_up")
    assert refused.value.facts == {"version": 2}


def test_the_currency_changes_for_all_versions_while_nobody_has_points(now):
    change(now, rounding="ceil", effective_at=now + HOUR)
    change(now, currency="USD")
    assert {programme.at(now + step * HOUR).currency for step in (-9, 0, 1)} == {"USD"}
    change(now + HOUR, pending={"days": 1})
    assert programme.document_at(now + HOUR)["currency"] == "USD"


def test_the_currency_is_locked_once_somebody_has_points(now):
    give_points()
    with pytest.raises(programme.CurrencyLocked):
        change(now, currency="USD")
    assert change(now, currency="CNY", rounding="ceil")["currency"] == "CNY"


def test_a_change_of_currency_is_not_announced(now):
    with pytest.raises(programme.CurrencyNotSchedulable):
        change(now, currency="USD", effective_at=now + HOUR)


def test_every_change_is_in_the_audit_trail_with_before_and_after(now):
    change(now, rounding="ceil")
    (entry,) = db.session.query(AuditEntry).filter_by(action="programme.changed").all()
    assert entry.object_id == "2"
    assert (entry.before["rounding"], entry.after["rounding"]) == ("floor", "ceil")
    assert (entry.before["version"], entry.after["version"]) == (1, 2)


def test_the_rulebook_costs_one_small_statement_per_transaction(now):
    with transaction():
        rulebook.load()
    with statements() as sent, transaction():
        programme.current(now)
        programme.at(now - HOUR)
        rules.in_force(now)
    asked = [statement for statement in sent if "points_" in statement]
    assert len(asked) == 1
    assert "points_rulebook.stamp" in asked[0]


def test_what_a_transaction_changed_it_sees_at_once(now):
    with transaction():
        assert programme.current(now).rounding == "floor"
        programme.change({"rounding": "ceil"}, actor=SYSTEM, now=now)
        assert programme.current(now).rounding == "ceil"


def test_a_change_that_is_rolled_back_is_forgotten(now):
    with transaction():
        savepoint = db.session.begin_nested()
        programme.change({"rounding": "ceil"}, actor=SYSTEM, now=now)
        assert programme.current(now).rounding == "ceil"
        savepoint.rollback()
        assert programme.current(now).rounding == "floor"
    assert programme.current(now).rounding == "floor"


@pytest.mark.parametrize(
    "statement", ["UPDATE points_programme SET version = 9", "DELETE FROM points_programme"]
)
def test_the_database_itself_refuses_to_change_a_version(statement):
    with pytest.raises(Exception, match="append-only"), transaction():
        db.session.execute(text(statement))
