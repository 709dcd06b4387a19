"""The after-sale journey asks on the terms that are set there; what was asked keeps its terms."""

from datetime import timedelta

from clocks import set_to
from order_bodies import stamp
from survey_paths import path

from crm.campaigns.journeys.jobs import tick
from crm.campaigns.surveys.models import Survey
from crm.cases.models import Case
from crm.db import db, transaction
from crm.members.models import MemberIdentity

DAY = timedelta(days=1)


def test_what_is_set_on_the_journey_is_what_the_survey_goes_by(client, admin, person, order, now):
    member = person()
    with transaction():
        db.session.add(MemberIdentity(kind="email", value="m@b.test", member_id=member))
    terms = {"points": 30, "low_rating": 3, "case_days": 4, "survey_days": 9}
    body = {"enabled": True, "settings": terms | {"days_after_delivery": 1}}
    assert admin.patch("/journeys/after_sale", body).status_code == 200
    order(member, "A1", status="delivered", delivered_at=stamp(now), updated_at=stamp(now))
    at = now + DAY
    set_to(at)
    tick(at)
    survey = db.session.query(Survey).one()
    assert (survey.points, survey.low_at_most, survey.case_days) == (30, 3, 4)
    assert survey.expires_at - survey.opened_at == 9 * DAY
    later = {"settings": {"points": 0, "low_rating": 0}}
    assert admin.patch("/journeys/after_sale", later).status_code == 200
    assert client.post(path(survey.id), data={"rating": "3"}).status_code == 200
    case = db.session.query(Case).one()
    assert case.due_at == at + 4 * DAY
    assert admin.get(f"/members/{member}/points").get_json()["available"] == 30


def test_terms_that_make_no_sense_are_refused(admin):
    for wrong in ({"low_rating": 6}, {"case_days": -1}, {"survey_days": 0}):
        answer = admin.patch("/journeys/after_sale", {"settings": wrong})
        assert answer.status_code == 422
