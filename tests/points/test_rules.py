"""Rules and their versions: which counts when."""

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from uuid import UUID

import pytest
from sqlalchemy import text

from crm.audit import AuditEntry
from crm.db import db, transaction
from crm.http.principal import SYSTEM
from crm.points import rulebook, rules
from crm.points.rule_schemas import RuleIn

HOUR = timedelta(hours=1)
FIRST = UUID("00000000-0000-7000-8000-000000000001")


def document(**given):
    return RuleIn().load({"kind": "rate", "points": 1, "per_amount": 100} | given)


def create(now, **given):
    with transaction():
        return rules.create(document(**given), actor=SYSTEM, now=now)


def revise(rule_id, now, **given):
    with transaction():
        return rules.revise(rule_id, document(**given), actor=SYSTEM, now=now)


def end(rule_id, now):
    with transaction():
        rules.end(rule_id, now=now)


def versions_at(at, rule_id):
    return [rule.version for rule in rules.in_force(at) if rule.id == rule_id]


def test_a_shop_starts_with_a_point_for_each_unit_of_money_since_ever():
    for year in (1970, 1997, 2026):
        (rule,) = rules.in_force(datetime(year, 1, 1, tzinfo=UTC))
        assert (rule.id, rule.kind, rule.points, rule.per_amount) == (FIRST, "rate", 1, 100)
        assert rule.name == "1 point per 1.00"


def test_the_first_rule_passes_its_own_validation():
    row = rules.latest(after=None, limit=10, ended=False)[0]
    assert RuleIn().load(row.document) == row.document | {"starts_at": None, "ends_at": None}


def test_an_order_earns_by_the_version_in_force_when_it_was_placed(now):
    made = create(now, points=1)
    revise(made.id, now + HOUR, points=2)
    end(made.id, now + 2 * HOUR)
    found = [versions_at(now + step * HOUR, made.id) for step in (-1, 0, 0.9, 1, 1.9, 2, 3)]
    assert found == [[], [1], [1], [2], [2], [], []]


def test_a_rule_starts_inclusive_and_ends_exclusive(now):
    starts, ends = now + HOUR, now + 2 * HOUR
    made = create(now, starts_at=starts.isoformat(), ends_at=ends.isoformat())
    tick = timedelta(microseconds=1)
    found = [versions_at(at, made.id) for at in (starts - tick, starts, ends - tick, ends)]
    assert found == [[], [1], [1], []]


def test_a_new_rule_that_starts_in_the_past_counts_for_orders_placed_since(now):
    made = create(now, starts_at=(now - 5 * HOUR).isoformat())
    assert versions_at(now - 5 * HOUR, made.id) == [1]
    assert versions_at(now - 6 * HOUR, made.id) == []


def test_a_new_version_never_counts_for_what_was_placed_before_it(now):
    made = create(now - HOUR)
    revise(made.id, now, points=9, starts_at=(now - 5 * HOUR).isoformat())
    assert versions_at(now - HOUR, made.id) == [1]
    assert versions_at(now, made.id) == [2]


def test_a_version_counts_from_the_second_it_was_made_in(now):
    made = create(now.replace(microsecond=700_000))
    assert versions_at(now.replace(microsecond=0), made.id) == [1]


def test_changes_within_one_instant_leave_the_last(now):
    made = create(now, points=1)
    revise(made.id, now, points=2)
    revise(made.id, now, points=3)
    assert versions_at(now, made.id) == [3]
    end(made.id, now)
    assert versions_at(now, made.id) == []


def test_rules_come_in_rank_order(now):
    made = [create(now, priority=priority).id for priority in (0, 5, -1, 5)]
    found = [rule.id for rule in rules.in_force(now)]
    assert found == [made[1], made[3], FIRST, made[0], made[2]]


def test_ending_a_rule_again_changes_nothing(now):
    made = create(now)
    end(made.id, now + HOUR)
    end(made.id, now + 2 * HOUR)
    assert versions_at(now + HOUR, made.id) == []
    (row,) = [row for row in rules.latest(after=None, limit=9, ended=True) if row.id == made.id]
    assert row.superseded_at == now + HOUR


def test_a_rule_that_was_ended_stays_so(now):
    made = create(now)
    end(made.id, now)
    with pytest.raises(rules.RuleEnded):
        revise(made.id, now)


def test_the_list_has_the_latest_version_of_each_rule_and_ended_ones_if_asked(now):
    kept, gone = create(now), create(now)
    revise(kept.id, now + HOUR)
    end(gone.id, now + HOUR)
    listed = [(row.id, row.version) for row in rules.latest(after=None, limit=9, ended=False)]
    assert listed == [(FIRST, 1), (kept.id, 2)]
    everything = [row.id for row in rules.latest(after=FIRST, limit=9, ended=True)]
    assert everything == [kept.id, gone.id]


def test_every_change_is_in_the_audit_trail_with_before_and_after(now):
    made = create(now, points=1)
    revise(made.id, now, points=2)
    end(made.id, now)
    entries = db.session.query(AuditEntry).filter_by(object_id=str(made.id)).all()
    told = [
        (entry.action, *[part and part["points"] for part in (entry.before, entry.after)])
        for entry in sorted(entries, key=lambda entry: entry.id)
    ]
    assert told == [
        ("rule.created", None, 1),
        ("rule.changed", 1, 2),
        ("rule.ended", 2, None),
    ]


def test_the_rules_of_an_instant_are_worked_out_once_between_turning_points(now):
    create(now)
    with transaction():
        book = rulebook.load()
        assert book.rules_at(now) is book.rules_at(now + HOUR)
        assert book.rules_at(now) is not book.rules_at(now - HOUR)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE points_rule SET document = '{}'",
        "UPDATE points_rule SET valid_from = now()",
        "DELETE FROM points_rule",
    ],
)
def test_the_database_itself_refuses_to_change_a_version(statement):
    with pytest.raises(Exception, match="only be superseded"), transaction():
        db.session.execute(text(statement))


@pytest.fixture
def cleaned(app, committed):
    """Real commits; the rules that tests made vanish afterwards."""
    yield
    with app.app_context():
        db.session.execute(text("SET session_replication_role = replica"))
        db.session.execute(text("DELETE FROM points_rule WHERE id <> :first"), {"first": FIRST})
        db.session.execute(text("UPDATE points_rulebook SET stamp = uuidv7()"))
        db.session.execute(text("SET session_replication_role = DEFAULT"))
        db.session.commit()


@pytest.mark.usefixtures("cleaned")
def test_changes_at_the_same_time_wait_for_each_other(app, now):
    made = create(now)
    gate, versions = Barrier(4), []

    def work():
        with app.app_context():
            gate.wait()
            versions.append(revise(made.id, now + HOUR).version)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(versions) == [2, 3, 4, 5]
    assert versions_at(now + HOUR, made.id) == [5]
