"""Any history ends as the obvious ledger says: at every step, at any instant, after any crash."""

import pytest
from histories import Histories, Served, tell

pytestmark = pytest.mark.timeout(3600)  # for runs of LEDGER_EXAMPLES


def test_any_history_is_told_as_the_obvious_ledger_tells_it(plain_shop):
    class Here(Histories):
        api = plain_shop

    tell(Here, examples=8)


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
