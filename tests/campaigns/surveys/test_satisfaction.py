"""How satisfied members are: answers, averages and response rates; on orders and profiles too."""

from datetime import UTC, datetime

import pytest
from survey_paths import path

from crm.campaigns.surveys import figures, opening
from crm.campaigns.surveys.opening import Opening
from crm.db import db, transaction
from crm.errors import Invalid

MESSAGE = db.text("""
    INSERT INTO message (id, member_id, occasion, occasion_key, channel, purpose, source_type,
                         source_id, zone, state, reason, finished_at, created_at)
    VALUES (uuidv7(), :member, :occasion, message_occasion_key(:occasion), 'email', 'service',
            'journey', 'after_sale', 'UTC', :state, 'capped', now(), now())
""")


@pytest.fixture
def answers(client, person, asked, order, admin):
    """Two stores; ratings 5, 2 and none in the one, 4 in the other, one about no order."""
    for code in ("jingan", "pudong"):
        admin.post("/stores", {"code": code, "name": {"en": code.title()}, "kind": "shop"})
    plan = [("jingan", "5", "Warm & kind"), ("jingan", "2", ""), ("jingan", None, ""),
            ("pudong", "4", ""), (None, "3", "<i>so-so</i>")]  # fmt: skip
    made = []
    for number, (store, rating, words) in enumerate(plan):
        member = person()
        about = {"order_id": order(member, f"A{number}", store=store)} if store else {}
        survey = asked(member, f"o{number}", journey="after_sale", **about)
        if rating:
            client.post(path(survey), data={"rating": rating, "text": words})
        made.append((member, survey))
    return made


def test_figures_by_store_and_month(admin, answers):
    found = admin.get("/surveys/summary").get_json()
    total = found["total"]
    assert (total["asked"], total["answered"], total["response_rate"]) == (5, 4, 0.8)
    assert (total["average"], total["ratings"], total["cases"]) == (3.5, [0, 1, 1, 1, 1], 1)
    by_store = {
        row["store"]: (row["asked"], row["answered"], row["average"]) for row in found["data"]
    }
    assert by_store == {"jingan": (3, 2, 3.5), "pudong": (1, 1, 4.0), None: (1, 1, 3.0)}
    assert [row["month"] for row in found["months"]] == ["2026-11-01"]
    assert (found["from"], found["to"]) == ("2025-12-01", "2026-11-30")
    one = admin.get("/surveys/summary?store=pudong&from=2026-11-09&to=2026-11-09").get_json()
    assert one["total"]["average"] == 4.0
    none = admin.get("/surveys/summary?from=2026-01-01&to=2026-03-01").get_json()
    assert (none["total"]["average"], none["total"]["response_rate"]) == (None, None)


def test_only_surveys_whose_message_went_out_count_as_asked(admin, answers):
    member, _ = answers[2]
    with transaction():
        db.session.execute(MESSAGE, {"member": member, "occasion": "o2", "state": "suppressed"})
        db.session.execute(MESSAGE, {"member": member, "occasion": "o1", "state": "suppressed"})
    total = admin.get("/surveys/summary").get_json()["total"]
    assert (total["asked"], total["answered"]) == (4, 4)


def test_a_month_is_the_programmes(admin, person):
    rows = [
        (datetime(2026, 10, 31, 15, 59, tzinfo=UTC), "old"),  # 23:59 in Shanghai
        (datetime(2026, 10, 31, 16, 0, tzinfo=UTC), "new"),
    ]
    member = person()
    with transaction():
        for at, occasion in rows:
            opening.open_many([Opening(member, occasion)], at)
    found = admin.get("/surveys/summary").get_json()["months"]
    assert [(row["month"], row["asked"]) for row in found] == [("2026-10-01", 1), ("2026-11-01", 1)]


@pytest.mark.parametrize(
    "query",
    ["from=2020-01-01", "from=2026-12-01", "from=2026-03-01&to=2026-02-01", "to=0001-01-31",
     "from=2026-13-01", "store=%00", "x=1"],
)  # fmt: skip
def test_months_that_can_not_be_told_are_refused(admin, query):
    assert admin.get(f"/surveys/summary?{query}").status_code == 422


def test_twelve_months_are_told_unless_said_otherwise(no_database):
    day = datetime(2026, 3, 31, tzinfo=UTC).date()
    first, last = figures.months(None, None, day)
    assert (first.isoformat(), last) == ("2025-04-01", day)
    with pytest.raises(Invalid):
        figures.months(datetime(2020, 1, 1, tzinfo=UTC).date(), None, day)


def test_answers_are_listed_and_filtered(admin, answers):
    def listed(**query) -> list[int]:
        answer = admin.get("/surveys", query_string=query)
        assert answer.status_code == 200, answer.data
        return [one["rating"] for one in answer.get_json()["data"]]

    assert sorted(listed()) == [2, 3, 4, 5]
    assert listed(rating_at_most=2) == [2]
    assert sorted(listed(with_text="true")) == [3, 5]
    assert listed(store="pudong") == [4]
    assert listed(member=str(answers[0][0])) == [5]
    assert sorted(listed(journey="after_sale", since="2026-11-22T04:00:00Z")) == [2, 3, 4, 5]
    assert listed(until="2026-11-22T04:00:00Z") == listed(journey="win_back") == []
    first = admin.get("/surveys", query_string={"limit": 3}).get_json()
    rest = admin.get("/surveys", query_string={"cursor": first["next_cursor"]}).get_json()
    ids = [one["id"] for one in first["data"] + rest["data"]]
    assert len(set(ids)) == 4
    assert rest["next_cursor"] is None


def test_satisfaction_stands_on_the_profile_and_in_the_timeline(admin, answers):
    member = answers[1][0]
    profile = admin.get(f"/members/{member}/profile").get_json()
    assert profile["orders"][0]["satisfaction"]["rating"] == 2
    assert len(profile["cases"]) == 1
    rows = admin.get(f"/members/{member}/timeline").get_json()["data"]
    told = [row["data"] for row in rows if row["kind"] == "survey"]
    assert [(one["rating"], one["order_no"]) for one in told] == [(2, "A1")]
    silent = admin.get(f"/members/{answers[2][0]}/profile").get_json()
    assert silent["orders"][0]["satisfaction"] is None


def test_figures_and_words_need_the_right(api_with):
    stranger = api_with("cases:read")
    for where in ("/surveys", "/surveys/summary"):
        assert stranger.get(where).status_code == 403
