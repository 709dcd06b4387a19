"""Surveys are opened many at once, each occasion once for life; their links are signed."""

from datetime import timedelta

import pytest

from crm.campaigns.surveys import links, opening
from crm.campaigns.surveys.errors import SurveyLinkNotValid
from crm.campaigns.surveys.models import Survey
from crm.campaigns.surveys.opening import Opening
from crm.db import config, db, transaction
from crm.ids import uuid7


def test_many_are_opened_by_one_statement_and_once_for_life(person, now):
    members = [person() for _ in range(20)]
    rows = [Opening(one, f"aftersale:after_sale:{n}", points=n) for n, one in enumerate(members)]
    with transaction():
        first = opening.open_many(rows, now)
    assert len(set(first.values())) == 20
    changed = [Opening(members[0], rows[0].occasion, points=999), Opening(members[1], "new")]
    with transaction():
        second = opening.open_many(changed, now + timedelta(days=1))
    assert second[rows[0].occasion] == first[rows[0].occasion]
    kept = db.session.get(Survey, first[rows[0].occasion])
    assert kept is not None
    assert (kept.points, kept.opened_at, kept.expires_at) == (0, now, now + timedelta(days=30))
    assert (kept.low_at_most, kept.case_days) == (2, 0)
    assert opening.open_many([], now) == {}


def test_the_same_occasion_twice_in_one_call_is_one_survey(person, now):
    member = person()
    with transaction():
        found = opening.open_many([Opening(member, "x"), Opening(member, "x", points=5)], now)
    assert list(found) == ["x"]
    assert db.session.query(Survey).count() == 1


def test_a_link_names_its_survey_and_nothing_else(context: None):
    survey_id = uuid7()
    url = links.url(survey_id)
    assert url.startswith(config().base_url + "/s/")
    token = url.rpartition("/")[2]
    assert len(token) == 43
    assert links.read(token) == survey_id
    assert config().secret_key not in url


def test_a_token_that_was_cut_forged_or_spelt_otherwise_is_refused(context: None):
    token, other = links.token(uuid7()), links.token(uuid7())
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = token[:-1] + last[(last.index(token[-1]) ^ 1)]  # the same bytes, spelt otherwise
    forged = [token[:22] + other[22:], token[:-1], token[1:], token + "A", token + "=", twin]
    for bad in [*forged, "", "A", "é" * 43, "A" * 43, "A" * 10_000, token.lower(), "\x00" * 43]:
        with pytest.raises(SurveyLinkNotValid):
            links.read(bad)
