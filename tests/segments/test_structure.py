"""Those who never bought and those who bought once are told apart by the store's own rhythm."""

import numpy as np
import pytest
from populations import prospect, row

from crm.segments import structure
from crm.segments.features import Population
from crm.segments.vocabulary import CODES

pytestmark = pytest.mark.usefixtures("no_database")


def regulars(gap_days: int, count: int) -> list:
    """Members who came twice, `gap_days` apart."""
    return [row(1000 + index, 5, 2, 9_000, 5 + gap_days) for index in range(count)]


def code_of(people: Population, place: int) -> str | None:
    found = structure.by_rule(people, structure.rhythm(people))[place]
    return CODES[found] if found >= 0 else None


def test_a_member_without_a_purchase_is_a_prospect():
    assert code_of(Population.of([prospect(1)]), 0) == "prospects"


def test_repeat_buyers_are_left_to_the_clusters():
    assert code_of(Population.of([row(1, 3, 2, 100, 10)]), 0) is None


@pytest.mark.parametrize(
    ("days", "code"),
    [(0, "new_customers"), (20, "new_customers"), (21, "cooling"), (60, "cooling"), (61, "lost")],
)
def test_one_time_buyers_cool_by_the_time_that_others_take_to_come_back(days, code):
    others = regulars(20, 60) + [row(5000 + index, 5, 2, 9_000, 65) for index in range(20)]
    assert code_of(Population.of([row(1, days, 1, 500, days), *others]), 0) == code


def test_a_young_store_without_rhythm_uses_plain_defaults_and_says_so():
    pace = structure.rhythm(Population.of(regulars(3, structure.LEAST_GAPS - 1)))
    assert (pace.usual_days, pace.late_days, pace.own) == (60, 180, False)


def test_a_rhythm_always_leaves_room_between_new_and_lost():
    pace = structure.rhythm(Population.of(regulars(1, 50)))
    assert (pace.usual_days, pace.late_days, pace.own) == (1, 2, True)


def test_the_mean_gap_is_days_between_purchases_and_0_without_a_second_one():
    people = Population.of([row(1, 10, 3, 1, 90), row(2, 10, 1, 1, 10), prospect(3)])
    assert people.mean_gap.tolist() == [40, 0, 0]


def test_rows_are_ordered_by_member_whatever_their_order():
    rows = [row(2**100 + 3, 1, 1, 1, 1), row(2**100, 2, 1, 1, 2), row(7, 3, 1, 1, 3)]
    people = Population.of(rows)
    assert people.recency.tolist() == [3, 2, 1]
    assert [member.int for member in people.member_ids()] == [7, 2**100, 2**100 + 3]
    assert isinstance(people.ids, np.ndarray)
