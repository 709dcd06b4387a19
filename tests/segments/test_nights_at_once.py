"""Nights that two workers do at once: each thing is made once, and nothing is torn."""

import threading
from datetime import timedelta

import pytest
from goods import Visit, sell
from purchases import new_members
from sqlalchemy import select, text

from crm.db import db, transaction
from crm.segments.baskets import jobs as basket_jobs
from crm.segments.baskets.models import ProductPair
from crm.segments.next_purchase import jobs, reading
from crm.segments.next_purchase.models import NextPurchase, NextPurchaseModel, UsualWindow

pytestmark = pytest.mark.usefixtures("committed")
DAY = timedelta(days=1)


def test_two_workers_at_once_leave_what_one_would(app, now):
    with transaction():
        db.session.execute(text("INSERT INTO sandbox_clock (now) VALUES (:now)"), {"now": now})
        members = new_members(60)
        visits = [
            Visit(member, now - (turn * 30 + place % 7) * DAY, ("tea/oolong", "cups/white")[:count])
            for place, member in enumerate(members)
            for turn, count in ((1, 1), (2, 2), (3, 1))
        ]
        sell(visits, now=now - DAY)
    failed: list[BaseException] = []

    def night() -> None:
        with app.app_context():
            try:
                for job in (jobs.usual_windows, jobs.next_purchase, basket_jobs.baskets):
                    job(now)
            except BaseException as problem:
                failed.append(problem)

    threads = [threading.Thread(target=night) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(db.session.scalars(select(NextPurchaseModel)).all()) == 1
    assert len(db.session.scalars(select(NextPurchase)).all()) == 60
    stored = db.session.scalars(select(UsualWindow)).all()
    told = reading.windows(members, now=now, least_gaps=0)
    assert {(row.member_id, row.category, row.gaps, row.upper_days) for row in stored} == {
        (each.member_id, each.category, each.gaps, each.upper_days) for each in told
    }
    pairs = db.session.scalars(select(ProductPair)).all()
    assert len(pairs) == len({(pair.segment, pair.sku, pair.next_sku) for pair in pairs})
