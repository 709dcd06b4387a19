"""Making the model anew: the store's rhythm, the clusters of repeat buyers, and their names.

Only workers import this: scikit-learn is heavy. Pure and deterministic like the daily run.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from crm.segments import carrying, clusters, drift, naming_apart, segmentation, structure
from crm.segments.features import Population
from crm.segments.model import Model, centroids
from crm.segments.parameters import Parameters
from crm.segments.ranks import Spread, Spreads
from crm.segments.segmentation import Groups, Segmentation
from crm.segments.standard_scale import Scale


def refit(
    people: Population,
    asked: Parameters,
    before: Model | None = None,
    tell: clusters.Tell = clusters.silent,
) -> tuple[Segmentation, Model]:
    """Give every member a segment by a new model, and the model. `people` are ordered by id.

    `before` is the model so far: the clusters start from its centroids and carry on its names, and
    who moves only because of the new model is told apart. `tell` hears how far the search is.
    """
    repeat, among = people.repeat, Spreads.of(people)
    asked = replace(asked, previous_k=before.k if before else asked.previous_k)
    model, groups = _made(repeat, among, asked, before, tell)
    model = replace(model, rhythm=structure.rhythm(people), drift=drift.reference(repeat))
    codes, margins = segmentation.spread(people, groups, model.rhythm)
    found = segmentation.told(
        people,
        codes,
        margins,
        model,
        asked,
        figures={"psi": drift.index(repeat, before.drift) if before else None},
        among=among,
        former=segmentation.placed(people, before)[0] if before else None,
    )
    return found, model


def _made(
    repeat: Population,
    among: Spreads,
    asked: Parameters,
    before: Model | None,
    tell: clusters.Tell,
) -> tuple[Model, Groups]:
    """By clusters where these can be trusted, else by rules that say why."""
    if len(repeat) < asked.least_repeat_buyers:
        return _by_rules(repeat, among, "few_repeat_buyers", [])
    scale = Scale.of(repeat)
    if scale.degenerate:
        return _by_rules(repeat, among, "equal_features", [])
    points = scale.apply(repeat)
    fits = clusters.search(points, asked, _old_centers(before, scale), tell)
    chosen = clusters.best(fits, asked)
    table = [fit.row() for fit in fits]
    if chosen is None:
        return _by_rules(repeat, among, "no_stable_clusters", table)
    carried, shifts = carrying.carried(before, scale, chosen.centers, asked.farthest)
    names = naming_apart.name_apart(
        _medians(repeat, among.repeat, chosen),
        _medians(repeat, among.buyers, chosen),
        carried,
    )
    quality = {
        "k": chosen.k,
        "ari": chosen.stability,
        "davies_bouldin": chosen.davies_bouldin,
        "silhouette": clusters.silhouette(points, chosen.labels, asked),
        "k_table": table,
    }
    kept = [
        shift if name == old else None
        for shift, name, old in zip(shifts, names, carried, strict=True)
    ]
    model = Model(
        method="kmeans",
        reason=None,
        rhythm=structure.UNKNOWN,
        drift=None,
        quality=quality,
        scale=scale,
        centers=chosen.centers,
        names=names,
        shown=centroids(scale, chosen.centers, names, kept),
    )
    return model, Groups(names[chosen.labels], chosen.margins)


def _old_centers(before: Model | None, scale: Scale) -> np.ndarray | None:
    if before is None or before.scale is None or before.centers is None:
        return None
    return before.scale.onto(scale, before.centers)


def _medians(people: Population, among: Spread, fit: clusters.Fit) -> np.ndarray:
    groups = [np.flatnonzero(fit.labels == each) for each in range(fit.k)]
    return np.array([among.median_position(people.take(group)) for group in groups])


def _by_rules(
    repeat: Population, among: Spreads, reason: str, table: list[dict[str, Any]]
) -> tuple[Model, Groups]:
    model = Model("rules", reason, structure.UNKNOWN, None, {"k_table": table})
    return model, segmentation.by_rules(repeat, among)
