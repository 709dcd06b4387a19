"""Percentiles are safe with ties, exact where it matters, and read without a scan."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.segments import ranks
from crm.segments.percentiles import Table

pytestmark = pytest.mark.usefixtures("no_database")
amounts = st.lists(st.integers(0, 10**12), min_size=1, max_size=60)


def test_equal_values_have_equal_percentiles():
    assert ranks.midranks(np.array([5, 5, 5, 5])).tolist() == [0.5] * 4


def test_a_population_of_nobody_has_no_percentiles_and_no_error():
    assert ranks.midranks(np.array([], dtype=int)).tolist() == []
    assert ranks.midranks(np.array([3]), np.array([], dtype=int)).tolist() == [0.5]
    assert Table.read(ranks.table(np.array([], dtype=int))).midrank(7) == 0.5


@settings(deadline=None)
@given(amounts)
def test_percentiles_keep_the_order_and_stay_between_0_and_1(values):
    found = ranks.midranks(np.array(values))
    assert ((found > 0) & (found < 1)).all()
    pairs = sorted(zip(values, found.tolist(), strict=True))
    assert all(low[1] <= high[1] for low, high in pairwise(pairs))


@settings(deadline=None)
@given(amounts)
def test_the_stored_table_answers_as_the_whole_population_does(values):
    stored = Table.read(ranks.table(np.array(values)))
    for value, expected in zip(values, ranks.midranks(np.array(values)).tolist(), strict=True):
        assert stored.midrank(value) == pytest.approx(expected, abs=1e-6)


@settings(deadline=None)
@given(amounts, st.integers(0, 10**12))
def test_a_value_that_nobody_has_stands_between_its_neighbours(values, value):
    stored = Table.read(ranks.table(np.array(values)))
    below = sum(other < value for other in values) / len(values)
    upto = sum(other <= value for other in values) / len(values)
    assert stored.shares(value) == pytest.approx((below, upto), abs=1e-6)


def test_a_large_population_is_stored_in_a_thousand_points_and_stays_close():
    values = np.random.default_rng(3).lognormal(9, 1.5, 50_000).astype(int)
    stored = ranks.table(values)
    assert len(stored["values"]) <= ranks.POINTS
    table = Table.read(stored)
    for value in (int(values.min()), 900, 8_000, 8_001, 40_000, int(values.max())):
        exact = ranks.midranks(np.array([value]), values)[0]
        assert table.midrank(value) == pytest.approx(exact, abs=0.002)


def test_what_lies_outside_the_population_is_below_or_above_everybody():
    table = Table.read(ranks.table(np.array([10, 20])))
    assert table.shares(5) == (0.0, 0.0)
    assert table.shares(25) == (1.0, 1.0)
