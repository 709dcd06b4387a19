"""Choosing a method by its back-test, and its figures: against plain definitions."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.segments import ranks
from crm.segments.next_purchase import back_test, chances, figures, learning
from crm.segments.next_purchase.histories import Histories
from crm.segments.percentiles import Table

pytestmark = pytest.mark.usefixtures("no_database")
TODAY = 740_000


def history_of(shop: list[list[tuple[int, int]]]) -> Histories:
    """From (days ago, amount) of each member."""
    rows = [
        (owner, TODAY - ago, amount)
        for owner, each in enumerate(shop)
        for ago, amount in sorted(dict(each).items(), reverse=True)
    ]
    columns = np.array(rows, np.int64).reshape(-1, 3).T
    return Histories.of(*columns)


def lively(days: int = 700, size: int = 1500, seed: int = 3) -> Histories:
    """Customers with a pace each, of whom some leave."""
    draw = np.random.default_rng(seed)
    shop = []
    for _ in range(size):
        pace, start = draw.lognormal(3.5, 0.8), draw.uniform(0, days)
        at, leaves, visits = start, draw.uniform(0, 0.4), []
        while at >= 0:
            visits.append((int(at), int(draw.integers(100, 9000))))
            if draw.random() < leaves:
                break
            at -= draw.exponential(pace) + 1
        shop.append(visits)
    return history_of(shop)


def test_a_snapshot_knows_nothing_of_later_days():
    whole = history_of([[(100, 5), (60, 7), (10, 9)], [(20, 1)]])
    short = history_of([[(100, 5), (60, 7)]])
    then, alone = whole.at(TODAY - 50), short.at(TODAY - 50)
    for name in ("recency", "frequency", "monetary", "tenure", "gap"):
        assert getattr(then, name).tolist() == getattr(alone, name).tolist()
    assert (then.recency[0], then.frequency[0], then.monetary[0]) == (10, 2, 12)
    assert (then.tenure[0], then.gap[0]) == (50, 40)
    assert whole.purchases(TODAY - 50, TODAY).tolist() == [1]


scored = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), st.booleans()),
    min_size=1,
    max_size=40,
)


@given(scored)
def test_auc_is_the_share_of_pairs_in_the_right_order(rows):
    scores, bought = (np.array(column) for column in zip(*rows, strict=True))
    pairs = [
        (one > other) + 0.5 * (one == other)
        for one, yes in rows
        if yes
        for other, also in rows
        if not also
    ]
    found = figures.auc(scores, bought)
    assert found == (pytest.approx(np.mean(pairs)) if pairs else None)


@given(scored, st.randoms())
def test_lift_does_not_hang_on_the_order_of_equals(rows, random):
    scores, bought = (np.array(column) for column in zip(*rows, strict=True))
    shuffled = random.sample(rows, len(rows))
    again = figures.lift(*(np.array(column) for column in zip(*shuffled, strict=True)))
    found = figures.lift(scores, bought)
    assert found == (pytest.approx(again) if bought.any() else None)
    assert found is None or 0 <= found <= 10 + 1e-9


def test_the_lift_of_a_score_that_knows_all_is_ten():
    bought = np.arange(100) < 10
    assert figures.lift(bought.astype(float), bought) == pytest.approx(10)
    assert figures.lift(np.zeros(100), bought) == pytest.approx(1)


@given(scored)
def test_calibration_counts_everybody_once_and_parts_no_equals(rows):
    promised, bought = (np.array(column) for column in zip(*rows, strict=True))
    bands = figures.calibration(promised, bought)
    assert sum(band["members"] for band in bands) == len(rows)
    assert sum(band["members"] * band["bought"] for band in bands) == pytest.approx(bought.sum())
    assert all(a["highest"] < b["lowest"] for a, b in pairwise(bands))


def test_a_lively_shop_has_a_method_with_chances_for_every_horizon():
    shop = lively()
    for days in (7, 30, 90):
        found = back_test.choose(shop, TODAY, days)
        assert found.reason is None
        tested = found.document["back_test"]
        chosen = next(each for each in tested["candidates"] if each["method"] == found.method)
        assert chosen["figures"]["auc"] > 0.7
        assert chosen["figures"]["expected"] == pytest.approx(tested["bought"], rel=0.25)


def test_no_candidate_sees_the_window_that_it_is_tested_on():
    shop = lively()
    later = shop.days > TODAY - 30
    owners = np.repeat(np.arange(len(shop)), np.diff(shop.starts))
    blind = Histories.of(owners[~later], shop.days[~later], shop.amounts[~later])
    for method in learning.METHODS:
        assert (
            learning.learn(method, shop, TODAY - 30, 30).model
            == learning.learn(method, blind, TODAY - 30, 30).model
        )


def test_a_short_history_is_left_to_mbg_nbd():
    """Ten weeks: no past window of 30 days with a month before it, but one to be tested on."""
    found = back_test.choose(lively(days=75), TODAY, 30)
    tested = {each["method"]: each["refused"] for each in found.document["back_test"]["candidates"]}
    assert tested["regression"] == "short_history"
    assert found.method == "mbg_nbd"
    assert found.reason is None


def test_no_history_to_test_on_means_no_chances():
    found = back_test.choose(lively(days=40), TODAY, 90)
    assert (found.method, found.reason) == ("percentiles", "short_history")


def test_chances_that_are_worse_than_the_mean_are_not_told():
    """A shop that closed for the last month: what was learned does not hold any more."""
    shop = lively(size=3000)
    owners = np.repeat(np.arange(len(shop)), np.diff(shop.starts))
    few = (shop.days <= TODAY - 30) | (owners % 15 == 0)
    closed = Histories.of(owners[few], shop.days[few], shop.amounts[few])
    found = back_test.choose(closed, TODAY, 30)
    assert found.reason == "no_better_than_the_mean"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 900), st.sampled_from([1, 100, 10**12])), max_size=6),
        max_size=12,
    ),
    st.sampled_from([1, 12]),
    st.sampled_from([7, 30, 90]),
)
def test_no_shop_whatever_is_an_error(shop, copies, days):
    """Nobody, one, two, all equal, outliers: there is a method, and chances are chances."""
    histories = history_of(shop * copies)
    found = back_test.choose(histories, TODAY, days)
    known = histories.at(TODAY)
    scores, promised = learning.scores(found.model, known, days)
    assert np.isfinite(scores).all()
    assert promised is None or ((promised >= 0) & (promised <= 1)).all()


def test_one_member_is_scored_as_among_all():
    shop = lively(size=400)
    known = shop.at(TODAY)
    for method in learning.METHODS:
        model = learning.learn(method, shop, TODAY, 30).model
        assert model is not None
        scores, promised = learning.scores(model, known, 30)
        for place in (0, 7, 150):
            one = {name: float(column[place]) for name, column in known.features().items()}
            if method == "percentiles":
                one["place"] = chances.place(model["tables"], one)
            assert chances.score(model, one, 30) == pytest.approx(scores[place], abs=1e-12)
            assert promised is None or 0 < promised[place] < 1


@given(
    st.lists(st.integers(-50, 50), max_size=30),
    st.lists(st.integers(-60, 60), min_size=1, max_size=10),
)
def test_many_percentiles_at_once_are_those_of_each(values, asked):
    stored = ranks.table(np.array(values, np.int64))
    table = Table.read(stored)
    found = ranks.midranks_by(stored, np.array(asked))
    assert found.tolist() == pytest.approx([table.midrank(each) for each in asked])
