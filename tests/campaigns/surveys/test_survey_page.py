"""The page behind a survey's link: answered once, by whoever holds the link, and by nobody else."""

import html
import re
from datetime import timedelta

import pytest
from survey_paths import path

from crm.campaigns.surveys.models import Survey
from crm.cases.models import Case
from crm.db import db, transaction
from crm.ids import uuid7
from crm.members.models import Member


def row(survey_id) -> Survey:
    found = db.session.get(Survey, survey_id, populate_existing=True)
    assert found is not None
    return found


def words(answer) -> str:
    return re.sub(
        r"\s+", " ", html.unescape(re.sub(r"<style.*?</style>|<[^>]+>", " ", answer.text))
    )


def speaks(member, locale: str) -> None:
    with transaction():
        db.session.get(Member, member).locale = locale


def test_looking_changes_nothing_however_often(client, person, asked, admin):
    survey = asked(person(), points=50)
    for method in ("GET", "HEAD", "GET"):
        answer = client.open(path(survey), method=method)
        assert answer.status_code == 200
    assert row(survey).answered_at is None
    headers = answer.headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Robots-Tag"] == "noindex"
    assert "script-src" not in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "Set-Cookie" not in headers
    assert "<script" not in answer.text


def test_an_answer_counts_once_and_earns_its_points_once(client, person, asked, admin):
    member = person()
    survey = asked(member, points=50)
    first = client.post(path(survey), data={"rating": "5", "text": " Lovely!\r\nThanks. "})
    assert first.status_code == 200
    assert "50 points were added for you." in words(first)
    second = client.post(path(survey), data={"rating": "1", "text": "No"})
    assert second.status_code == 200
    assert "Thank you" in words(second)
    assert "points were added" not in words(second)
    found = row(survey)
    assert (found.rating, found.text, found.granted, found.case_id) == (
        5,
        "Lovely!\nThanks.",
        50,
        None,
    )
    assert "Thank you" in words(client.get(path(survey)))
    assert admin.get(f"/members/{member}/points").get_json()["available"] == 50
    (entry,) = admin.get(f"/members/{member}/points/entries").get_json()["data"]
    assert entry["source"] == {"type": "award:survey", "id": str(survey)}


def test_without_points_of_its_own_the_rules_say_what_it_earns(client, person, asked, admin):
    member = person()
    nothing = asked(member, "first")
    assert "added for you" not in words(client.post(path(nothing), data={"rating": "4"}))
    rule = {"kind": "activity", "activity": "survey", "points": 20}
    assert admin.post("/points/rules", rule).status_code == 201
    by_rule, none = asked(member, "second"), asked(member, "third", points=0)
    client.post(path(by_rule), data={"rating": "4"})
    client.post(path(none), data={"rating": "4"})
    assert [row(one).granted for one in (nothing, by_rule, none)] == [0, 20, 0]
    assert admin.get(f"/members/{member}/points").get_json()["available"] == 20


@pytest.mark.parametrize(("rating", "opens"), [(1, True), (2, True), (3, False)])
def test_a_low_rating_opens_a_case_and_stops_marketing(
    client, person, asked, order, admin, now, rating, opens
):
    member = person()
    survey = asked(member, order_id=order(member, "A1"), case_days=3)
    answer = client.post(path(survey), data={"rating": str(rating), "text": "<b>Cold</b> & late"})
    assert ("get in touch" in words(answer)) == opens
    cases = admin.get("/cases").get_json()["data"]
    assert len(cases) == opens
    if opens:
        (case,) = cases
        assert case["id"] == str(row(survey).case_id)
        assert (case["kind"], case["source"], case["rating"]) == ("rating", "survey", rating)
        assert case["order"] == {"channel": "web", "order_no": "A1"}
        assert case["text"] == "<b>Cold</b> & late"
        assert case["due_at"] == (now + timedelta(days=3)).isoformat().replace("+00:00", "Z")
    stops = db.session.execute(db.text("SELECT member_id FROM message_block")).scalars().all()
    assert stops == [member] * opens


def test_the_terms_say_what_is_low(client, person, asked):
    lenient, strict = asked(person(), low_at_most=0), asked(person(), low_at_most=4)
    for survey, rating in ((lenient, "1"), (strict, "4")):
        client.post(path(survey), data={"rating": rating})
    assert [row(one).case_id is None for one in (lenient, strict)] == [True, False]


def test_the_page_speaks_the_members_language_and_any_other(client, person, asked):
    member = person()
    speaks(member, "zh-Hans")
    survey = asked(member)
    own = client.get(path(survey), headers={"Accept-Language": "en"})
    assert '<html lang="zh-Hans">' in own.text
    assert own.headers["Content-Language"] == "zh-Hans"
    other = client.get(path(survey) + "?lang=zh-Hant")
    assert '<html lang="zh-Hant">' in other.text
    assert 'action="?lang=zh-Hant"' in other.text
    client.post(path(survey) + "?lang=zh-Hant", data={"rating": "3"})
    assert row(survey).locale == "zh-Hant"
    stranger = client.get(path(asked(person())), headers={"Accept-Language": "zh-TW"})
    assert '<html lang="zh-Hant">' in stranger.text
    nonsense = client.get(path(survey) + "?lang=<script>")
    assert '<html lang="zh-Hans">' in nonsense.text


def test_no_rating_or_a_strange_one_is_asked_again_with_the_words_kept(client, person, asked):
    survey = asked(person())
    for rating in ("", "0", "6", "٣", "5 ", "55", "x"):
        answer = client.post(path(survey), data={"rating": rating, "text": 'A "quoted" <tag>'})
        assert answer.status_code == 422
        assert "Choose one of the five answers." in words(answer)
        assert "A &#34;quoted&#34; &lt;tag&gt;</textarea>" in answer.text
    assert row(survey).answered_at is None


@pytest.mark.parametrize("text", ["x" * 2001, "a\x00b", "a\x1bb", "字" * 5000])
def test_text_that_can_not_be_kept_is_refused_and_the_rating_stays_chosen(
    client, person, asked, text
):
    survey = asked(person())
    answer = client.post(path(survey), data={"rating": "4", "text": text})
    assert answer.status_code == 422
    assert 'value="4" required checked' in answer.text
    assert "\x00" not in answer.text
    assert row(survey).answered_at is None


def test_line_ends_of_a_form_do_not_count_twice(client, person, asked):
    survey, text = asked(person()), "\r\n".join("x" * 9 for _ in range(200))
    assert client.post(path(survey), data={"rating": "4", "text": text}).status_code == 200
    assert len(row(survey).text) == 1999


def test_a_body_that_is_far_too_large_is_refused_before_it_is_read(client, person, asked, settings):
    survey, size = asked(person()), settings.max_body_bytes
    answer = client.post(path(survey), data={"rating": "4", "text": "x" * size})
    assert answer.status_code == 413
    assert "shorten your text" in words(answer)
    assert row(survey).answered_at is None


@pytest.mark.parametrize(
    "break_", [lambda t: t[:-1], lambda t: t[::-1], lambda t: "A" * 43, lambda t: t + "x"]
)
def test_a_forged_or_truncated_link_says_what_to_do(client, person, asked, break_):
    survey = asked(person())
    where = "/s/" + break_(path(survey)[3:])
    for answer in (client.get(where), client.post(where, data={"rating": "1"})):
        assert answer.status_code == 404
        assert "Copy it whole from the message" in words(answer)
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert row(survey).answered_at is None


def test_a_signed_link_to_no_survey_is_not_found(client):
    assert client.get(path(uuid7())).status_code == 404


def test_a_link_that_has_expired_says_so_and_takes_nothing(client, person, asked, stand_at, now):
    survey = asked(person(), valid_days=7)
    stand_at(now + timedelta(days=7))
    for answer in (client.get(path(survey)), client.post(path(survey), data={"rating": "1"})):
        assert answer.status_code == 410
        assert "The time to answer is over." in words(answer)
    assert row(survey).answered_at is None
    assert db.session.query(Case).count() == 0


def test_an_answered_survey_says_thanks_after_its_end_too(client, person, asked, stand_at, now):
    survey = asked(person(), valid_days=7)
    client.post(path(survey), data={"rating": "4"})
    stand_at(now + timedelta(days=30))
    assert "Thank you" in words(client.get(path(survey)))


def test_the_page_of_an_order_names_it_and_a_strangers_name_is_escaped(
    client, person, asked, order
):
    member = person()
    survey = asked(member, order_id=order(member, "<i>7&"))
    page = client.get(path(survey))
    assert "&lt;i&gt;7&amp;" in page.text
    assert "2026-11-01" in words(page)
    assert "<i>" not in page.text


def test_a_merged_members_survey_is_answered_for_the_record_that_lives_on(
    client, person, asked, admin
):
    kept, gone = person(), person()
    survey = asked(gone, points=30)
    merge = admin.post(f"/members/{kept}/merge", {"from": {"id": str(gone)}}).get_json()["id"]
    client.post(path(survey), data={"rating": "2"})
    assert admin.get(f"/members/{kept}/points").get_json()["available"] == 30
    assert db.session.query(Case).one().member_id == kept
    assert admin.post(f"/merges/{merge}/undo").status_code == 200
    assert row(survey).member_id == gone


def test_nobody_is_asked_after_the_record_was_erased(client, person, asked):
    member = person()
    survey = asked(member)
    with transaction():
        db.session.get(Member, member).status = "erased"
    assert client.post(path(survey), data={"rating": "1"}).status_code == 410
    assert row(survey).answered_at is None
