"""Who is held out and who gets what hangs on ids alone, for ever, and in the right shares."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from crm.campaigns.assignment import ARM, HOLDOUT, assign, bounds, draw
from crm.db import db

CAMPAIGNS = [UUID(int=0x0190_0000_0000_7000_8000_0000_0000_0000 + n) for n in range(5)]
MEMBERS = [UUID(int=0x0191_0000_0000_7000_8000_0000_0000_0000 + n) for n in range(20_000)]
WEIGHTS = st.lists(st.integers(1, 1000), min_size=1, max_size=4)


def held(campaign: UUID) -> list[bool]:
    return [draw(campaign, member, HOLDOUT) < 0.1 for member in MEMBERS]


@pytest.mark.usefixtures("no_database")
@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_ten_percent_of_twenty_thousand_are_held_out_give_or_take_half_a_point(campaign: UUID):
    assert abs(sum(held(campaign)) / len(MEMBERS) - 0.1) <= 0.005


@pytest.mark.usefixtures("no_database")
def test_being_held_out_of_one_campaign_says_nothing_of_another():
    first, second = held(CAMPAIGNS[0]), held(CAMPAIGNS[1])
    both = sum(a and b for a, b in zip(first, second, strict=True))
    assert abs(both / sum(first) - 0.1) <= 0.03


@pytest.mark.usefixtures("no_database")
def test_arms_get_their_shares_of_those_held_out_and_of_the_others():
    for group in (True, False):
        chosen = [m for m, is_out in zip(MEMBERS, held(CAMPAIGNS[0]), strict=True)
                  if is_out == group]  # fmt: skip
        first = sum(draw(CAMPAIGNS[0], member, ARM) < 0.75 for member in chosen)
        assert abs(first / len(chosen) - 0.75) <= 0.03


@pytest.mark.usefixtures("no_database")
@given(campaign=st.uuids(), member=st.uuids(), holdout=st.integers(0, 90), weights=WEIGHTS)
def test_everybody_has_one_place_and_the_same_one_again(campaign, member, holdout, weights):
    found = assign(campaign, member, holdout_percent=holdout, weights=weights)
    assert found == assign(campaign, member, holdout_percent=holdout, weights=weights)
    assert 0 <= found <= len(weights)
    if not holdout:
        assert found > 0


@pytest.mark.usefixtures("no_database")
@given(weights=WEIGHTS)
def test_the_bounds_of_arms_rise_to_one(weights):
    found = bounds(weights)
    assert found[-1] == 1
    assert all(a < b for a, b in zip([0.0, *found], found, strict=False))


@pytest.mark.usefixtures("no_database")
@given(campaign=st.uuids(), member=st.uuids(), smaller=st.integers(0, 45), weights=WEIGHTS)
def test_a_larger_holdout_holds_the_same_members_and_more(campaign, member, smaller, weights):
    few = assign(campaign, member, holdout_percent=smaller, weights=weights)
    many = assign(campaign, member, holdout_percent=2 * smaller, weights=weights)
    assert many in (0, few)


def test_the_database_draws_the_same_numbers():
    members = MEMBERS[:200]
    query = text("""
        SELECT id, campaign_draw(:campaign, id, '\\x68') AS held, campaign_draw(:campaign, id, '\\x61') AS arm
        FROM unnest(CAST(:members AS uuid[])) AS m (id)
    """)  # noqa: E501
    for campaign in CAMPAIGNS:
        for row in db.session.execute(query, {"campaign": campaign, "members": members}):
            assert row.held == draw(campaign, row.id, HOLDOUT)
            assert row.arm == draw(campaign, row.id, ARM)
