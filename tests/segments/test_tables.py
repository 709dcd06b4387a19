"""The tables of the segments' room."""

import pytest
from sqlalchemy.exc import IntegrityError

from crm.db import db
from crm.segments.models import SegmentationRun


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [("state", "sleeping", "state"), ("method", "magic", "method"), ("progress", 1.5, "progress")],
)
def test_the_database_refuses_a_run_that_can_not_be(now, field, value, rule):
    run = SegmentationRun(
        as_of=now, state="queued", parameters={}, requested_by="test", requested_at=now
    )
    setattr(run, field, value)
    db.session.add(run)
    with pytest.raises(IntegrityError, match=f"ck_segmentation_run_{rule}"):
        db.session.flush()
