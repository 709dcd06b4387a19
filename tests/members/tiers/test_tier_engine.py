"""How a member rises, stays and falls."""

from datetime import timedelta
from uuid import UUID

import pytest
from tier_worlds import THREE, Member, at, keeping, ladder, tier, told

from crm.members.tiers import engine
from crm.members.tiers.engine import UnknownTier
from crm.members.tiers.standing import REMAINDER

pytestmark = pytest.mark.usefixtures("no_database")
JOINED = at("2026-01-01 10:00")
DAY = timedelta(days=1)


def a_member(steps=None, joined=JOINED, **settings):
    return Member(ladder(steps, **settings), joined)


# Rising


def test_a_new_member_stands_on_the_lowest_tier_for_ever():
    member = a_member()
    assert told(member.history) == [(None, "new", "first")]
    assert member.standing.valid_until is None
    assert member.lives_until(at("2200-01-01")) == []


def test_the_order_in_hand_counts_and_lifts_at_once():
    member = a_member()
    member.buys(at("2026-02-01 12:00"), 999)
    assert member.standing.tier == "new"
    order = member.buys(at("2026-02-02 12:00"), 1)
    assert member.standing.tier == "silver"
    assert member.standing.since == at("2026-02-02 12:00")
    assert member.standing.won_by == order
    assert member.standing.previous == "new"
    assert told(member.history)[1:] == [("new", "silver", "upgrade")]


def test_one_order_may_pass_several_tiers():
    member = a_member()
    member.buys(at("2026-02-01"), 3000)
    assert told(member.history)[1:] == [("new", "gold", "upgrade")]


def test_an_order_below_the_next_threshold_returns_the_very_same_standing():
    member = a_member()
    before = member.standing
    member.buys(at("2026-02-01"), 10)
    assert member.standing is before


def test_an_order_that_left_the_window_counts_no_more():
    member = a_member()
    member.buys(at("2026-02-01 12:00"), 600)
    member.buys(at("2027-02-02 00:00"), 600)
    assert member.standing.tier == "new"
    member.buys(at("2027-02-03 00:00"), 400)
    assert member.standing.tier == "silver"


def test_orders_or_points_lift_as_well_as_spend():
    steps = [tier("new"), tier("silver", spend=1000, orders=3), tier("gold", points_earned=50)]
    by_orders, by_points = a_member(steps), a_member(steps)
    for day in (1, 2, 3):
        by_orders.buys(at(f"2026-02-0{day}"), 1)
    assert by_orders.standing.tier == "silver"
    by_points.buys(at("2026-02-01"), 1, points=50)
    assert by_points.standing.tier == "gold"


def test_all_of_means_all_of():
    steps = [tier("new"), tier("silver", match="all", spend=1000, orders=2)]
    member = a_member(steps)
    member.buys(at("2026-02-01"), 5000)
    assert member.standing.tier == "new"
    member.buys(at("2026-02-02"), 1)
    assert member.standing.tier == "silver"


def test_points_without_an_order_lift_too():
    member = a_member([tier("new"), tier("silver", points_earned=10)])
    member.purchases.rows.append([at("2026-02-01"), 1, 10, None])
    standing, changes = engine.on_order(
        member.standing,
        member.ladder,
        member.purchases,
        at("2026-02-01"),
        None,
        member.zone,
        JOINED,
    )
    assert standing.tier == "silver"
    assert changes[0].order_id is None


def test_an_order_from_before_joining_is_judged_at_joining():
    member = a_member()
    member.buys(at("2025-12-24"), 1000)
    assert member.standing.since == JOINED


def test_a_late_order_is_judged_at_the_last_decision_and_never_before_it():
    member = a_member()
    member.buys(at("2026-05-01 12:00"), 1000)
    member.buys(at("2026-04-01 12:00"), 2000)
    assert member.standing.tier == "gold"
    assert member.standing.since == at("2026-05-01 12:00")
    assert [one.at for one in member.history] == sorted(one.at for one in member.history)


def test_a_late_order_that_completes_a_sum_lifts_as_of_now():
    member = a_member()
    member.buys(at("2026-05-20"), 600)
    member.buys(at("2026-05-10"), 600, now=at("2026-05-21"))
    assert member.standing.tier == "silver"
    assert member.standing.since == at("2026-05-21")


def test_a_past_that_arrives_in_order_is_lived_as_if_it_were_present():
    then, later = a_member(), a_member()
    for month in range(1, 13):
        then.buys(at(f"2026-{month:02}-15"), 400)
        later.buys(at(f"2026-{month:02}-15"), 400, now=at("2029-01-01"))
    then.lives_until(at("2029-01-01"))
    later.lives_until(at("2029-01-01"))
    assert later.history == then.history
    assert later.standing == then.standing


def test_one_tier_alone_is_a_ladder():
    member = a_member([tier("member")])
    member.buys(at("2026-02-01"), 10**9)
    assert member.lives_until(at("2040-01-01")) == []
    assert member.standing.tier == "member"


# The end of a period


def test_a_tier_lasts_through_its_last_valid_day():
    member = a_member()
    member.buys(at("2026-02-15 18:00"), 1000)
    assert member.standing.valid_until == at("2027-02-16")
    assert member.lives_until(at("2027-02-16") - timedelta(microseconds=1)) == []
    assert told(member.lives_until(at("2027-02-16"))) == [("silver", "new", "downgrade")]
    assert member.standing.since == at("2027-02-16")
    assert member.standing.valid_until is None


@pytest.mark.parametrize(
    ("won", "months", "ends"),
    [
        ("2028-02-29 12:00", 12, "2029-03-01"),
        ("2026-01-31 23:59", 1, "2026-03-01"),
        ("2028-01-31 00:00", 1, "2028-03-01"),
        ("2026-08-31 00:00", 6, "2027-03-01"),
    ],
)
def test_the_last_valid_day_is_clamped_to_its_month(won, months, ends):
    member = a_member(validity_months=months)
    member.buys(at(won), 1000)
    assert member.standing.valid_until == at(ends)


def test_the_order_that_won_a_tier_does_not_keep_it():
    member = a_member()
    member.buys(at("2026-02-15 18:00"), 2999)
    member.lives_until(at("2027-02-16"))
    assert member.standing.tier == "new"


def test_a_tier_is_kept_by_what_was_bought_within_its_period():
    member = a_member()
    member.buys(at("2026-02-15 18:00"), 1000)
    member.buys(at("2026-02-16 00:00"), 400)
    member.buys(at("2027-02-15 23:59"), 600)
    assert told(member.lives_until(at("2027-03-01"))) == [("silver", "silver", "kept")]
    assert member.standing.since == at("2026-02-15 18:00")
    assert member.standing.valid_until == at("2028-02-16")
    assert member.standing.won_by is None


def test_an_order_at_the_very_instant_of_the_end_comes_too_late_to_keep():
    member = a_member()
    member.buys(at("2026-02-15"), 1000)
    member.buys(at("2027-02-16"), 1000)
    assert told(member.history)[2:] == [
        ("silver", "new", "downgrade"),
        ("new", "silver", "upgrade"),
    ]


def test_keeping_may_ask_for_less_than_winning():
    steps = [tier("new"), tier("silver", spend=1000, keep=keeping(spend=500))]
    member = a_member(steps)
    member.buys(at("2026-02-15"), 1000)
    member.buys(at("2026-06-01"), 500)
    member.lives_until(at("2027-02-16"))
    assert member.standing.tier == "silver"
    member.lives_until(at("2028-02-16"))
    assert member.standing.tier == "new"


def test_who_qualifies_anew_keeps_the_tier_whatever_keeping_asks_for():
    steps = [tier("new"), tier("silver", spend=1000, orders=3, keep=keeping(spend=500))]
    member = a_member(steps)
    member.buys(at("2026-02-15"), 1000)
    for month in (3, 4, 5):
        member.buys(at(f"2026-0{month}-01"), 1)
    member.lives_until(at("2027-02-16"))
    assert member.standing.tier == "silver"


def test_a_refund_lowers_what_keeps():
    member = a_member()
    member.buys(at("2026-02-15"), 1000)
    order = member.buys(at("2026-06-01"), 1000)
    assert member.returns(at("2026-06-05"), order, left=900) == []
    member.lives_until(at("2027-02-16"))
    assert member.standing.tier == "new"


def test_one_step_goes_down_one_tier_a_period():
    member = a_member()
    member.buys(at("2026-02-15"), 3000)
    assert told(member.lives_until(at("2030-01-01"))) == [
        ("gold", "silver", "downgrade"),
        ("silver", "new", "downgrade"),
    ]
    assert [one.at for one in member.history[2:]] == [at("2027-02-16"), at("2028-02-16")]


def test_straight_goes_down_to_what_qualifies():
    idle, buying = a_member(downgrade="straight"), a_member(downgrade="straight")
    idle.buys(at("2026-02-15"), 3000)
    buying.buys(at("2026-02-15"), 3000)
    buying.buys(at("2026-06-01"), 1000)
    assert told(idle.lives_until(at("2027-02-16"))) == [("gold", "new", "downgrade")]
    assert told(buying.lives_until(at("2027-02-16"))) == [("gold", "silver", "downgrade")]
    assert buying.standing.valid_until == at("2028-02-16")


def test_never_goes_down_never():
    member = a_member(downgrade="never", grace_days=30)
    member.buys(at("2026-02-15"), 3000)
    assert set(told(member.lives_until(at("2040-01-01")))) == {("gold", "gold", "kept")}
    assert member.standing.tier == "gold"


def test_a_lower_period_counts_the_day_on_which_it_began():
    member = a_member()
    member.buys(at("2026-02-15"), 3000)
    member.lives_until(at("2027-02-16"))
    member.buys(at("2027-02-16 12:00"), 1000)
    assert told(member.lives_until(at("2028-02-16"))) == [("silver", "silver", "kept")]


def test_several_ends_are_run_one_after_another_at_their_own_instants():
    member = a_member(validity_months=1, window={"kind": "rolling_months", "months": 2})
    member.buys(at("2026-01-31 12:00"), 3000)
    changes = member.lives_until(at("2026-12-31"))
    assert [(one.at, one.cause, one.to_tier) for one in changes] == [
        (at("2026-03-01"), "kept", "gold"),
        (at("2026-04-01"), "downgrade", "silver"),
        (at("2026-05-01"), "downgrade", "new"),
    ]


# Grace


def test_a_grace_gives_time_to_make_up_for_it():
    member = a_member(grace_days=30)
    member.buys(at("2026-02-15"), 1000)
    assert member.lives_until(at("2027-02-16")) == []
    assert member.standing.grace_until == at("2027-03-18")
    assert member.held(at("2027-03-01")) == "silver"
    member.buys(at("2027-03-17 23:00"), 1000)
    assert told(member.lives_until(at("2027-03-18"))) == [("silver", "silver", "kept")]
    assert member.standing.valid_until == at("2028-02-16")
    assert member.standing.grace_until is None


def test_a_grace_that_passes_unused_ends_in_the_fall():
    member = a_member(grace_days=30)
    member.buys(at("2026-02-15"), 3000)
    assert told(member.lives_until(at("2027-03-18"))) == [("gold", "silver", "downgrade")]
    assert member.standing.since == at("2027-03-18")
    assert member.standing.valid_until == at("2028-03-18")


def test_a_grace_is_not_needed_by_who_has_done_enough():
    member = a_member(grace_days=30)
    member.buys(at("2026-02-15"), 1000)
    member.buys(at("2026-06-01"), 1000)
    member.lives_until(at("2027-02-16"))
    assert member.standing.grace_until is None
    assert member.standing.valid_until == at("2028-02-16")


def test_rising_ends_a_grace():
    member = a_member(grace_days=30)
    member.buys(at("2026-02-15"), 1000)
    member.buys(at("2027-03-01"), 3000)
    assert member.standing.tier == "gold"
    assert member.standing.grace_until is None
    assert member.lives_until(at("2028-03-01")) == []


def test_a_grace_longer_than_the_validity_still_leads_to_a_period_ahead():
    member = a_member(
        [tier("new"), tier("silver", spend=1000, keep=keeping(spend=1))],
        validity_months=1,
        window={"kind": "lifetime"},
        grace_days=100,
    )
    order = member.buys(at("2026-01-10"), 1000)
    member.returns(at("2026-01-11"), order, left=0)
    member.standing = engine.advance(
        member.standing, member.ladder, member.purchases, JOINED, member.zone, JOINED
    )[0]
    member.buys(at("2026-01-12"), 1000)
    member.purchases.rows.clear()
    member.lives_until(at("2026-02-13"))
    assert member.standing.grace_until == at("2026-05-24")
    member.buys(at("2026-05-01"), 5)
    assert told(member.lives_until(at("2026-05-24"))) == [("silver", "silver", "kept")]
    assert member.standing.valid_until == at("2026-06-13")


# Yearly windows


def test_a_tier_won_in_january_is_kept_by_the_rest_of_that_calendar_year():
    member = a_member(window={"kind": "calendar_year"})
    member.buys(at("2026-01-15"), 1000)
    member.buys(at("2026-07-01"), 1000)
    assert told(member.lives_until(at("2027-01-16"))) == [("silver", "silver", "kept")]


def test_a_calendar_year_begins_anew():
    member = a_member(window={"kind": "calendar_year"})
    member.buys(at("2026-12-31 23:59"), 999)
    member.buys(at("2027-01-01 00:00"), 999)
    assert member.standing.tier == "new"


# Refunds


def test_a_tier_falls_at_once_when_the_order_that_won_it_is_fully_refunded():
    member = a_member()
    order = member.buys(at("2026-02-15"), 1000)
    assert told(member.returns(at("2026-02-20"), order)) == [("silver", "new", "refund")]
    assert member.history[-1].order_id == order
    assert member.standing.since == JOINED
    assert member.standing.valid_until is None


def test_without_the_setting_a_refund_waits_for_the_end_of_the_period():
    member = a_member(refund_fallback=False)
    order = member.buys(at("2026-02-15"), 1000)
    assert member.returns(at("2026-02-20"), order) == []
    assert told(member.lives_until(at("2027-02-16"))) == [("silver", "new", "downgrade")]


def test_a_partial_refund_lowers_the_metric_only():
    member = a_member()
    order = member.buys(at("2026-02-15"), 1000)
    assert member.returns(at("2026-02-20"), order, left=1) == []
    assert member.standing.tier == "silver"


def test_a_refund_of_another_order_does_not_fell_a_tier():
    member = a_member()
    other = member.buys(at("2026-02-01"), 999)
    member.buys(at("2026-02-15"), 1)
    assert member.returns(at("2026-02-20"), other) == []
    assert member.standing.tier == "silver"


def test_a_tier_that_other_orders_justify_by_now_stays():
    member = a_member()
    order = member.buys(at("2026-02-15"), 1000)
    member.buys(at("2026-02-16"), 1000)
    assert member.returns(at("2026-02-20"), order) == []
    assert member.standing.won_by == REMAINDER


def test_the_tier_beneath_comes_back_with_its_own_period():
    member = a_member()
    member.buys(at("2026-02-15"), 1000)
    order = member.buys(at("2026-06-01"), 2000)
    assert member.standing.valid_until == at("2027-06-02")
    assert told(member.returns(at("2026-06-10"), order)) == [("gold", "silver", "refund")]
    assert member.standing.valid_until == at("2027-02-16")
    assert member.standing.since == at("2026-02-15")


def test_a_tier_beneath_whose_period_has_ended_comes_back_as_its_end_would_have_left_it():
    member = a_member()
    member.buys(at("2026-02-15"), 1000)
    order = member.buys(at("2026-12-01"), 3000)
    assert told(member.returns(at("2027-03-01"), order)) == [("gold", "new", "refund")]


def test_what_qualifies_now_catches_a_fall():
    member = a_member([tier("new"), tier("silver", spend=1000), tier("gold", orders=1)])
    order = member.buys(at("2026-02-15"), 100)
    member.ladder = ladder([tier("new"), tier("silver", spend=50), tier("gold", orders=2)])
    member.purchases.rows.append([at("2026-02-16"), 60, 0, UUID(int=99)])
    assert told(member.returns(at("2026-02-20"), order)) == [("gold", "silver", "refund")]
    assert member.standing.since == at("2026-02-20")
    assert member.standing.valid_until == at("2027-02-21")


def test_refunds_in_either_order_end_on_the_same_tier():
    for refunds in ((0, 1), (1, 0)):
        member = a_member()
        orders = [member.buys(at("2026-02-15"), 1000), member.buys(at("2026-06-01"), 2000)]
        for place, which in enumerate(refunds):
            member.returns(at(f"2026-06-1{place}"), orders[which])
        assert member.standing.tier == "new"
        assert member.standing.valid_until is None


def test_a_tier_caught_by_the_rest_falls_with_the_rest():
    member = a_member()
    small = member.buys(at("2026-02-01"), 900)
    large = member.buys(at("2026-02-02"), 2100)
    more = member.buys(at("2026-02-03"), 200)
    member.returns(at("2026-03-01"), large)
    assert member.standing.tier == "silver"
    member.returns(at("2026-03-02"), small)
    assert member.standing.tier == "new"
    member.returns(at("2026-03-03"), more)
    assert member.standing.tier == "new"


def test_a_tier_that_was_kept_rests_on_no_order():
    member = a_member()
    order = member.buys(at("2026-02-15"), 1000)
    member.buys(at("2026-06-01"), 1000)
    member.lives_until(at("2027-02-16"))
    assert member.returns(at("2027-02-20"), order) == []
    assert member.standing.tier == "silver"


def test_a_refund_from_before_the_last_decision_is_judged_then():
    member = a_member()
    order = member.buys(at("2026-05-01"), 1000)
    member.returns(at("2026-04-01"), order)
    assert member.history[-1].at == at("2026-05-01")


# Floors


def test_a_floor_lifts_until_its_end():
    member = a_member()
    changes = member.is_held_at("gold", at("2026-02-01"), at("2026-08-01"))
    assert told(changes) == [("new", "gold", "manual")]
    assert member.held(at("2026-07-31")) == "gold"
    assert member.held(at("2026-08-01")) == "new"
    assert told(member.lives_until(at("2026-08-01"))) == [("gold", "new", "floor_ended")]
    assert member.standing.floor is None


def test_a_floor_without_an_end_stays():
    member = a_member()
    member.is_held_at("silver", at("2026-02-01"))
    assert member.lives_until(at("2060-01-01")) == []
    assert member.held(at("2060-01-01")) == "silver"


def test_a_floor_below_what_is_earned_changes_nothing():
    member = a_member()
    member.buys(at("2026-02-01"), 3000)
    changes = member.is_held_at("silver", at("2026-02-02"))
    assert told(changes) == [("gold", "gold", "manual")]
    assert member.held(at("2026-02-03")) == "gold"
    member.lives_until(at("2030-01-01"))
    assert member.held(at("2030-01-01")) == "silver"
    assert member.standing.tier == "new"


def test_history_under_a_floor_tells_what_is_held_and_what_is_earned():
    member = a_member()
    member.is_held_at("gold", at("2026-01-02"))
    member.buys(at("2026-02-01"), 1000)
    change = member.history[-1]
    assert (change.from_tier, change.to_tier, change.earned) == ("gold", "gold", "silver")


def test_a_floor_that_ends_with_the_period_falls_to_what_was_earned_and_then_further():
    member = a_member()
    member.buys(at("2026-02-15"), 1000)
    member.is_held_at("gold", at("2026-03-01"), at("2027-02-16"))
    assert told(member.lives_until(at("2027-02-16"))) == [
        ("gold", "silver", "floor_ended"),
        ("silver", "new", "downgrade"),
    ]


def test_a_floor_can_be_taken_away():
    member = a_member()
    member.is_held_at("gold", at("2026-02-01"))
    standing, changes = engine.clear_floor(member.standing, member.ladder, at("2026-02-02"))
    assert told(changes) == [("gold", "new", "manual")]
    assert standing.floor is None
    assert engine.clear_floor(standing, member.ladder, at("2026-02-03")) == (standing, [])


def test_a_floor_needs_a_tier_of_the_ladder():
    member = a_member()
    with pytest.raises(UnknownTier) as refusal:
        member.is_held_at("platinum", at("2026-02-01"))
    assert refusal.value.pointer == "/code"
    assert refusal.value.facts == {"tier": "platinum"}


# Another ladder


def newer(old, tiers, version=2, **settings):
    new = type(old).parse({"tiers": tiers, **settings}, version=version)
    return new.after(old)


def test_a_lower_threshold_lifts_at_once():
    member = a_member()
    member.buys(at("2026-02-01"), 800)
    new = newer(member.ladder, [tier("new"), tier("silver", spend=500), tier("gold", spend=3000)])
    assert told(member.sees(new, at("2026-03-01"))) == [("new", "silver", "ladder")]
    assert member.standing.ladder_version == 2
    assert member.standing.won_by is None


def test_a_higher_threshold_is_asked_for_only_at_the_end_of_the_period():
    member = a_member()
    member.buys(at("2026-02-01"), 1000)
    member.buys(at("2026-06-01"), 1000)
    new = newer(member.ladder, [tier("new"), tier("silver", spend=1500), tier("gold", spend=3000)])
    assert member.sees(new, at("2026-07-01")) == []
    assert member.standing.valid_until == at("2027-02-02")
    assert told(member.lives_until(at("2027-02-02"))) == [("silver", "new", "downgrade")]


def test_what_fell_due_before_is_judged_by_the_ladder_of_then():
    member = a_member()
    member.buys(at("2026-02-01"), 1000)
    member.buys(at("2026-06-01"), 1000)
    new = newer(member.ladder, [tier("new"), tier("silver", spend=1500), tier("gold", spend=3000)])
    assert told(member.sees(new, at("2027-03-01"))) == [("silver", "silver", "kept")]


def test_a_tier_that_is_gone_hands_over_to_the_highest_remaining_one_not_above_it():
    member = a_member()
    member.buys(at("2026-02-01"), 3000)
    new = newer(member.ladder, [tier("new"), tier("silver", spend=9000), tier("top", spend=99000)])
    assert told(member.sees(new, at("2026-03-01"))) == [("gold", "silver", "ladder")]
    assert member.standing.valid_until == at("2027-02-02")


def test_a_tier_that_is_gone_with_everything_beneath_it_leads_to_the_lowest():
    member = a_member()
    member.buys(at("2026-02-01"), 3000)
    new = newer(member.ladder, [tier("a"), tier("b", spend=9000)])
    assert told(member.sees(new, at("2026-03-01"))) == [("gold", "a", "ladder")]
    assert member.standing.valid_until is None


def test_heirs_are_known_over_several_versions():
    first = ladder([*THREE, tier("platinum", spend=9000)])
    second = newer(first, THREE)
    third = newer(second, [tier("new"), tier("silver", spend=1000)], version=3)
    assert third.resolve("platinum") == "silver"
    assert third.resolve("gold") == "silver"
    assert third.resolve("never heard of") == "new"
    assert third.rank("platinum") == 1


def test_an_order_under_a_newer_ladder_needs_no_job_to_have_run_before():
    member = a_member()
    member.buys(at("2026-02-01"), 3000)
    member.ladder = newer(member.ladder, [tier("new"), tier("silver", spend=1000)])
    member.buys(at("2026-03-01"), 1)
    assert told(member.history)[2:] == [("gold", "silver", "ladder")]


def test_a_tier_that_is_lowest_no_more_gets_an_end_and_one_that_is_lowest_now_loses_it():
    member = a_member()
    new = newer(member.ladder, [tier("guest"), tier("new", spend=100), tier("gold", spend=3000)])
    assert member.sees(new, at("2026-03-01 09:00")) == []
    assert member.standing.tier == "new"
    assert member.standing.valid_until == at("2027-03-02")
    back = newer(new, [tier("new"), tier("gold", spend=3000)], version=3)
    member.sees(back, at("2026-04-01"))
    assert member.standing.valid_until is None


def test_a_floor_whose_tier_is_gone_goes_to_its_heir():
    member = a_member()
    member.is_held_at("gold", at("2026-02-01"))
    new = newer(member.ladder, [tier("new"), tier("silver", spend=1000)])
    assert told(member.sees(new, at("2026-03-01"))) == [("gold", "silver", "ladder")]
    assert member.standing.floor == "silver"


def test_a_floor_whose_heir_is_the_tier_that_was_earned_is_left_in_the_history():
    member = a_member()
    member.is_held_at("gold", at("2026-02-01"))
    new = newer(member.ladder, [tier("new")])
    assert told(member.sees(new, at("2026-03-01"))) == [("gold", "new", "ladder")]
    assert member.held(at("2026-03-01")) == "new"


def test_a_grace_that_was_granted_survives_a_ladder_without_one():
    member = a_member(grace_days=30)
    member.buys(at("2026-02-15"), 1000)
    member.lives_until(at("2027-02-16"))
    member.sees(newer(member.ladder, THREE), at("2027-02-20"))
    assert member.standing.grace_until == at("2027-03-18")
