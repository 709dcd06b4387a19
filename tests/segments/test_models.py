"""A refit's model is kept, scores every day by it, and carries its names on."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from populations import QUICK, lively_shop, row, shops

from crm.segments import carrying, choosing, drift, segmentation
from crm.segments.features import Population
from crm.segments.model import Model
from crm.segments.refit import refit
from crm.segments.vocabulary import CODES

pytestmark = pytest.mark.usefixtures("no_database")
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def stored(found: segmentation.Segmentation, model: Model) -> Model:
    """The model as the next run reads it out of the database."""
    text = json.dumps([model.as_json(), found.document["centroids"]], allow_nan=False)
    document, centroids = json.loads(text)
    return Model.read(document, centroids, model.method, model.reason, as_of=NOON)


def names(found: segmentation.Segmentation) -> np.ndarray:
    return np.array(CODES)[found.codes]


def older(people: Population, days: int) -> Population:
    """The same members later, when nobody bought meanwhile."""
    back = np.where(people.bought, days, 0)
    return replace(people, recency=people.recency + back, tenure=people.tenure + back)


def test_a_stored_model_scores_as_it_did_when_it_was_made():
    people = lively_shop()
    found, model = refit(people, QUICK)
    again = segmentation.score(people, stored(found, model), QUICK)
    assert again.codes.tobytes() == found.codes.tobytes()
    assert again.document["centroids"] == found.document["centroids"]
    assert again.document["quality"]["k_table"] == found.document["quality"]["k_table"]


@settings(deadline=None, max_examples=25)
@given(shops(), shops())
def test_any_shops_model_scores_any_other_shop(first, second):
    quick = replace(QUICK, least_repeat_buyers=20, smallest_cluster=2, bootstraps=2, max_k=4)
    found, model = refit(Population.of(first), quick)
    people = Population.of(second)
    scored = segmentation.score(people, stored(found, model), quick)
    json.dumps(scored.document, allow_nan=False)
    assert sum(line["members"] for line in scored.document["sizes"]) == len(second)
    again, _ = refit(people, quick, stored(found, model))
    json.dumps(again.document, allow_nan=False)
    moves = again.document["movement"]
    assert sum(move["members"] for move in moves) == len(second)
    moved = [move for move in moves if move["from"] not in (None, move["to"])]
    assert sum(move["members"] for move in moved) == sum(
        move["behaviour"] + move["refit"] for move in moves
    )


def test_scoring_follows_behaviour_and_only_that():
    people = lively_shop(size=800)
    found, model = refit(people, QUICK)
    people = replace(people, previous=found.codes.astype(np.int64))
    place = int(np.flatnonzero(names(found) == "hibernating")[0])
    back = replace(
        people,
        recency=np.where(np.arange(len(people)) == place, 0, people.recency),
        frequency=np.where(np.arange(len(people)) == place, 30, people.frequency),
        monetary=np.where(np.arange(len(people)) == place, 400_000, people.monetary),
    )
    scored = segmentation.score(back, stored(found, model), QUICK)
    moves = [move for move in scored.document["movement"] if move["from"] != move["to"]]
    assert moves == [
        {"from": "hibernating", "to": "champions", "members": 1, "behaviour": 1, "refit": 0}
    ]


def test_a_refit_carries_names_on_and_tells_how_far_centroids_moved():
    people = lively_shop()
    found, model = refit(people, QUICK)
    again, _ = refit(older(people, 3), QUICK, stored(found, model))
    shifts = [cluster["shift"] for cluster in again.document["centroids"]["clusters"]]
    assert all(0 < shift < 1 for shift in shifts)
    assert (names(again) == names(found)).mean() > 0.95


def test_a_centroid_that_moved_by_more_than_a_deviation_is_a_new_segment():
    people = lively_shop()
    found, model = refit(people, QUICK)
    model = stored(found, model)
    assert model.centers is not None
    assert model.scale is not None
    near, far = model.centers + 0.2, model.centers.copy()
    far[0] += 3
    kept, shifts = carrying.carried(model, model.scale, near, 1.0)
    assert kept.tolist() == model.names.tolist()  # type: ignore[union-attr]
    assert shifts == pytest.approx([0.2 * 3**0.5] * len(shifts))
    kept, shifts = carrying.carried(model, model.scale, far, 1.0)
    assert (kept[0], shifts[0]) == (-1, None)
    assert (kept[1:] >= 0).all()


def test_names_follow_their_clusters_whatever_order_these_come_in():
    found, model = refit(lively_shop(), QUICK)
    model = stored(found, model)
    assert model.scale is not None
    assert model.centers is not None
    kept, _ = carrying.carried(model, model.scale, model.centers[::-1], 1.0)
    assert kept.tolist() == model.names.tolist()[::-1]  # type: ignore[union-attr]


def test_moves_of_a_refit_are_told_apart_from_those_of_behaviour():
    people = lively_shop()
    found, model = refit(people, QUICK)
    people = replace(people, previous=found.codes.astype(np.int64))
    three = replace(QUICK, min_k=3, max_k=3, least_stability=0)
    again, _ = refit(people, three, stored(found, model))
    moves = [move for move in again.document["movement"] if move["from"] != move["to"]]
    assert moves
    assert sum(move["behaviour"] for move in moves) == 0, "nobody has done anything"
    assert sum(move["refit"] for move in moves) == int(again.by_refit.sum())


def test_the_same_customers_have_not_drifted_and_others_have():
    people = lively_shop()
    then = drift.reference(people)
    still = drift.index(people, then)
    assert still is not None
    assert still["most"] == pytest.approx(0, abs=1e-6)
    other = drift.index(replace(people, monetary=people.monetary * 3), then)
    assert other is not None
    assert other["monetary"] > 0.2
    assert other["most"] == other["monetary"]


def test_drift_is_the_population_stability_index():
    rows = [row(index, value, 2, 100, 900) for index, value in enumerate(range(1, 101))]
    then = drift.reference(Population.of(rows))
    more = [row(1000 + index, 5, 2, 100, 900) for index in range(100)]
    found = drift.index(Population.of(rows + more), then)
    now, before = np.array([0.55] + [0.05] * 9), np.full(10, 0.1)
    assert found is not None
    assert found["recency"] == pytest.approx(((now - before) * np.log(now / before)).sum(), 1e-4)
    assert drift.index(Population.of([]), then) is None
    assert drift.reference(Population.of([])) is None


@pytest.mark.parametrize(
    ("kind", "days", "factor", "expected"),
    [
        ("auto", 1, 1, (False, "daily")),
        ("auto", 29, 1, (False, "daily")),
        ("auto", 30, 1, (True, "monthly")),
        ("auto", 1, 4, (True, "drift")),
        ("score", 60, 4, (False, "asked")),
        ("refit", 0, 1, (True, "asked")),
    ],
)
def test_a_refit_is_due_after_a_month_or_when_customers_have_changed(kind, days, factor, expected):
    people = lively_shop()
    found, model = refit(people, QUICK)
    now = replace(people, monetary=people.monetary * factor)
    at = NOON + timedelta(days=days)
    assert choosing.reason(kind, at, now, stored(found, model), QUICK) == expected


def test_without_clusters_to_go_by_a_refit_is_always_due():
    people = Population.of([row(1, 4, 2, 500, 40)])
    found, model = refit(people, QUICK)
    assert choosing.reason("auto", NOON, people, None, QUICK) == (True, "first")
    due = choosing.reason("auto", NOON, people, stored(found, model), QUICK)
    assert due == (True, "no_clusters")


def test_a_search_tells_how_far_it_is_and_ends_when_told_to():
    heard = []
    refit(lively_shop(size=400), QUICK, None, heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1

    class Enough(Exception):
        pass

    def stop(share: float) -> None:
        if share > 0.3:
            raise Enough

    with pytest.raises(Enough):
        refit(lively_shop(size=400), QUICK, None, stop)
