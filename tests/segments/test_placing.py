"""One member's place is what the run over all found, and what would change it is told truly."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from populations import QUICK, lively_shop

from crm.segments import placing, segmentation, standard_scale
from crm.segments.features import Population
from crm.segments.placing import Basis
from crm.segments.refit import refit
from crm.segments.vocabulary import CODES
from crm.segments.why import Features

pytestmark = pytest.mark.usefixtures("no_database")


def basis_of(found: segmentation.Segmentation) -> Basis:
    document = found.document
    basis = Basis.read(
        document["parameters"]["rhythm"], document["centroids"], document["percentiles"]
    )
    assert basis is not None
    return basis


def features(people: Population, place: int) -> Features:
    bought = bool(people.bought[place])
    return Features(
        recency_days=int(people.recency[place]) if bought else None,
        frequency=int(people.frequency[place]),
        monetary=int(people.monetary[place]),
        tenure_days=int(people.tenure[place]) if bought else None,
        registered_days=900,
    )


@pytest.mark.parametrize("least", [200, 10**6], ids=["by clusters", "by rules"])
def test_everybody_alone_stands_where_the_run_put_him(least):
    people = lively_shop(size=400)
    found, _ = refit(people, replace(QUICK, least_repeat_buyers=least))
    basis = basis_of(found)
    for place in range(len(people)):
        here = basis.place(features(people, place))
        assert here.code == CODES[found.codes[place]]
        if here.margin is not None:
            assert here.margin == pytest.approx(found.margins[place], abs=1e-3)


@pytest.fixture(scope="module")
def clusters() -> Basis:
    return basis_of(refit(lively_shop(), QUICK)[0])


ONCE = Features(recency_days=3, frequency=1, monetary=900, tenure_days=3, registered_days=3)
counts = st.integers(1, 60)


@settings(deadline=None)
@given(st.integers(0, 700), counts, st.integers(1, 400_000))
def test_the_day_on_which_time_moves_a_member_is_the_day_on_which_it_does(
    clusters, recency, frequency, monetary
):
    one = Features(recency, frequency, monetary, recency + 400, recency + 500)
    left = placing.days_left(clusters, one)
    here = clusters.place(one).code
    if left is None:
        last = placing.later(one, placing.FORESIGHT)
        assert clusters.place(last).code == here
        return
    days, then = left
    assert clusters.place(placing.later(one, days)).code == then != here
    assert clusters.place(placing.later(one, days - 1)).code == here


def test_a_one_time_buyer_cools_when_the_stores_rhythm_says_so(clusters):
    days, then = placing.days_left(clusters, ONCE) or (0, "")
    assert (days, then) == (clusters.usual_days + 1 - 3, "cooling")


def test_buying_now_is_a_day_more_today_for_as_much_as_usual():
    more = placing.after_buying(replace(ONCE, frequency=2, monetary=901))
    assert (more.recency_days, more.frequency, more.monetary) == (0, 3, 1351)
    again = placing.after_buying(replace(ONCE, recency_days=0))
    assert again.frequency == 1, "a second order of a day is one visit"
    never = Features(None, 0, 0, None, 12)
    assert placing.after_buying(never).frequency == 1


def test_a_first_purchase_makes_a_new_customer(clusters):
    never = Features(None, 0, 0, None, 12)
    assert clusters.place(placing.after_buying(never)).code == "new_customers"
    assert placing.days_left(clusters, never) is None


def test_runs_of_an_earlier_edition_have_nothing_to_place_by():
    rhythm = {"usual_days": 30, "late_days": 90, "own": True}
    assert Basis.read(rhythm, None, {"recency": {}, "frequency": {}, "monetary": {}}) is None


def test_margins_are_0_on_the_border_and_1_at_the_centre():
    centers = np.array([[0.0, 0, 0], [2.0, 0, 0]])
    labels, margins = standard_scale.nearest(np.array([[1.0, 0, 0], [0, 0, 0.0]]), centers)
    assert labels.tolist() == [0, 0]
    assert margins.tolist() == [0.0, 1.0]
