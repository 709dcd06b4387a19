"""Segments over HTTP."""

import subprocess
import sys
from datetime import timedelta
from uuid import UUID

import pytest
from purchases import buy, lively_shop, new_members
from sqlalchemy import text

from crm.db import db, transaction
from crm.segments import member_rfm, work

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def standing_clock(now):
    """Time stands at `now`, as in a sandbox whose clock was moved."""
    with transaction():
        db.session.execute(text("INSERT INTO sandbox_clock (now) VALUES (:now)"), {"now": now})


def run(admin, body=None) -> dict:
    """A run from its request to its end."""
    asked = admin.post("/segmentation-runs", body or {"parameters": {"bootstraps": 3}})
    assert asked.status_code == 202, asked.json
    work.perform(UUID(asked.json["id"]))
    return admin.get(f"/segmentation-runs/{asked.json['id']}").json


def test_a_run_is_accepted_and_followed_to_its_end(admin, now):
    lively_shop(now)
    asked = admin.post("/segmentation-runs", {"parameters": {"bootstraps": 3}})
    assert (asked.status_code, asked.json["state"], asked.json["progress"]) == (202, "queued", 0)
    work.perform(UUID(asked.json["id"]))
    found = admin.get(f"/segmentation-runs/{asked.json['id']}").json
    assert (found["state"], found["progress"], found["method"]) == ("done", 1, "kmeans")
    assert found["quality"]["ari"] >= 0.85
    assert {row["k"] for row in found["quality"]["k_table"]} == {3, 4, 5, 6}
    assert sum(row["members"] for row in found["sizes"]) == 820
    assert {move["from"] for move in found["movement"]} == {None}
    assert found["centroids"]["scale"]["transform"] == "log1p"


def test_a_request_needs_no_body(admin, now):
    assert admin.post("/segmentation-runs").status_code == 202


def test_the_same_key_asks_for_one_run(admin):
    first = admin.post("/segmentation-runs", {}, idem="once")
    again = admin.post("/segmentation-runs", {}, idem="once")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json == first.json
    assert len(admin.get("/segmentation-runs").json["data"]) == 1


def test_a_request_is_in_the_audit_trail(admin):
    asked = admin.post("/segmentation-runs", {})
    found = db.session.execute(
        text("SELECT object_id FROM audit_entry WHERE action = 'segmentation_run.request'")
    )
    assert found.scalars().all() == [asked.json["id"]]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"as_of": "yesterday"}, "/as_of"),
        ({"parameters": {"min_k": 1}}, "/parameters/min_k"),
        ({"parameters": {"seed": True}}, "/parameters/seed"),
        ({"parameters": {"k": 4}}, "/parameters/k"),
        ({"when": "now"}, "/when"),
        ({"kind": "guess"}, "/kind"),
    ],
)
def test_a_malformed_wish_is_refused_at_its_place(admin, body, pointer):
    answer = admin.post("/segmentation-runs", body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert admin.get("/segmentation-runs").json["data"] == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"as_of": "2027-01-01T00:00:00Z"}, "as_of_in_the_future"),
        ({"parameters": {"min_k": 6, "max_k": 3}}, "no_number_of_clusters"),
    ],
)
def test_a_wish_that_can_not_be_is_refused_with_its_reason(admin, body, code):
    answer = admin.post("/segmentation-runs", body)
    assert (answer.status_code, answer.json["code"]) == (422, code)


def test_runs_are_listed_newest_first_in_pages(admin):
    ids = [admin.post("/segmentation-runs", {}).json["id"] for _ in range(3)]
    first = admin.get("/segmentation-runs?limit=2").json
    rest = admin.get(f"/segmentation-runs?limit=2&cursor={first['next_cursor']}").json
    assert [row["id"] for row in first["data"] + rest["data"]] == ids[::-1]
    assert rest["next_cursor"] is None


def test_before_the_first_run_there_are_no_segments_and_it_is_said(admin):
    found = admin.get("/segments").json
    assert found == {"data": [], "next_cursor": None, "run": None, "heat": None}


def test_segments_have_names_sizes_and_a_reason_for_their_method(admin, now):
    new_members(2)
    run(admin)
    found = admin.get("/segments", headers={"Accept-Language": "zh-Hant"}).json
    names = {row["code"]: (row["name"], row["members"]) for row in found["data"]}
    assert names["prospects"] == ("尚未購買", 2)
    assert names["new_customers"] == ("初次購買（新）", 0)
    assert found["run"]["method"] == "rules"
    assert found["run"]["reason_text"] == "回頭購買的會員太少，還不能分群運算。"


def test_the_segments_of_a_lively_shop_add_up(admin, now):
    lively_shop(now)
    run(admin)
    found = admin.get("/segments").json
    assert sum(row["members"] for row in found["data"]) == 820
    assert sum(row["revenue_share"] for row in found["data"]) == pytest.approx(1, abs=1e-5)
    champions = found["data"][0]
    assert champions["code"] == "champions"
    assert min(champions["percentiles"].values()) >= 0.8
    assert champions["medians"]["recency_days"] < 20
    assert champions["revenue"]["currency"] == "CNY"
    assert found["heat"]["frequency_from"] == [8, 5, 3, 2, 1]


def test_the_members_of_a_segment_come_in_pages(admin, now):
    ids = [str(member) for member in new_members(5)]
    run(admin)
    first = admin.get("/segments/prospects/members?limit=3").json
    rest = admin.get(f"/segments/prospects/members?limit=3&cursor={first['next_cursor']}").json
    assert [row["id"] for row in first["data"] + rest["data"]] == ids
    assert first["data"][0]["monetary"] == {"amount": 0, "currency": "CNY"}
    assert admin.get("/segments/champions/members").json["data"] == []


def test_members_of_a_segment_show_what_they_bought(admin, now):
    (member,) = new_members(1)
    buy([(member, now - 3 * DAY, 900), (member, now + DAY, 100)], now=now)
    run(admin)
    (row,) = admin.get("/segments/new_customers/members").json["data"]
    assert (row["recency_days"], row["frequency"], row["monetary"]["amount"]) == (3, 1, 900)


def test_one_members_rfm_says_why(admin, now):
    ids = lively_shop(now)
    run(admin)
    found = admin.get(f"/members/{ids[0]}/rfm").json
    assert found["segment"]["code"] == "champions"
    assert found["features"]["frequency"] >= 8
    assert min(found["percentiles"].values()) > 0.7
    assert [fact["code"] for fact in found["why"]] == ["recency", "frequency", "outlook"]
    assert found["why"][0]["text"].startswith("Last purchase ")
    assert 0 <= found["margin"] <= 1
    assert found["next_segment"]["code"] not in (None, "champions")
    assert found["buying_now"]["code"] == "champions"
    assert (found["days_left"] is None) == (found["then"] is None)


def test_reasons_come_in_the_readers_language(admin, now):
    (member,) = new_members(1)
    buy([(member, now - 2 * DAY, 900)], now=now)
    why = admin.get(f"/members/{member}/rfm", headers={"Accept-Language": "zh-CN"}).json["why"]
    assert [fact["text"] for fact in why] == ["上次购买在 2 天前", "目前买过一次", "累计消费 ¥9.00"]


def test_a_member_without_a_purchase_is_a_prospect_even_before_any_run(admin, now):
    (member,) = new_members(1, at=now - 4 * DAY)
    found = admin.get(f"/members/{member}/rfm").json
    assert found["segment"]["code"] == "prospects"
    assert found["percentiles"] is None
    assert found["features"]["recency_days"] is None
    assert found["why"][1]["text"] == "Registered 4 days ago"


def test_a_purchase_since_the_run_shows_in_the_features_at_once(admin, now):
    (member, other) = new_members(2)
    buy([(other, now - 30 * DAY, 700)], now=now)
    run(admin)
    buy([(member, now - DAY, 900)], now=now)
    found = admin.get(f"/members/{member}/rfm").json
    assert found["features"]["recency_days"] == 1
    assert found["percentiles"] == {"recency": 1.0, "frequency": 0.5, "monetary": 1.0}
    assert found["segment"]["code"] == "prospects"
    assert (found["next_segment"]["code"], found["margin"]) == ("new_customers", 0)
    assert found["why"][2]["text"].endswith("from the next run on: New customers")


def test_why_is_told_without_reading_anybody_else(admin, now):
    ids = lively_shop(now)
    run(admin)
    db.session.execute(text("SET LOCAL enable_seqscan = off"))  # the shop is too small to tell
    statement = text("EXPLAIN (FORMAT JSON) " + member_rfm.ONE.text)
    plan = db.session.execute(statement, {"member_id": ids[0], "now": now}).scalar_one()
    assert "Seq Scan" not in {
        node["Node Type"]
        for node in nodes(plan[0]["Plan"])
        if node.get("Relation Name") in {"member", "orders", "purchase_summary"}
    }


def nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def test_a_members_history_names_the_segments_newest_first(admin, now):
    (member,) = new_members(1)
    run(admin)
    buy([(member, now, 900)], now=now)
    run(admin)
    rows = admin.get(f"/members/{member}/segments").json["data"]
    assert [row["segment"]["code"] for row in rows] == ["new_customers", "prospects"]
    assert rows[0]["previous"]["code"] == "prospects"
    assert rows[1]["previous"] is None
    assert [(row["cause"], row["standing"]) for row in rows] == [("behaviour", "counts")] * 2


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/segments/nobodies/members", "segment_not_found"),
        (f"/segmentation-runs/{UUID(int=5)}", "segmentation_run_not_found"),
        (f"/members/{UUID(int=5)}/rfm", "member_not_found"),
        (f"/members/{UUID(int=5)}/segments", "member_not_found"),
    ],
)
def test_what_is_not_there_is_not_found(admin, path, code):
    answer = admin.get(path)
    assert (answer.status_code, answer.json["code"]) == (404, code)


@pytest.mark.parametrize("cursor", ["%00", "abc", "WzFd", "W10"])
def test_a_strange_cursor_is_refused(admin, cursor):
    for path in ("/segmentation-runs", "/segments/prospects/members"):
        assert admin.get(f"{path}?cursor={cursor}").status_code == 422


def test_reading_and_starting_are_different_permissions(api_with):
    reader = api_with("segments:read")
    assert reader.get("/segments").status_code == 200
    assert reader.post("/segmentation-runs", {}).status_code == 403
    assert api_with("segments:write").get("/segments").status_code == 403


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        ("crm.segments.api, crm.segments.jobs", {"numpy", "scipy", "sklearn"}),
        ("crm.segments.work", {"scipy", "sklearn"}),  # most nights make no model
        ("crm.app", {"sklearn"}),  # reports of campaigns compute with numpy
    ],
)
def test_processes_do_not_load_what_only_others_need(modules, heavy):
    program = f"import sys, {modules}; print({heavy!r} & set(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "set()"
