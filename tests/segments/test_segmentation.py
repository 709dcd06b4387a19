"""Runs are never an error, never empty, and the same for the same members in any order."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from populations import QUICK, lively_shop, prospect, row, shops
from threadpoolctl import threadpool_limits

from crm.segments.features import Population
from crm.segments.refit import refit
from crm.segments.vocabulary import ALWAYS_SHOWN, CODES

pytestmark = pytest.mark.usefixtures("no_database")


def run(rows, **asked):
    people = rows if isinstance(rows, Population) else Population.of(rows)
    return refit(people, replace(QUICK, **asked))[0]


def test_groups_that_are_there_are_found_and_named():
    document = run(lively_shop()).document
    assert document["method"] == "kmeans"
    assert document["quality"]["k"] == 4
    assert document["quality"]["ari"] >= 0.85
    clusters = [line["code"] for line in document["sizes"] if line["code"] not in ALWAYS_SHOWN]
    assert clusters == ["champions", "promising", "at_risk", "hibernating"]


def test_centroids_are_told_in_days_times_and_money_too():
    document = run(lively_shop()).document
    best = next(c for c in document["centroids"]["clusters"] if c["code"] == "champions")
    assert best["recency_days"] == pytest.approx(10, rel=0.3)
    assert best["frequency"] == pytest.approx(20, rel=0.3)
    assert best["monetary"] == pytest.approx(200_000, rel=0.3)


def test_margins_say_how_clear_a_case_is():
    found = run(lively_shop())
    repeat = found.people.returned
    assert ((found.margins[repeat] >= 0) & (found.margins[repeat] <= 1)).all()
    assert np.isnan(found.margins[~repeat]).all()


def test_shuffled_input_gives_identical_bytes():
    people = lively_shop()
    order = np.random.default_rng(9).permutation(len(people))
    again = run(people.take(order).ordered())
    first = run(people)
    assert again.result_hash == first.result_hash
    assert json.dumps(again.document) == json.dumps(first.document)
    assert again.codes.tobytes() == first.codes.tobytes()


def test_another_purchase_gives_another_input_hash():
    people = lively_shop(size=100)
    more = replace(people, monetary=people.monetary + (np.arange(len(people)) == 3))
    assert run(more).document["input_hash"] != run(people).document["input_hash"]


@settings(deadline=None, max_examples=50)
@given(shops(), st.integers(0, 9))
def test_no_shop_is_an_error_and_no_order_of_rows_matters(rows, seed):
    shuffled = random.Random(seed).sample(rows, len(rows))
    quick = {"least_repeat_buyers": 20, "smallest_cluster": 2, "bootstraps": 2, "max_k": 4}
    first, again = run(rows, **quick), run(shuffled, **quick)
    assert again.result_hash == first.result_hash
    text = json.dumps(first.document, allow_nan=False)
    assert json.loads(text) == first.document
    assert set(first.codes.tolist()) <= set(range(len(CODES)))
    assert sum(line["members"] for line in first.document["sizes"]) == len(rows)
    assert sum(line["members"] for line in first.document["movement"]) == len(rows)
    assert (first.document["reason"] is None) == (first.document["method"] == "kmeans")


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_tiny_shop_is_segmented_by_rules_and_says_why(count):
    document = run([row(index, 4, 2 + index, 500, 40) for index in range(count)]).document
    assert (document["method"], document["reason"]) == ("rules", "few_repeat_buyers")
    assert {line["code"] for line in document["sizes"]} >= set(ALWAYS_SHOWN)


def test_a_shop_of_equals_is_not_cut_into_pieces():
    found = run([row(index, 9, 3, 4_000, 90) for index in range(400)])
    assert (found.document["method"], found.document["reason"]) == ("rules", "equal_features")
    assert {CODES[place] for place in found.codes} == {"need_attention"}


def test_one_huge_outlier_does_not_get_a_cluster_of_his_own():
    rows = [row(index, 5 + index % 7, 2 + index % 3, 4_000, 90) for index in range(400)]
    document = run([*rows, row(999, 1, 9_000, 10**15, 9_000)]).document
    assert (document["method"], document["reason"]) == ("rules", "no_stable_clusters")
    assert {line["refused"] for line in document["quality"]["k_table"]} == {"cluster_too_small"}


def test_noise_is_not_sold_as_clusters():
    draw = np.random.default_rng(5)
    rows = [
        row(index, *(int(draw.integers(low, 900)) for low in (0, 2, 1)), 900)
        for index in range(1000)
    ]
    document = run(rows, least_stability=0.97, smallest_cluster=1, smallest_share=0).document
    assert (document["method"], document["reason"]) == ("rules", "no_stable_clusters")
    assert {line["refused"] for line in document["quality"]["k_table"]} == {"not_stable"}


def test_a_shop_whose_orders_were_all_refunded_has_prospects_only():
    document = run([prospect(index) for index in range(300)]).document
    filled = [line for line in document["sizes"] if line["members"]]
    assert [(line["code"], line["members"]) for line in filled] == [("prospects", 300)]


def test_ties_go_to_the_number_of_clusters_of_the_run_before():
    people = lively_shop()
    ks = {
        previous: run(people, tie=10.0, previous_k=previous).document["quality"]["k"]
        for previous in (3, 4)
    }
    assert ks == {3: 3, 4: 4}


def test_shares_of_members_and_of_revenue_add_up_to_one():
    sizes = run(lively_shop()).document["sizes"]
    assert sum(line["share"] for line in sizes) == pytest.approx(1, abs=1e-5)
    assert sum(line["revenue_share"] for line in sizes) == pytest.approx(1, abs=1e-5)


def test_the_heat_maps_count_every_buyer_once():
    people = lively_shop()
    heat = run(people).document["heat"]
    for cells, rows in (
        (heat, heat["frequency_from"]),
        (heat["monetary"], heat["monetary"]["from"]),
    ):
        assert sum(map(sum, cells["members"])) == int(people.bought.sum())
        assert sum(map(sum, cells["revenue_shares"])) == pytest.approx(1, abs=1e-4)
        assert len(cells["members"]) == len(rows)
        assert {len(line) for line in cells["members"]} == {len(heat["recency_upto_days"])}
    assert heat["monetary"]["from"] == sorted(heat["monetary"]["from"], reverse=True)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_any_setting_of_threads_gives_identical_bytes(threads):
    people = lively_shop(size=600)
    with threadpool_limits(threads):
        found = run(people)
    assert found.result_hash == run(people).result_hash
