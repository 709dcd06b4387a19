"""Choosing a method for buying in a category: what it knows, whom it beats, when it is silent."""

import json
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pairs import TODAY, Bought, past_of, purchases

from crm.segments.next_purchase import back_test as whole
from crm.segments.next_purchase.categories import back_test, chances, learning, loading
from crm.segments.next_purchase.parameters import HORIZONS

pytestmark = pytest.mark.usefixtures("no_database")


def learned(bought: list[Bought]) -> dict:
    """What a night makes of these purchases."""
    past = past_of(bought)
    stores = [whole.choose(past.members, TODAY, days).document for days in HORIZONS]
    return back_test.document(past, TODAY, stores)


def aucs(horizon: dict) -> dict[str, float]:
    return {each["method"]: each["figures"]["auc"] for each in horizon["back_test"]["candidates"]}


@pytest.mark.parametrize("seed", [5, 6, 7])
def test_the_pooled_model_beats_the_stores_chance_times_the_share(seed):
    for horizon in learned(purchases(seed=seed))["horizons"]:
        found = aucs(horizon)
        assert horizon["method"] == "regression"
        assert horizon["reason"] is None
        assert found["regression"] > found["share"] + 0.01
        assert found["regression"] > found["percentiles"] + 0.2
        tested = horizon["back_test"]
        figures = tested["candidates"][0]["figures"]
        assert figures["expected"] == pytest.approx(tested["bought"], rel=0.2)


def test_categories_are_told_apart():
    """Each is foretold as many buyers as come, though one model serves them all."""
    month = learned(purchases(members=2000))["horizons"][1]
    rows = {row["category"]: row for row in month["categories"]}
    assert list(rows) == sorted(rows, key=lambda name: -rows[name]["customers"])
    shares = {name: row["bought"] / row["customers"] for name, row in rows.items()}
    assert shares["beans"] > 2 * shares["filters"] > 4 * shares["cups"]
    for name in ("beans", "filters", "cups"):
        assert rows[name]["expected"] == pytest.approx(rows[name]["bought"], rel=0.25)
    assert sum(row["customers"] for row in rows.values()) == month["back_test"]["members"]
    assert sum(row["bought"] for row in rows.values()) == month["back_test"]["bought"]


@pytest.mark.parametrize("days", HORIZONS)
def test_purchases_after_the_beginning_of_the_window_change_nothing(days):
    bought = purchases()
    cut = TODAY - days
    blind = past_of([row for row in bought if row[2] <= cut])
    store = whole.choose(past_of(bought).members, TODAY, days).document
    before = back_test._spoken_before(store)
    for method in learning.METHODS:
        seen = learning.learn(method, past_of(bought), cut, days, before)
        assert seen.model == learning.learn(method, blind, cut, days, before).model
    later = [row if row[2] <= cut else (row[0], "tools", row[2], 1) for row in bought]
    other = back_test.choose(past_of(later), TODAY, store)["back_test"]["candidates"]
    same = back_test.choose(past_of(bought), TODAY, store)["back_test"]["candidates"]
    for one, two in zip(same, other, strict=True):
        assert (one["model"], one["trained_on"]) == (two["model"], two["trained_on"])


def test_shuffled_purchases_give_the_same_bytes():
    bought = purchases()
    told = json.dumps(learned(bought))
    Random(4).shuffle(bought)
    assert json.dumps(learned(bought)) == told


def test_a_category_with_few_purchases_is_silent():
    month = learned(purchases())["horizons"][1]
    reasons = {row["category"]: row["reason"] for row in month["categories"]}
    assert reasons == {"beans": None, "filters": None, "cups": "few_purchases",
                       "gifts": "few_purchases"}  # fmt: skip


def test_without_categories_nothing_is_said():
    past = past_of([(row[0], "", *row[2:]) for row in purchases()])
    bare = type(past).of(_everything(past), {})
    stores = [whole.choose(bare.members, TODAY, days).document for days in HORIZONS]
    found = back_test.document(bare, TODAY, stores)
    assert {each["reason"] for each in found["horizons"]} == {"no_categories"}
    assert {len(each["categories"]) for each in found["horizons"]} == {0}


def _everything(past) -> np.ndarray:
    owners = np.repeat(np.arange(len(past.members)), np.diff(past.members.starts))
    rows = zip(owners, past.members.days, past.members.amounts, strict=True)
    return np.array(list(rows), loading.ROW)


def test_a_short_history_is_silent():
    short = [row for row in purchases() if row[2] > TODAY - 60]
    reasons = [each["reason"] for each in learned(short)["horizons"]]
    assert reasons == [None, "few_purchases", "short_history"] or reasons[1:] == [
        "short_history",
        "short_history",
    ]


def test_a_category_that_came_to_an_end_is_silent():
    """Beans are sold no more: a chance as before is worse than one for everybody."""
    left = [
        row
        for row in purchases(members=2000)
        if row[1] != "beans" or row[2] <= TODAY - 30 or row[0] % 15 == 0
    ]
    month = learned(left)["horizons"][1]
    beans = next(row for row in month["categories"] if row["category"] == "beans")
    assert beans["reason"] == "no_better_than_the_mean"


def test_one_pair_is_scored_as_among_all():
    past = past_of(purchases())
    store = whole.choose(past.members, TODAY, 30).document
    spoken = back_test._spoken(store)
    window = learning.Window.of(past, TODAY, 30)
    for method in learning.METHODS:
        model = learning.learn(method, past, TODAY, 30, spoken).model
        assert model is not None
        _, promised = learning.scores(model, window, 30, spoken)
        assert promised is not None
        everybody = whole.learning.scores(store["model"], window.known.everybody, 30)[1]
        assert everybody is not None
        tables = learning.tables(past, TODAY)
        for place in (0, 7, 500, len(window.known) - 1):
            one = {name: float(all_[place]) for name, all_ in window.known.features().items()}
            name = past.names[window.known.kinds[place]]
            stores = float(everybody[window.known.owners[place]])
            found = chances.chance({"model": model}, tables, name, one, stores)
            near = 2e-3 if method == "percentiles" else 1e-9  # its tables are thinned out
            assert found == pytest.approx(promised[place], abs=near)


def test_of_too_many_pairs_those_of_some_members_are_taken_whole():
    past = past_of(purchases(members=200))
    rows = {name: _rows_of(past, kind) for kind, name in enumerate(past.names)}
    some = loading.bounded(_everything(past), rows, 100)
    assert 90 < len(some.pairs) <= 100
    counts = np.bincount(past.owners)[: len(some.members)]
    assert np.bincount(some.owners).tolist() == counts.tolist()
    assert loading.bounded(_everything(past), rows, 10_000).digest() == past.digest()


def _rows_of(past, kind: int) -> np.ndarray:
    pair = np.repeat(np.arange(len(past.pairs)), np.diff(past.pairs.starts))
    here = past.kinds[pair] == kind
    rows = zip(past.owners[pair][here], past.pairs.days[here], past.pairs.amounts[here],
               strict=True)  # fmt: skip
    return np.array(list(rows), loading.ROW)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from(["tea", "pots", "x"]),
            st.integers(TODAY - 900, TODAY),
            st.sampled_from([1, 100, 10**12]),
        ),
        max_size=40,
    ),
    st.sampled_from([1, 15]),
)
def test_no_shop_whatever_is_an_error(bought, copies):
    """Nobody, one, equals, outliers: there is a document, and chances are chances."""
    many = [(member + 10 * copy, *rest) for copy in range(copies) for member, *rest in bought]
    found = learned(many)
    json.dumps(found, allow_nan=False)
    past = past_of(many)
    for horizon in found["horizons"]:
        window = learning.Window.of(past, TODAY, horizon["days"])
        if horizon["model"]["kind"] != "share":
            scores, promised = learning.scores(horizon["model"], window, horizon["days"], None)
            assert np.isfinite(scores).all()
            assert promised is None or ((promised >= 0) & (promised <= 1)).all()
