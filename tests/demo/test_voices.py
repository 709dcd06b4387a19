"""The demo's members have something to say, and it is told once."""

from datetime import timedelta

import pytest
from order_bodies import order_body, stamp

from crm.campaigns.surveys.models import Survey
from crm.cases.models import Case
from crm.db import db
from crm.demo import voices


@pytest.fixture
def delivered(admin, person, now):
    """Orders of ten members, delivered over a year."""
    for number in range(60):
        at = now - timedelta(days=5 + 6 * number)
        body = order_body(
            person(), placed_at=stamp(at), paid_at=stamp(at), updated_at=stamp(at),
            delivered_at=stamp(at), status="delivered",
        )  # fmt: skip
        assert admin.put(f"/orders/web/D{number}", body).status_code == 200


def test_answers_and_cases_are_told_once_at_their_own_instants(delivered, now):
    assert voices.add(now) is True
    assert voices.add(now) is False
    surveys = db.session.query(Survey).all()
    answered = [one for one in surveys if one.answered_at is not None]
    assert 10 < len(answered) < len(surveys) <= 60
    assert all(one.opened_at < one.answered_at < now for one in answered)
    assert max(one.opened_at for one in surveys) <= now
    cases = db.session.query(Case).all()
    assert sum(case.source == "staff" for case in cases) == 3
    assert any(case.is_overdue(now) for case in cases)
    low = [one for one in answered if one.rating <= 2]
    assert {one.case_id for one in low} == {case.id for case in cases if case.source == "survey"}
    stops = db.session.execute(db.text("SELECT count(*) FROM message_block")).scalar()
    assert stops == sum(case.state != "closed" for case in cases)
