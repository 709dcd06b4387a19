"""A move near a border counts only when a second run agrees; clear moves count at once."""

import numpy as np
import pytest
from populations import row

from crm.segments.features import Population
from crm.segments.hysteresis import judge
from crm.segments.segmentation import Segmentation
from crm.segments.vocabulary import PLACE

pytestmark = pytest.mark.usefixtures("no_database")


def verdict(code, *, previous, settled=None, waiting=0, margin=0.5):
    """What is decided about one member: (moves, counts, confirms)."""
    people = Population.of([row(1, 5, 3, 900, 50)])
    places = [PLACE[name] if name else -1 for name in (previous, settled or previous)]
    people = Population(
        people.ids, people.recency, people.frequency, people.monetary, people.tenure,
        np.array(places[:1]), np.array(places[1:]), np.array([waiting]),
    )  # fmt: skip
    codes = np.array([PLACE[code]], dtype=np.int8)
    by_refit = np.zeros(1, dtype=bool)
    found = judge(Segmentation(people, codes, np.array([margin]), by_refit, {}), 0.1)
    return bool(len(found.moved)), bool(found.counts.any()), bool(len(found.confirmed))


def test_a_clear_move_counts_at_once():
    assert verdict("loyal", previous="need_attention", margin=0.1) == (True, True, False)


def test_a_move_near_the_border_waits():
    assert verdict("loyal", previous="need_attention", margin=0.099) == (True, False, False)


def test_a_second_run_that_agrees_confirms_it():
    found = verdict("loyal", previous="loyal", settled="need_attention", waiting=1, margin=0.01)
    assert found == (False, False, True)


def test_going_back_to_where_one_counted_is_settled_at_once():
    found = verdict("loyal", previous="at_risk", settled="loyal", waiting=1, margin=0.01)
    assert found == (True, True, False)


def test_going_on_to_a_third_segment_near_the_border_waits_again():
    found = verdict("at_risk", previous="loyal", settled="need_attention", waiting=1, margin=0.01)
    assert found == (True, False, False)


@pytest.mark.parametrize(
    ("previous", "code"),
    [
        (None, "loyal"),
        ("new_customers", "promising"),
        ("prospects", "new_customers"),
        ("new_customers", "cooling"),
        ("loyal", "prospects"),
    ],
)
def test_what_a_purchase_or_a_day_decides_counts_at_once(previous, code):
    assert verdict(code, previous=previous, margin=0.0) == (True, True, False)


def test_who_stays_and_waits_for_nothing_is_left_alone():
    assert verdict("loyal", previous="loyal", margin=0.01) == (False, False, False)
