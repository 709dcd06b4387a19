"""The shipped segmentation on a real shop: every purchase of 23,570 CDNOW customers."""

import json
import os
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from populations import row

from crm.demo import cdnow
from crm.segments import segmentation
from crm.segments.features import Population
from crm.segments.model import Model
from crm.segments.parameters import Parameters
from crm.segments.refit import refit
from crm.segments.vocabulary import CODES

pytestmark = pytest.mark.usefixtures("no_database")


@pytest.fixture(scope="module")
def customers() -> Population:
    """All customers as of the day after the last purchase; free purchases do not count."""
    where = os.environ.get("CRM_DEMO_DATA")
    if not where:
        pytest.skip("set CRM_DEMO_DATA to a folder with the wheel of requirements-demo.txt")
    purchases = [each for each in cdnow.read(Path(where)) if each.cents]
    today = max(each.day for each in purchases) + timedelta(days=1)
    by_customer = defaultdict(list)
    for each in purchases:
        by_customer[each.customer].append(each)
    return Population.of(
        [
            row(
                customer,
                (today - max(each.day for each in theirs)).days,
                len({each.day for each in theirs}),
                sum(each.cents for each in theirs),
                (today - min(each.day for each in theirs)).days,
            )
            for customer, theirs in by_customer.items()
        ]
    )


@pytest.fixture(scope="module")
def first(customers: Population) -> tuple[segmentation.Segmentation, Model]:
    return refit(customers, Parameters())


@pytest.fixture(scope="module")
def found(first: tuple[segmentation.Segmentation, Model]) -> segmentation.Segmentation:
    return first[0]


def test_its_repeat_buyers_form_stable_clusters(found):
    assert found.document["method"] == "kmeans"
    assert found.document["quality"]["ari"] >= 0.85
    assert found.document["quality"]["repeat_buyers"] == 11_513


def test_other_bootstraps_agree_that_they_are_stable(customers, found):
    k = found.document["quality"]["k"]
    other = Parameters(seed=99, bootstraps=40, min_k=k, max_k=k)
    (line,) = refit(customers, other)[0].document["quality"]["k_table"]
    assert line["ari"] >= 0.85


def test_its_champions_are_few_and_bring_much(found):
    champions = found.document["sizes"][0]
    assert champions["code"] == "champions"
    assert min(champions["percentiles"].values()) >= 0.8
    assert champions["share"] < 0.1
    assert champions["revenue_share"] > 0.3


def test_names_follow_the_days_since_the_last_purchase(found):
    days = {row["code"]: row["medians"]["recency_days"] for row in found.document["sizes"][:4]}
    assert list(days) == ["champions", "potential_loyalists", "need_attention", "hibernating"]
    assert max(days["champions"], days["potential_loyalists"]) < 60
    assert days["champions"] < days["need_attention"] < days["hibernating"]


def test_a_rerun_and_a_shuffled_rerun_are_identical_bytes(customers, first, found):
    order = np.random.default_rng(11).permutation(len(customers))
    shuffled = customers.take(order).ordered()
    assert refit(shuffled, Parameters())[0].result_hash == found.result_hash
    daily = segmentation.score(customers, first[1], Parameters())
    again = segmentation.score(shuffled, first[1], Parameters())
    assert daily.result_hash == again.result_hash
    assert json.dumps(daily.document) == json.dumps(again.document)


def test_scoring_by_a_model_is_what_the_refit_itself_found(customers, first, found):
    daily = segmentation.score(customers, first[1], Parameters())
    assert daily.codes.tobytes() == found.codes.tobytes()
    assert np.allclose(daily.margins, found.margins, equal_nan=True)


def later(customers: Population) -> Population:
    """The same customers after thirty days in which nobody bought anything."""
    return replace(customers, recency=customers.recency + 30, tenure=customers.tenure + 30)


def same_names(one: segmentation.Segmentation, other: segmentation.Segmentation) -> float:
    return float((np.array(CODES)[one.codes] == np.array(CODES)[other.codes]).mean())


def test_a_month_in_which_only_time_passed_leaves_most_members_their_names(customers, first, found):
    by_score = segmentation.score(later(customers), first[1], Parameters())
    by_refit, _ = refit(later(customers), Parameters(), first[1])
    assert same_names(by_score, found) >= 0.8
    assert same_names(by_refit, found) >= 0.8


def test_a_refit_of_the_same_customers_changes_nothing(customers, first, found):
    again, model = refit(customers, Parameters(), first[1])
    assert same_names(again, found) > 0.999
    assert model.k == first[1].k
    assert sum(move["refit"] for move in again.document["movement"]) == 0
