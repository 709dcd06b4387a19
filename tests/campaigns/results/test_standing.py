"""When nothing can be said, and what is said then."""

import pytest

from crm.campaigns.results.standing import Lack, Standing, Status, Window, lacking

pytestmark = pytest.mark.usefixtures("no_database")
OVER = Window(gone=20, left=0)


@pytest.mark.parametrize(
    ("window", "holdout", "arm", "share", "expected"),
    [
        (Window(None, 14), 0, 0, 0, (Lack.NOT_STARTED, None)),
        (Window(3, 11), 5000, 50_000, 0.2, (Lack.WINDOW_OPEN, 11)),
        (Window(3, 10.2), 5000, 50_000, 0.2, (Lack.WINDOW_OPEN, 11)),
        (Window(13.9, 0.1), 5000, 50_000, 0.2, (Lack.WINDOW_OPEN, 1)),
        (Window(3, 11), 0, 50_000, 0.2, (Lack.NO_HOLDOUT, None)),
        (Window(3, 11), 99, 50_000, 0.9, (Lack.TOO_FEW_MEMBERS, None, 2)),
        (OVER, 5000, 25, 0.9, (Lack.TOO_FEW_MEMBERS, None, 4)),
        (OVER, 5000, 0, 0.9, (Lack.TOO_FEW_MEMBERS, None, None)),
        (OVER, 500, 5000, 0.05, (Lack.TOO_FEW_BUYERS, None, 2)),
        (OVER, 500, 5000, 0.01, (Lack.TOO_FEW_BUYERS, None, 6)),
        (OVER, 500, 5000, 0, (Lack.TOO_FEW_BUYERS, None, None)),
    ],
)
def test_too_little_is_said_to_be_too_little(window, holdout, arm, share, expected):
    found = lacking(window, holdout, arm, share)
    assert found == Standing(Status.NOT_ENOUGH, *expected)


def test_enough_is_enough():
    assert lacking(OVER, 1000, 9000, 0.2) is None
