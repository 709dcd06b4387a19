"""What a member, and the clerk who serves him, is told about the way ahead."""

import pytest
from tier_worlds import Member, at, keeping, ladder, tier

from crm.members.tiers.progress import Need, progress

pytestmark = pytest.mark.usefixtures("no_database")
JOINED = at("2026-01-01 10:00")
STEPS = [
    tier("new"),
    tier("silver", spend=1000, orders=5, keep=keeping(spend=800)),
    tier("gold", match="all", spend=3000, orders=10),
]


def seen(member, now):
    return progress(
        member.standing, member.ladder, member.purchases, at(now), member.zone, member.joined
    )


def test_a_new_member_sees_the_first_tier_and_no_end():
    found = seen(Member(ladder(STEPS), JOINED), "2026-02-01")
    assert found.tier == "new"
    assert found.next is not None
    assert found.next.tier == "silver"
    assert found.next.needs == (Need("spend", 1000, 0, 1000), Need("orders", 5, 0, 5))
    assert (found.keep, found.expected, found.expected_at) == (None, None, None)


def test_progress_says_what_is_missing_per_alternative():
    member = Member(ladder(STEPS), JOINED)
    member.buys(at("2026-02-15"), 1000)
    member.buys(at("2026-03-01"), 300)
    found = seen(member, "2026-04-01")
    assert found.metrics == (1300, 2, 0)
    assert found.window_start == at("2025-04-01")
    assert found.next is not None
    assert found.next.match == "all"
    assert found.next.needs == (Need("spend", 3000, 1300, 1700), Need("orders", 10, 2, 8))
    assert found.keep is not None
    assert found.keep.needs == (Need("spend", 800, 300, 500),)
    assert not found.keep.met
    assert (found.expected, found.expected_at) == ("new", at("2027-02-16"))


def test_the_expected_tier_is_the_present_one_once_enough_was_done():
    member = Member(ladder(STEPS), JOINED)
    member.buys(at("2026-02-15"), 1000)
    member.buys(at("2026-03-01"), 800)
    found = seen(member, "2026-04-01")
    assert found.keep is not None
    assert found.keep.met
    assert found.keep.needs[0].missing == 0
    assert found.expected == "silver"


def test_who_qualifies_anew_is_told_that_the_tier_is_safe():
    member = Member(ladder(STEPS), JOINED)
    member.buys(at("2026-02-15"), 1000)
    for day in range(1, 6):
        member.buys(at(f"2026-03-0{day}"), 1)
    found = seen(member, "2026-04-01")
    assert found.keep is not None
    assert found.keep.met
    assert found.expected == "silver"


def test_the_expected_tier_is_found_beyond_the_grace():
    member = Member(ladder(STEPS, grace_days=10), JOINED)
    member.buys(at("2026-02-15"), 1000)
    found = seen(member, "2026-04-01")
    assert (found.expected, found.expected_at) == ("new", at("2027-02-26"))
    within = seen(member, "2027-02-20")
    assert (within.expected, within.expected_at) == ("new", at("2027-02-26"))


def test_an_end_that_no_job_has_run_yet_is_seen_as_done():
    member = Member(ladder(STEPS), JOINED)
    member.buys(at("2026-02-15"), 1000)
    found = seen(member, "2027-02-16")
    assert found.tier == "new"
    assert found.standing.since == at("2027-02-16")


def test_a_floor_is_what_is_held_and_the_next_tier_lies_above_it():
    member = Member(ladder(STEPS), JOINED)
    member.is_held_at("silver", at("2026-02-01"))
    found = seen(member, "2026-03-01")
    assert found.tier == "silver"
    assert found.standing.tier == "new"
    assert found.next is not None
    assert found.next.tier == "gold"


def test_at_the_top_nothing_is_next():
    member = Member(ladder(), JOINED)
    member.buys(at("2026-02-01"), 3000)
    assert seen(member, "2026-03-01").next is None


def test_where_nobody_falls_nothing_has_to_be_kept():
    member = Member(ladder(downgrade="never"), JOINED)
    member.buys(at("2026-02-01"), 3000)
    found = seen(member, "2026-03-01")
    assert found.keep is None
    assert found.expected == "gold"


def test_with_calendar_years_the_year_before_the_end_counts_too():
    member = Member(ladder(window={"kind": "calendar_year"}), JOINED)
    member.buys(at("2026-01-15"), 1000)
    member.buys(at("2026-07-01"), 1000)
    found = seen(member, "2026-12-01")
    assert found.keep is not None
    assert found.keep.met
    assert found.keep.needs == (Need("spend", 1000, 1000, 0),)
