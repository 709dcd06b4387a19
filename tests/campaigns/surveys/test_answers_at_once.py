"""Fifty answers at once, with real commits: one counts, one case is opened, points come once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from survey_paths import path

from crm.campaigns.surveys import answering
from crm.campaigns.surveys.models import Survey
from crm.cases.models import Case
from crm.db import db

pytestmark = pytest.mark.usefixtures("committed")
THREADS, TIMES = 10, 50


def test_fifty_answers_at_once_are_one(app, person, asked, order, admin):
    member = person()
    where = path(asked(member, order_id=order(member, "A1"), points=70))
    start = Barrier(THREADS)

    def some(_: int) -> list[tuple[int, bool]]:
        client = app.test_client()
        start.wait()
        answers = [
            client.post(where, data={"rating": "1", "text": f"no {n}"})
            for n in range(TIMES // THREADS)
        ]
        return [(one.status_code, "70 points" in one.text) for one in answers]

    with ThreadPoolExecutor(THREADS) as pool:
        found = [one for part in pool.map(some, range(THREADS)) for one in part]
    assert {code for code, _ in found} == {200}
    assert sum(told for _, told in found) == 1
    survey = db.session.query(Survey).one()
    assert (survey.rating, survey.granted) == (1, 70)
    assert db.session.query(Case).one().id == survey.case_id
    entries = admin.get(f"/members/{member}/points/entries").get_json()["data"]
    assert [one["points"] for one in entries if one["source"]["type"] == "award:survey"] == [70]


def test_answers_among_merges_are_taken_once(app, person, asked, order, admin):
    for turn in range(6):
        kept, gone = person(), person()
        survey = asked(gone, f"o{turn}", order_id=order(gone, f"A{turn}"), points=10)
        where, start = path(survey), Barrier(3)

        def merge(kept=kept, gone=gone, start=start) -> int:
            start.wait()
            headers = {"Authorization": f"Bearer {admin.key}", "Idempotency-Key": f"m{gone}"}
            body = {"from": {"id": str(gone)}}
            return (
                app.test_client()
                .post(f"/api/v1/members/{kept}/merge", json=body, headers=headers)
                .status_code
            )

        def answer(where=where, start=start) -> int:
            start.wait()
            return app.test_client().post(where, data={"rating": "2"}).status_code

        with ThreadPoolExecutor(3) as pool:
            codes = [job.result() for job in [pool.submit(one) for one in (merge, answer, answer)]]
        assert codes[1:] == [200, 200], codes
        found = db.session.get(Survey, survey, populate_existing=True)
        assert found is not None
        assert (found.rating, found.granted) == (2, 10)
        case = db.session.get(Case, found.case_id, populate_existing=True)
        assert case is not None
        owner = kept if codes[0] == 201 else gone
        assert (found.member_id, case.member_id) == (owner, owner)
        assert admin.get(f"/members/{owner}/points").get_json()["lifetime_earned"] >= 10


def test_an_answer_that_read_the_survey_before_a_merge_counts_for_the_other_record(
    app, person, asked, admin, monkeypatch
):
    kept, gone = person(), person()
    survey = asked(gone, points=10)
    find, finds, merged = answering.find, [], []

    def merged_behind_it(survey_id, *, now):
        finds.append(found := find(survey_id, now=now))
        if len(finds) == 2:  # the first is the page's own
            with ThreadPoolExecutor(1) as pool:
                body = {"from": {"id": str(gone)}}
                merged.append(pool.submit(admin.post, f"/members/{kept}/merge", body).result())
        return found

    monkeypatch.setattr(answering, "find", merged_behind_it)
    answer = app.test_client().post(path(survey), data={"rating": "5"})
    assert (merged[0].status_code, answer.status_code) == (201, 200)
    assert admin.get(f"/members/{kept}/points").get_json()["lifetime_earned"] == 10
