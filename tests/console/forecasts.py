"""What the nights would have learned in a larger shop, so that small ones have it to show."""

from datetime import date, datetime, timedelta

import numpy as np
from shop import EVIL
from sqlalchemy import text

from crm.db import db, transaction
from crm.segments import ranks
from crm.segments.baskets.models import ProductFigure, ProductPair
from crm.segments.next_purchase import back_test, learning
from crm.segments.next_purchase.categories import back_test as category_back_test
from crm.segments.next_purchase.categories.past import ROW, Past
from crm.segments.next_purchase.histories import Histories
from crm.segments.next_purchase.models import NextPurchaseModel, StoreRhythm
from crm.segments.next_purchase.parameters import HORIZONS

NAMED = text("UPDATE order_line SET category = 'teaware' WHERE sku = 'cup-1'")


def learn(now: datetime) -> None:
    """A model with its back-test, the store's rhythm, and a pair whose first product Lin has; the
    cups that everybody bought are of a category by now."""
    day = (now - timedelta(days=1)).date()
    quartiles = {"lower_days": 20, "middle_days": 45, "upper_days": 90}
    figures = {"category": "tea", "buyers": 60, "last_day": day}
    shares = {"support": 0.1, "confidence": 0.32, "lift": 2.4}
    counts = {"buyers": 60, "buyers_of_both": 19}
    with transaction():
        db.session.add(_model(day, now))
        db.session.add(StoreRhythm(category="", members=90, gaps=300, measured_at=now, **quartiles))
        for sku, name in (("tea-1", "Jasmine pearls"), ("pot-1", EVIL)):
            db.session.add(ProductFigure(sku=sku, name=name, **figures))
        db.session.execute(NAMED)
        db.session.add(ProductPair(segment="", sku="tea-1", next_sku="pot-1", **counts, **shares))


def _model(day: date, now: datetime) -> NextPurchaseModel:
    past = _purchases(day.toordinal())
    chosen = [back_test.choose(past, day.toordinal(), days) for days in HORIZONS]
    scores, _ = learning.scores(chosen[1].model, past.at(day.toordinal()), HORIZONS[1])
    return NextPurchaseModel(
        day=day,
        as_of=now,
        horizons=[each.document for each in chosen],
        categories=category_back_test.document(
            _goods(past), day.toordinal(), [each.document for each in chosen]
        ),
        sample={
            "share": 1.0,
            "members": len(past),
            "purchase_days": len(past.days),
            "spread": ranks.table(np.round(scores, 6)),
        },
        versions={},
        input_hash=past.digest(),
        created_at=now,
    )


def _goods(past: Histories) -> Past:
    """Teaware is bought every time, another thing seldom, one with an evil name hardly ever."""
    owners = np.repeat(np.arange(len(past)), np.diff(past.starts))
    rows = np.array(list(zip(owners, past.days, past.amounts, strict=True)), ROW)
    dice = np.random.default_rng(4).random(len(rows))
    shares = {"teaware": 1.0, "茶具与所有其他的东西和更多": 0.3, EVIL: 0.02}
    return Past.of(rows, {name: rows[dice < share] for name, share in shares.items()})


def _purchases(today: int) -> Histories:
    draw = np.random.default_rng(3)
    rows = []
    for owner in range(900):
        pace, at = draw.lognormal(3.4, 0.8), draw.uniform(0, 500)
        days = set()
        while at >= 0 and draw.random() > 0.15:
            days.add(today - int(at))
            at -= draw.exponential(pace) + 1
        rows += [(owner, each, 5_000) for each in sorted(days)]
    return Histories.of(*np.array(rows).T)
