"""The segments page reads out the newest finished run, and starts another."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

from api_client import Api
from shop import Shop, buy, calculate_segments, order
from sqlalchemy import func, select, text
from visitor import Visitor, words

from crm import clock
from crm.console import segment_figures, segment_filters, segment_quality, segment_runs_page
from crm.db import db
from crm.orders.jobs import check_aggregates
from crm.segments import work
from crm.segments.models import SegmentationRun
from crm.segments.vocabulary import CODES

As = Callable[..., Visitor]


def runs() -> int:
    return db.session.scalar(select(func.count()).select_from(SegmentationRun)) or 0


def runs_of(state: str) -> list[SegmentationRun]:
    query = select(SegmentationRun).where(SegmentationRun.state == state)
    return list(db.session.scalars(query.order_by(SegmentationRun.id)))


def test_a_shop_without_a_run_is_told_how_segments_come_about(signed_in: As):
    page = words(signed_in("marketer").get("/segments"))
    assert "No segments yet" in page
    assert "Calculate the segments" in page


def test_sizes_and_shares_are_those_of_the_run(signed_in: As, shop: Shop, admin: Api):
    page = words(signed_in("analyst").get("/segments"))
    for row in admin.get("/segments").get_json()["data"]:
        share = f"{100 * row['revenue_share']:.1f}%"
        assert f"{row['name']} {row['members']:,} " in page
        assert share in page
    assert "Calculate again" not in page, "an analyst reads only"


def test_a_run_by_rules_says_so_and_why(signed_in: As, shop: Shop):
    page = words(signed_in("marketer").get("/segments"))
    assert "Grouped by fixed rules" in page
    assert "Too few members have come back so far" in page


def test_a_run_is_started_once_watched_and_then_shown(signed_in: As, shop: Shop):
    visitor, before = signed_in("marketer"), runs()
    assert visitor.post("/segments/runs").location == "/console/segments"
    assert visitor.post("/segments/runs").status_code == 303
    assert runs() == before + 1, "while one is going on, no other is queued"
    page = visitor.get("/segments")
    assert "It waits for a worker." in words(page)
    assert "Calculate again" not in words(page)
    fragment = visitor.get("/segments/progress", **{"HX-Request": "true"})
    assert 'hx-trigger="every 1s"' in fragment.text
    db.session.execute(SegmentationRun.__table__.update().values(state="done"))
    db.session.commit()
    assert visitor.get("/segments/progress").headers["HX-Refresh"] == "true"


def test_who_moved_where_is_shown_once_somebody_has_moved(signed_in: As, shop: Shop, admin: Api):
    visitor = signed_in("marketer")
    calculate_segments()
    assert "Buyers and what they bring" in words(visitor.get("/segments")), "nobody has moved"
    buy(admin, order("N-1", "+33612344471", clock.now() - timedelta(hours=1), 5_000))
    calculate_segments()
    page = words(visitor.get("/segments"))
    assert "Who moved where" in page
    assert "1 member moved by buying, or by staying away." in page


def test_a_failed_run_is_owned_up_to(signed_in: As, shop: Shop):
    visitor = signed_in("marketer")
    visitor.post("/segments/runs")
    queued = SegmentationRun.__table__.c.state == "queued"
    db.session.execute(SegmentationRun.__table__.update().where(queued).values(state="failed"))
    db.session.commit()
    assert "did not finish" in words(visitor.get("/segments"))


def test_reading_is_not_enough_to_start_a_run(signed_in: As):
    visitor, before = signed_in("clerk"), runs()
    assert visitor.post("/segments/runs").status_code == 403
    assert runs() == before


def test_a_segments_members_lead_to_their_pages(signed_in: As, shop: Shop, admin: Api):
    code = admin.get(f"/members/{shop.lin}/rfm").get_json()["segment"]["code"]
    page = signed_in("marketer").get(f"/segments/{code}")
    assert f'href="/console/members/{shop.lin}"' in page.text


def test_a_run_that_waits_can_be_cancelled(signed_in: As, shop: Shop):
    visitor = signed_in("marketer")
    visitor.post("/segments/runs")
    fragment = visitor.get("/segments/progress", **{"HX-Request": "true"})
    run = runs_of("queued")[0]
    assert f"/console/segments/runs/{run.id}/cancel" in fragment.text
    assert visitor.post(f"/segments/runs/{run.id}/cancel").status_code == 303
    assert runs_of("queued") == []
    assert "Calculate again" in words(visitor.get("/segments"))
    assert "cancelled" in words(visitor.get("/segments/runs"))


def test_a_run_is_taken_back_from_the_list_of_all(signed_in: As, shop: Shop):
    visitor = signed_in("marketer")
    calculate_segments()
    page = visitor.get("/segments/runs")
    assert "Undo this calculation" in words(page)
    assert "in force" in words(page)
    run = runs_of("done")[-1]
    assert visitor.post(f"/segments/runs/{run.id}/rollback").status_code == 303
    assert "is being taken back" in words(visitor.get("/segments/runs"))
    work.roll_back()
    page = words(visitor.get("/segments/runs"))
    assert "taken back" in page
    assert "is being taken back" not in page
    assert visitor.post(f"/segments/runs/{run.id}/rollback").status_code == 409


def test_readers_see_all_runs_and_change_none(signed_in: As, shop: Shop):
    visitor = signed_in("analyst")
    page = words(visitor.get("/segments/runs"))
    assert "Groups made anew" in page
    assert "Undo this calculation" not in page
    run = runs_of("done")[-1]
    for act in ("cancel", "rollback"):
        assert visitor.post(f"/segments/runs/{run.id}/{act}").status_code == 403
    assert visitor.post("/segments/loyal/names", {"/en": "X"}).status_code == 403


def test_groups_are_made_anew_when_a_marketer_asks_for_it(signed_in: As, shop: Shop):
    signed_in("marketer").post("/segments/runs", {"kind": "refit"})
    assert runs_of("queued")[0].asked == "refit"


def test_a_segment_is_called_what_the_shop_calls_it(signed_in: As, shop: Shop):
    visitor = signed_in("marketer")
    names = {"/en": "Window shoppers", "/zh-Hans": "", "/zh-Hant": "逛街客"}
    answer = visitor.post("/segments/prospects/names", names)
    assert answer.location == "/console/segments/prospects?said=renamed"
    page = visitor.get("/segments/prospects?said=renamed")
    assert "The name was saved." in words(page)
    assert 'value="逛街客"' in page.text
    assert "Window shoppers" in words(visitor.get("/segments"))
    visitor.post("/segments/prospects/names", {"/en": "", "/zh-Hans": "", "/zh-Hant": ""})
    assert "Prospects" in words(visitor.get("/segments"))


def test_a_name_that_is_too_long_is_said_beside_its_field(signed_in: As, shop: Shop):
    page = signed_in("marketer").post("/segments/loyal/names", {"/en": "x" * 41})
    assert "at most 40 characters" in words(page)
    assert f'value="{"x" * 41}"' in page.text


def test_revenue_is_shown_by_purchases_and_by_amounts(signed_in: As, shop: Shop):
    page = words(signed_in("analyst").get("/segments"))
    assert "How recently, how often" in page
    assert "How recently, for how much" in page
    assert "Customers are still alike" not in page, "the first run has nothing to compare with"


def test_a_members_page_says_where_he_stands(signed_in: As, shop: Shop):
    page = words(signed_in("marketer").get(f"/members/{shop.lin}"))
    assert "How recently percentile 75" in page
    assert "members like this buy about every" in page


def test_every_reason_and_state_of_a_run_has_its_words():
    assert set(segment_runs_page.WHY) == {
        "first", "asked", "monthly", "drift", "no_clusters", "daily"
    }  # fmt: skip
    assert set(segment_runs_page.STATES) == {"queued", "running", "done", "failed", "cancelled"}
    assert set(segment_runs_page.STAGES) == {"reading", "grouping", "assigning"}


def test_every_segment_and_reason_has_its_words():
    assert set(segment_figures.PLAYS) == set(CODES)
    assert {"few_repeat_buyers", "equal_features", "no_stable_clusters"} == set(
        segment_quality.REASONS
    )


def test_the_page_of_trust_says_whether_totals_are_what_the_orders_say(signed_in: As, shop: Shop):
    visitor = signed_in("manager")
    assert "none has been yet" in words(visitor.get("/trust"))
    check_aggregates(clock.now())
    assert "Every total is what the orders say" in words(visitor.get("/trust"))
    db.session.execute(text("UPDATE purchase_summary SET monetary = monetary + 1"))
    db.session.commit()
    check_aggregates(clock.now())
    assert "2 differed from the orders" in words(visitor.get("/trust"))


def test_a_cell_and_a_segment_lead_to_an_audience_of_just_these(signed_in: As, shop: Shop):
    visitor = signed_in("marketer")
    page = visitor.get("/segments").text
    cells = re.findall(r'<td class="h[1-8]" title="[^"]*"><a href="([^"]*)">', page)
    assert cells, "the cells with revenue lead on"
    query = parse_qs(urlsplit(unescape(cells[0])).query)
    asked = {name: values[0] for name, values in query.items()}
    found = segment_filters.document(asked)
    assert found is not None
    builder = visitor.get(unescape(cells[0]).removeprefix("/console"))
    assert builder.status_code == 200
    assert 'value="rfm.recency_days" selected' in builder.text
    by_name = visitor.get("/audiences/new?segment=new_customers")
    assert 'value="rfm.segment" selected' in by_name.text
    assert "/console/audiences/new?segment=loyal" in visitor.get("/segments/loyal").text


def test_what_an_address_asks_beyond_numbers_is_passed_over():
    assert segment_filters.document({"recency_to": "x", "monetary_from": "9" * 13}) is None
    assert segment_filters.document({"frequency_from": "3"}) == {
        "all": [{"field": "rfm.frequency", "op": "ge", "value": 3}]
    }


def test_every_buyer_is_in_one_cell_only():
    upto, starts = [7, 30, None], [5, 2, 1]
    found = [
        segment_filters.of_cell(upto, column, "frequency", starts, row)
        for row in range(3)
        for column in range(3)
    ]
    for days, times in ((0, 1), (7, 2), (8, 4), (30, 5), (31, 99)):
        inside = [
            cell
            for cell in found
            if cell.get("recency_from", 0) <= days <= cell.get("recency_to", days)
            and cell["frequency_from"] <= times <= cell.get("frequency_to", times)
        ]
        assert len(inside) == 1, (days, times)
