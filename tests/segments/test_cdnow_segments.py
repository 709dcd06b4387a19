"""The shipped segmentation on a real shop: every purchase of 23,570 CDNOW customers."""

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
from crm.segments.parameters import Parameters
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
def found(customers: Population) -> segmentation.Segmentation:
    return segmentation.segment(customers, Parameters())


def test_its_repeat_buyers_form_stable_clusters(found):
    assert found.document["method"] == "kmeans"
    assert found.document["quality"]["ari"] >= 0.85
    assert found.document["quality"]["repeat_buyers"] == 11_513


def test_other_bootstraps_agree_that_they_are_stable(customers, found):
    k = found.document["quality"]["k"]
    other = Parameters(seed=99, bootstraps=40, min_k=k, max_k=k)
    (line,) = segmentation.segment(customers, other).document["quality"]["k_table"]
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


def test_a_rerun_and_a_shuffled_rerun_are_identical_bytes(customers, found):
    order = np.random.default_rng(11).permutation(len(customers))
    for again in (customers, customers.take(order).ordered()):
        assert segmentation.segment(again, Parameters()).result_hash == found.result_hash


def test_a_month_without_purchases_leaves_most_members_their_names(customers, found):
    later = replace(customers, recency=customers.recency + 30, tenure=customers.tenure + 30)
    again = segmentation.segment(later, Parameters(previous_k=found.document["quality"]["k"]))
    same = np.array(CODES)[again.codes] == np.array(CODES)[found.codes]
    assert same.mean() >= 0.8
