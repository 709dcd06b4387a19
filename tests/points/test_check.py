"""The self-check finds every kind of breach, and says whose it is and where."""

import logging
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from crm.db import db
from crm.ids import digest_id, uuid7
from crm.points import check, jobs
from crm.points.accounts import Account, entry_hash

JUNE = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
QUIET = settings(
    max_examples=30,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@pytest.fixture
def member(admin, person, stand_at, award, redeem):
    """A member with an award (1), a redemption (2), an award that lapsed (3) and its expiry (4), a
    hold (5) that was captured (6), one that was not (7), and a part of 2 given back (8)."""
    stand_at(JUNE)
    member_id = person()
    award(member_id, 500)
    spent = redeem(member_id, 200).get_json()
    award(member_id, 70, expires_at=JUNE + timedelta(days=3))
    stand_at(JUNE + timedelta(days=5))
    db.session.execute(text("SELECT points_expire(:at, 10)"), {"at": JUNE + timedelta(days=5)})
    for points in (200, 100):
        body = {"member": {"id": str(member_id)}, "points": points, "reference": "till"}
        hold = admin.post("/points/holds", body).get_json()
        if points == 200:
            admin.post(f"/points/holds/{hold['id']}/capture", {"points": 100})
    admin.post(f"/points/redemptions/{spent['id']}/reverse", {"points": 50})
    return member_id


SPENT = "WHERE hold_id = (SELECT id FROM points_hold WHERE opened_by = 5)"
# How each promise is broken behind the ledger's back, and the entry that the check must name.
BREACHES = {
    "balance_is_sum_of_entries": ("UPDATE points_account SET balance = balance + 1", None),
    "balance_is_lots_minus_debt": ("UPDATE points_account SET debt = debt + 1", None),
    "lot_is_size_plus_movements": (
        "UPDATE points_lot SET remaining = remaining - 1 WHERE opened_by = 1", 1,
    ),
    "lot_is_opened_by_its_entry": ("UPDATE points_lot SET opened_by = 2 WHERE opened_by = 1", 2),
    "seq_has_no_gaps": ("DELETE FROM points_entry WHERE seq = 2", 8),
    "balance_after_is_consistent": (
        "UPDATE points_entry SET balance_after = balance_after + 1 WHERE seq = 2", 2,
    ),
    "hash_chain_is_unbroken": ("UPDATE points_entry SET source_id = 'forged' WHERE seq = 2", 2),
    "head_is_the_newest_hash": ("UPDATE points_account SET head = '\\x00'", 8),
    "earning_has_one_source": ("DELETE FROM points_source WHERE seq = 3", 3),
    "movements_follow_their_entry": (
        "UPDATE points_movement SET points = points - 1 WHERE seq = 2", 2,
    ),
    "nothing_expired_early": (
        "UPDATE points_lot SET expires_at = expires_at + interval '1 day' WHERE opened_by = 3", 4,
    ),
    "nothing_spent_outside_its_time": (
        "UPDATE points_lot SET available_at = '2027-01-01Z' WHERE opened_by = 1", 2,
    ),
    "held_is_what_open_holds_keep": (
        "UPDATE points_lot SET held = held - 1 WHERE opened_by = 1", 1,
    ),
    "hold_is_the_sum_of_its_lots": (f"UPDATE points_hold_lot SET points = 300 {SPENT}", 5),
    "open_holds_are_counted": ("UPDATE points_account SET holds = holds + 1", None),
    "hold_has_its_entries": ("UPDATE points_hold SET captured = 99 WHERE opened_by = 5", 6),
    "entries_of_holds_have_their_hold": ("DELETE FROM points_hold WHERE opened_by = 7", 7),
    "capture_takes_what_was_held": (f"UPDATE points_hold_lot SET points = 50 {SPENT}", 6),
    "approved_adjustments_are_applied": (
        """INSERT INTO approval SELECT uuidv7(), 'points.adjustment', 'member', member_id::text,
               jsonb_build_object('member_id', member_id, 'points', 5), 'staff', uuidv7(), 'x',
               now(), now() + interval '1 day', 'approved', 'staff', uuidv7(), 'y', now(), NULL,
               '{}' FROM points_account""", None,
    ),
    "clawback_is_at_most_earned": ("UPDATE points_entry SET kind = 'clawback' WHERE seq = 2", 2),
    "merge_entries_come_in_pairs": ("UPDATE points_entry SET kind = 'merge' WHERE seq = 2", 2),
    "merged_accounts_are_empty": (
        "UPDATE points_account SET merged_into = uuidv7(), balance = 0, debt = 0", None,
    ),
    "restores_are_told_in_full": ("DELETE FROM points_restore", 8),
    "restores_are_at_most_spent": ("UPDATE points_restore SET points = 201", 2),
    "restored_points_expire": (
        "UPDATE points_restore SET into_lot = '00000000-0000-7000-8000-000000000000'", 8,
    ),
    "debt_is_what_entries_say": ("UPDATE points_account SET debt = debt + 1", None),
    "lifetime_is_what_was_earned": (
        "UPDATE points_account SET lifetime_earned = lifetime_earned + 1", None,
    ),
    "source_has_its_entry": ("UPDATE points_source SET seq = 99 WHERE seq = 3", 99),
    "inactivity_is_watched": ("UPDATE points_lot SET idle_months = 6 WHERE opened_by = 1", 1),
    "rewards_are_paid_once": ("UPDATE points_entry SET source_type = 'reward' WHERE seq = 2", 2),
    "cancelled_rewards_are_given_back_once": (
        "UPDATE points_entry SET source_type = 'reward_cancelled' WHERE seq = 8", 8,
    ),
    "transfers_come_in_pairs": ("UPDATE points_entry SET kind = 'transfer' WHERE seq = 2", 2),
}  # fmt: skip


def break_it(statement):
    """Run a statement that the database would refuse: its triggers look away meanwhile."""
    db.session.execute(text("SET LOCAL session_replication_role = replica"))
    db.session.execute(text(statement))
    db.session.execute(text("SET LOCAL session_replication_role = DEFAULT"))


def test_a_sound_ledger_has_no_breaches(member):
    assert check.run() == []
    assert check.totals() == {"accounts": 1, "entries": 8, "lots": 2}


def test_every_invariant_has_a_breach_that_is_tried_here():
    assert set(BREACHES) == set(check.INVARIANTS)


@pytest.mark.parametrize("invariant", BREACHES)
def test_a_breach_is_found_and_names_member_and_entry(member, invariant):
    statement, seq = BREACHES[invariant]
    break_it(statement)
    found = [breach for breach in check.run() if breach.invariant == invariant]
    assert [(breach.member_id, breach.seq) for breach in found] == [(member, seq)]
    assert found[0].detail


@pytest.mark.parametrize("invariant", BREACHES)
def test_another_members_breach_is_not_this_members(member, person, award, invariant):
    break_it(BREACHES[invariant][0])
    other = person()
    award(other, 10)
    assert check.run(other) == []


def test_a_lot_without_its_entry_is_found(member):
    break_it("UPDATE points_lot SET opened_by = 99 WHERE opened_by = 1")
    assert ("lot_is_opened_by_its_entry", 99) in [(b.invariant, b.seq) for b in check.run()]


def test_an_entry_that_vanished_whole_is_found(member):
    break_it("DELETE FROM points_movement WHERE seq = 2")
    break_it("DELETE FROM points_entry WHERE seq = 2")
    found = {breach.invariant for breach in check.run()}
    assert {"seq_has_no_gaps", "balance_is_sum_of_entries", "hash_chain_is_unbroken"} <= found


def test_a_spend_without_movements_is_found(member):
    break_it("DELETE FROM points_movement WHERE seq = 2")
    assert ("movements_follow_their_entry", 2) in [(b.invariant, b.seq) for b in check.run()]


def test_the_api_tells_breaches(admin, member):
    sound = admin.get("/ledger/check").get_json()
    assert (sound["ok"], sound["breaches"]) == (True, [])
    assert sound["totals"] == {"accounts": 1, "entries": 8, "lots": 2}
    assert sound["invariants"] == list(check.INVARIANTS)
    break_it(BREACHES["balance_after_is_consistent"][0])
    broken = admin.get("/ledger/check").get_json()
    assert broken["ok"] is False
    places = {(b["invariant"], b["member_id"], b["seq"]) for b in broken["breaches"]}
    assert ("balance_after_is_consistent", str(member), 2) in places


def test_many_breaches_are_told_up_to_a_hundred_of_a_kind(person, award):
    for _ in range(3):
        award(person(), 10)
    break_it("UPDATE points_account SET balance = balance + 1")
    named = [b.invariant for b in check.run()]
    assert named.count("balance_is_sum_of_entries") == 3
    assert check.MOST_BREACHES == 100


@QUIET
@given(
    head=st.binary(max_size=40),
    seq=st.integers(0, 2**31 - 2),
    kind=st.sampled_from(["earn", "award", "redeem"]),
    points=st.integers(-(10**9), 10**9),
    balance=st.integers(-(10**15), 10**15),
    micros=st.integers(0, 7_000_000_000_000_000),
    source=st.tuples(TEXTS, TEXTS),
)
def test_the_program_and_the_database_chain_entries_the_same(
    head, seq, kind, points, balance, micros, source
):
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    member_id = uuid7()
    account = Account(seq, balance, 0, head)
    ours = entry_hash(account, member_id, kind, points, at, source)
    theirs = db.session.scalar(
        text("""
            SELECT points_hash(:head, :member, :seq, :kind, CAST(:points AS bigint),
                               CAST(:balance AS bigint), :at, :type, :id)
        """),
        {
            "head": head, "member": member_id, "seq": seq + 1, "kind": kind, "points": points,
            "balance": balance + points, "at": at, "type": source[0], "id": source[1],
        },
    )  # fmt: skip
    assert theirs == ours


@QUIET
@given(source_type=TEXTS, source_id=TEXTS)
def test_the_program_and_the_database_name_sources_the_same(source_type, source_id):
    found = db.session.scalar(
        text("SELECT points_source_key(:type, :id)"), {"type": source_type, "id": source_id}
    )
    assert found.hex == digest_id(source_type, source_id)
    joined = sha256(f"{source_type}\0{source_id}".encode()).digest()
    assert found.bytes == joined[:16]


def test_the_head_changes_with_every_entry_and_with_nothing_else(admin, member, award):
    first = check.head()
    assert first == check.head() == admin.get("/ledger/check").get_json()["head"]
    award(member, 1)
    second = check.head()
    assert second != first
    break_it(
        "UPDATE points_account SET seq = seq - 1, head = (SELECT hash FROM points_entry e"
        " WHERE e.seq = points_account.seq - 1)"
    )
    assert check.head() == first


def test_the_nightly_check_writes_the_head_of_the_day(member, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("crm"), "propagate", True)
    caplog.set_level(logging.INFO, "crm")
    assert jobs.nightly_check(JUNE) == 0
    assert f"ledger head of 2026-06-15: {check.head()}" in caplog.text


def test_a_ledger_without_accounts_has_no_head(app):
    assert check.head() is None
    assert check.run() == []


def test_the_nightly_check_writes_breaches_to_the_log(member, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("crm"), "propagate", True)
    break_it(BREACHES["balance_is_sum_of_entries"][0])
    assert jobs.nightly_check(JUNE) == 2
    assert str(member) in caplog.text


def test_the_nightly_check_is_not_cut_off_and_what_follows_it_is(
    committed, monkeypatch: pytest.MonkeyPatch
):
    def limit():
        return db.session.scalar(text("SHOW statement_timeout"))

    usual, seen = limit(), []
    monkeypatch.setattr(check, "run", lambda: seen.append(limit()) or [])
    jobs.nightly_check(JUNE)
    assert (seen, limit()) == (["0"], usual)
    assert usual not in ("0", "")
