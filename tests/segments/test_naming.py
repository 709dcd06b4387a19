"""Names say what a group is like, each at most once, and never more than is true."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.segments import naming, naming_apart, positions
from crm.segments.run_schemas import ParametersIn
from crm.segments.vocabulary import BY_CODE, CODES, PLACE

pytestmark = pytest.mark.usefixtures("no_database")
share = st.floats(0.001, 0.999)
places = st.lists(st.tuples(share, share, share), min_size=1, max_size=naming_apart.MOST)


def names(where, among_buyers=None) -> list[str]:
    here = np.array(where, dtype=float)
    there = here if among_buyers is None else np.array(among_buyers, dtype=float)
    return [CODES[place] for place in naming_apart.name_apart(here, there)]


@pytest.mark.parametrize(
    ("position", "name"),
    [
        ((0.9, 0.95, 0.9), "champions"),
        ((0.65, 0.8, 0.85), "loyal"),
        ((0.85, 0.5, 0.6), "potential_loyalists"),
        ((0.75, 0.2, 0.2), "promising"),
        ((0.45, 0.5, 0.5), "need_attention"),
        ((0.5, 0.5, 0.5), "need_attention"),
        ((0.4, 0.2, 0.2), "about_to_sleep"),
        ((0.25, 0.7, 0.7), "at_risk"),
        ((0.1, 0.9, 0.95), "cannot_lose"),
        ((0.15, 0.2, 0.15), "hibernating"),
    ],
)
def test_a_group_gets_the_name_of_its_place(position, name):
    assert names([position]) == [name]


def test_a_run_can_not_ask_for_more_clusters_than_there_are_names():
    assert ParametersIn().fields["max_k"].high == naming_apart.MOST  # type: ignore[attr-defined]


def test_two_groups_of_one_kind_get_two_names_and_the_better_fit_keeps_its_own():
    assert names([(0.15, 0.2, 0.2), (0.3, 0.3, 0.3)]) == ["hibernating", "about_to_sleep"]


@settings(deadline=None)
@given(places)
def test_no_name_is_used_twice(where):
    found = names(where)
    assert len(set(found)) == len(where)
    assert all(BY_CODE[code].about == "repeat" for code in found)


@settings(deadline=None)
@given(places)
def test_champions_are_among_the_best_fifth_in_all_three(where):
    for position, code in zip(where, names(where), strict=True):
        assert code != "champions" or min(position) >= positions.BEST


def test_champions_of_repeat_buyers_must_be_champions_among_all_buyers_too():
    assert names([(0.9, 0.9, 0.9)], [(0.7, 0.9, 0.9)]) == ["loyal"]


@settings(deadline=None)
@given(st.tuples(st.floats(0.5, 0.999), share, share))
def test_who_was_here_recently_is_neither_at_risk_nor_asleep(position):
    assert names([position])[0] not in {"at_risk", "cannot_lose", "hibernating"}


def test_equal_members_get_equal_names_by_rule():
    same = np.full((5, 3), 0.5)
    codes, margins = naming.name_each(same, same)
    assert {CODES[place] for place in codes} == {"need_attention"}
    assert set(margins.tolist()) == {1.0}, "in the very middle of what the name stands for"


@settings(deadline=None)
@given(st.tuples(share, share, share), st.tuples(share, share, share))
def test_one_member_alone_is_named_as_he_is_among_all(position, among_buyers):
    (code,), (margin,) = naming.name_each(np.array([position]), np.array([among_buyers]))
    (own, name), (following, _) = positions.ranked(position, among_buyers)[:2]
    assert name == CODES[code]
    assert positions.margin(own, following) == pytest.approx(margin, abs=1e-4)


def carried(position, name: str) -> str:
    here = np.array([position])
    place = np.array([PLACE[name]], dtype=np.int8)
    return CODES[naming_apart.name_apart(here, here, place)[0]]


def test_a_cluster_that_is_carried_on_keeps_its_name_though_another_suits_it_better():
    assert names([(0.62, 0.7, 0.7)]) == ["loyal"]
    assert carried((0.62, 0.7, 0.7), "need_attention") == "need_attention"


@pytest.mark.parametrize(
    ("position", "name"),
    [((0.9, 0.7, 0.9), "champions"), ((0.6, 0.7, 0.7), "at_risk"), ((0.3, 0.5, 0.5), "loyal")],
)
def test_a_carried_name_that_would_be_a_lie_is_given_up(position, name):
    assert carried(position, name) != name


@settings(deadline=None)
@given(places, st.integers(0, 8))
def test_no_name_is_used_twice_when_one_is_carried_on(where, name):
    here = np.array(where)
    wish = np.full(len(here), -1, dtype=np.int8)
    wish[0] = naming.PLACES[name]
    assert len(set(naming_apart.name_apart(here, here, wish).tolist())) == len(here)
