"""The segments page reads out the newest finished run, and starts another."""

from collections.abc import Callable
from datetime import timedelta

from api_client import Api
from shop import Shop, buy, calculate_segments, order
from sqlalchemy import func, select
from visitor import Visitor, words

from crm import clock
from crm.console import segment_figures, segment_quality
from crm.db import db
from crm.segments.models import SegmentationRun
from crm.segments.vocabulary import CODES

As = Callable[..., Visitor]


def runs() -> int:
    return db.session.scalar(select(func.count()).select_from(SegmentationRun)) or 0


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


def test_every_segment_and_reason_has_its_words():
    assert set(segment_figures.PLAYS) == set(CODES)
    assert {"few_repeat_buyers", "equal_features", "no_stable_clusters"} == set(
        segment_quality.REASONS
    )
