"""A night's models and chances. Only workers import this: numpy and scikit-learn are heavy."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import scipy
import sklearn
from sqlalchemy import select, text

from crm.db import db, transaction
from crm.points import programme
from crm.segments import ranks, reading
from crm.segments.alone import CHANCES, alone
from crm.segments.features import Population
from crm.segments.next_purchase import back_test, learning, loading
from crm.segments.next_purchase.categories import back_test as category_back_test
from crm.segments.next_purchase.categories import loading as category_loading
from crm.segments.next_purchase.histories import Snapshot
from crm.segments.next_purchase.models import NextPurchaseModel
from crm.segments.next_purchase.parameters import HORIZONS, ORDERED_BY
from crm.segments.next_purchase.sampling import share_of

VERSIONS = {
    "next_purchase": "2",
    "numpy": np.__version__,
    "scipy": scipy.__version__,
    "scikit-learn": sklearn.__version__,
}
CHUNK = 5_000  # members of one transaction
KEPT = timedelta(days=180)  # of models
COLUMNS = tuple(f"chance_{days}" for days in HORIZONS)
SHOWN = (*COLUMNS, "place")

UPDATE = text("""
    UPDATE next_purchase n
    SET chance_7 = s.chance_7, chance_30 = s.chance_30, chance_90 = s.chance_90, place = s.place,
        model_id = :model_id
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:chance_7 AS float8[]), CAST(:chance_30 AS float8[]),
        CAST(:chance_90 AS float8[]), CAST(:place AS float8[])
    ) AS s (member_id, chance_7, chance_30, chance_90, place)
    WHERE n.member_id = s.member_id
      AND (n.chance_7, n.chance_30, n.chance_90, n.place)
          IS DISTINCT FROM (s.chance_7, s.chance_30, s.chance_90, s.place)
""")
INSERT = text("""
    INSERT INTO next_purchase (member_id, chance_7, chance_30, chance_90, place, model_id)
    SELECT s.member_id, s.chance_7, s.chance_30, s.chance_90, s.place, :model_id
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:chance_7 AS float8[]), CAST(:chance_30 AS float8[]),
        CAST(:chance_90 AS float8[]), CAST(:place AS float8[])
    ) AS s (member_id, chance_7, chance_30, chance_90, place)
    WHERE NOT EXISTS (SELECT FROM next_purchase n WHERE n.member_id = s.member_id)
    ON CONFLICT DO NOTHING
""")
GONE = text("""
    DELETE FROM next_purchase n WHERE NOT EXISTS (
        SELECT FROM member m JOIN purchase_summary s ON s.member_id = m.id AND s.orders > 0
        WHERE m.id = n.member_id AND m.status = 'active')
""")
FORGET = text("DELETE FROM next_purchase_model WHERE as_of < :before")


def perform(now: datetime) -> None:
    """Learn from all whole days before `now`, once a day, and give every customer his chances.

    Running it again after a kill completes it; the day's model is made once.
    """
    with alone(CHANCES):
        _perform(now)


def _perform(now: datetime) -> None:
    with transaction():
        zone = programme.current(now).zone
        people = reading.population(now, zone)
        buyers = people.take(people.bought)
        model = _model(now, (now.astimezone(zone) - timedelta(days=1)).date(), buyers)
    found = score(model.horizons, buyers, model.sample["spread"])
    for which in _chunks(len(buyers)):
        with transaction():
            _write(model.id, buyers.take(which), {name: found[name][which] for name in SHOWN})
    with transaction():
        db.session.execute(GONE)
        db.session.execute(FORGET, {"before": now - KEPT})


def _model(now: datetime, day: date, buyers: Population) -> NextPurchaseModel:
    known = db.session.scalar(select(NextPurchaseModel).where(NextPurchaseModel.day == day))
    if known is not None:
        return known
    share = share_of(loading.SAMPLE)
    past = loading.histories(share, day, now)
    horizons = [back_test.choose(past, day.toordinal(), days).document for days in HORIZONS]
    spread = ranks.table(score(horizons, buyers, None)["score"])
    goods = category_loading.past(day, now)
    model = NextPurchaseModel(
        day=day,
        as_of=now,
        horizons=horizons,
        categories=category_back_test.document(goods, day.toordinal(), horizons),
        sample={
            "share": round(share, 6),
            "members": len(past),
            "purchase_days": len(past.days),
            "spread": spread,
        },
        versions=VERSIONS,
        input_hash=past.digest(),
        created_at=now,
    )
    db.session.add(model)
    db.session.flush()
    return model


def score(
    horizons: list[dict[str, Any]], buyers: Population, spread: dict[str, Any] | None
) -> dict[str, np.ndarray]:
    """Chances by horizon (NaN: it abstains), the score by which customers are ordered, and the
    place of each by `spread`, the stored distribution of these scores.
    """
    known = Snapshot(
        buyers.bought,
        buyers.recency,
        buyers.frequency,
        buyers.monetary,
        buyers.tenure,
        buyers.mean_gap,
    )
    found: dict[str, np.ndarray] = {}
    for name, horizon in zip(COLUMNS, horizons, strict=True):
        scores, chances = learning.scores(horizon["model"], known, horizon["days"])
        if chances is None or horizon["reason"] is not None:
            chances = np.full(len(buyers), np.nan)
        found[name] = np.round(chances, 3)
        if horizon["days"] == ORDERED_BY:
            found["score"] = np.round(scores, 6)
    if spread is not None:
        found["place"] = np.round(ranks.midranks_by(spread, found["score"]), 3)
    return found


def _chunks(total: int) -> Iterator[np.ndarray]:
    for start in range(0, total, CHUNK):
        yield np.arange(start, min(start + CHUNK, total))


def _write(model_id: UUID, buyers: Population, found: dict[str, np.ndarray]) -> None:
    values: dict[str, Any] = {"model_id": model_id, "ids": buyers.member_ids()}
    for name in SHOWN:
        values[name] = [None if value != value else value for value in found[name].tolist()]
    db.session.execute(UPDATE, values)
    db.session.execute(INSERT, values)
