"""Any history ends as the obvious ledger says: at every step, at any instant, after any crash."""

import os

import pytest
from histories import Histories, Served, tell
from walks import walk

WALKS = int(os.environ.get("LEDGER_WALKS", "0"))
FIRST = int(os.environ.get("LEDGER_FIRST_WALK", "0"))

pytestmark = pytest.mark.timeout(3600)  # for runs of LEDGER_EXAMPLES


def test_any_history_is_told_as_the_obvious_ledger_tells_it(plain_shop):
    class Here(Histories):
        api = plain_shop

    tell(Here, examples=6)


@pytest.mark.parametrize("number", range(FIRST, FIRST + (WALKS or 6)))
def test_a_history_by_dice_is_told_as_the_obvious_ledger_tells_it(plain_shop, number):
    walk(plain_shop, number)


def test_any_history_with_the_jobs_of_a_moved_clock_is_told_the_same(committed, plain_shop):
    class WithJobs(Histories):
        api = plain_shop
        jobs_run = True

    tell(WithJobs, examples=2)


def test_any_history_over_http_is_the_same_though_the_server_is_killed(served_shop):
    class OverHttp(Served):
        api = served_shop

    tell(OverHttp, examples=4)
    assert served_shop.crashes >= 2
