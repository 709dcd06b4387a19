"""Next purchases of a real shop: check values of BG/NBD, and what the shipped score foretells."""

import os
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from crm.demo import cdnow
from crm.segments.next_purchase import back_test, figures, learning
from crm.segments.next_purchase import buy_till_you_die as nbd
from crm.segments.next_purchase.histories import Histories

pytestmark = pytest.mark.usefixtures("no_database")

SAMPLE = "lifetimes/datasets/CDNOW_sample.txt"
END = date(1998, 6, 30).toordinal()
BEFORE = END - 180


@pytest.fixture(scope="module")
def wheel() -> Path:
    where = os.environ.get("CRM_DEMO_DATA")
    if not where:
        pytest.skip("set CRM_DEMO_DATA to a folder with the wheel of requirements-demo.txt")
    return cdnow.find(Path(where))


def test_bg_nbd_finds_the_published_parameters_of_the_sample(wheel):
    """2,357 customers, calibrated to 1997-09-30, in weeks (Fader, Hardie and Lee, 2005)."""
    with zipfile.ZipFile(wheel) as archive:
        rows = [line.split() for line in archive.read(SAMPLE).decode().splitlines() if line.strip()]
    days: dict[str, set[int]] = {}
    for customer, _, day, *_ in rows:
        days.setdefault(customer, set()).add(date.fromisoformat(day).toordinal())
    end = date(1997, 9, 30).toordinal()
    seen = [sorted(day for day in each if day <= end) for each in days.values()]
    counts = nbd.Counts.of(
        np.array([len(each) - 1 for each in seen]),
        np.array([(each[-1] - each[0]) / 7 for each in seen]),
        np.array([(end - each[0]) / 7 for each in seen]),
    )
    assert counts.weight.sum() == 2357
    found = nbd.fit(counts, modified=False)
    assert found.r == pytest.approx(0.243, abs=6e-4)
    assert found.alpha == pytest.approx(4.414, abs=6e-4)
    assert found.a == pytest.approx(0.793, abs=6e-4)
    assert found.b == pytest.approx(2.426, abs=6e-4)
    assert nbd.log_likelihood(found, counts) == pytest.approx(-9582.4, abs=0.05)


@pytest.fixture(scope="module")
def everybody(wheel) -> Histories:
    """All 23,570 customers; free purchases do not count."""
    spent: dict[tuple[int, int], int] = {}
    for each in cdnow.read(wheel):
        key = each.customer, each.day.toordinal()
        spent[key] = spent.get(key, 0) + each.cents
    rows = np.array(sorted((*key, cents) for key, cents in spent.items() if cents))
    return Histories.of(*rows.T)


@pytest.fixture(scope="module")
def before(everybody) -> Histories:
    """What was known 180 days before the end."""
    owners = np.repeat(np.arange(len(everybody)), np.diff(everybody.starts))
    upto = everybody.days <= BEFORE
    return Histories.of(owners[upto], everybody.days[upto], everybody.amounts[upto])


@pytest.mark.parametrize("days", [30, 90])
def test_the_shipped_score_tells_who_buys_in_the_180_days_after_it(everybody, before, days):
    shipped = back_test.choose(before, BEFORE, days)
    scores, _ = learning.scores(shipped.model, everybody.at(BEFORE), days)
    bought = everybody.purchases(BEFORE, END) > 0
    assert figures.auc(scores, bought) >= 0.80


def test_the_shipped_chances_come_true_on_the_whole(everybody, before):
    shipped = back_test.choose(before, BEFORE, 90)
    _, chances = learning.scores(shipped.model, everybody.at(BEFORE), 90)
    bought = everybody.purchases(BEFORE, BEFORE + 90) > 0
    assert shipped.reason is None
    assert chances.sum() == pytest.approx(bought.sum(), rel=0.25)
    assert np.square(chances - bought).mean() < bought.mean() * (1 - bought.mean())


def test_a_fine_method_wins_over_the_plain_sum_of_percentiles(before):
    tested = back_test.choose(before, BEFORE, 90).document["back_test"]
    by_method = {each["method"]: each["figures"] for each in tested["candidates"]}
    assert by_method["regression"]["auc"] >= by_method["percentiles"]["auc"] - 0.005
    assert by_method["regression"]["lift"] > 2


def test_a_rerun_is_identical(before):
    first, again = (back_test.choose(before, BEFORE, 30).document for _ in range(2))
    assert first == again
