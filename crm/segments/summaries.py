"""What a run tells about its segments: sizes, shares, medians, and who moved."""

from typing import Any

import numpy as np

from crm.segments.features import Population
from crm.segments.ranks import Spread, middles
from crm.segments.vocabulary import ALWAYS_SHOWN, CODES


def sizes(people: Population, codes: np.ndarray, buyers: Spread) -> list[dict[str, Any]]:
    """One row per segment, best first; segments by rule are listed even when they are empty.

    Percentiles are those of the segment's middle member among all buyers.
    """
    revenue = max(int(people.monetary.sum()), 1)
    ends = np.cumsum(np.bincount(codes, minlength=len(CODES))).tolist()
    ordered = people.take(np.argsort(codes, kind="stable"))
    rows = []
    for code, start, end in zip(CODES, [0, *ends], ends, strict=False):
        inside = ordered.take(slice(start, end))
        if len(inside) or code in ALWAYS_SHOWN:
            amount = int(inside.monetary.sum())
            rows.append(
                {
                    "code": code,
                    "members": len(inside),
                    "share": _ratio(len(inside), len(people)),
                    "revenue": amount,
                    "revenue_share": _ratio(amount, revenue),
                    **_middle(inside, buyers),
                }
            )
    return rows


def _ratio(part: int, whole: int) -> float:
    return round(part / max(whole, 1), 6)


def _middle(people: Population, buyers: Spread) -> dict[str, Any]:
    if not people.bought.any():
        return {"medians": None, "percentiles": None}
    recency, frequency, monetary, tenure = (
        middles(each) for each in (people.recency, people.frequency, people.monetary, people.tenure)
    )
    places = buyers.between(recency, frequency, monetary).round(4).tolist()
    return {
        "medians": {
            "recency_days": float(recency.mean()),
            "frequency": float(frequency.mean()),
            "monetary": float(monetary.mean()),
            "tenure_days": float(tenure.mean()),
            "mean_gap_days": round(float(np.median(people.mean_gap)), 1),
        },
        "percentiles": dict(zip(("recency", "frequency", "monetary"), places, strict=True)),
    }


def movement(previous: np.ndarray, codes: np.ndarray, by_refit: np.ndarray) -> list[dict[str, Any]]:
    """How many went from which segment to which; `from` is None for members seen first.

    `members` are `behaviour` + `refit` for those who moved: by what they did (or time), and only
    because the model is another one. Nobody who stays, or comes first, counts as either.
    """
    kinds = len(CODES)
    flat = (previous.astype(np.int64) + 1) * kinds + codes
    members = np.bincount(flat, minlength=(kinds + 1) * kinds)
    refit = np.bincount(flat[by_refit], minlength=(kinds + 1) * kinds)
    rows = []
    for pair in np.flatnonzero(members).tolist():
        old, new = pair // kinds - 1, pair % kinds
        moved = old not in (-1, new)
        by_model = int(refit[pair]) if moved else 0
        rows.append(
            {
                "from": CODES[old] if old >= 0 else None,
                "to": CODES[new],
                "members": int(members[pair]),
                "behaviour": int(members[pair]) - by_model if moved else 0,
                "refit": by_model,
            }
        )
    return rows
