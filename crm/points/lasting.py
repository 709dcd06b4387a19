"""How long each part of an order's points lasts: as the rules say that gave it. Pure.

The shares of an order's breakdown name the policy of rules that have one of their own; all else
lasts as the programme says, which is None here. What a multiplier adds lasts as what it multiplies,
unless it has a policy of its own.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from crm.points.programme_settings import Expiry
from crm.points.rule import MULTIPLIER
from crm.points.sheet import TIER

Policy = str | None  # as JSON that the database's `points_expiry` reads


def policy_of(expiry: Expiry) -> str:
    """A policy as text: two are the same exactly where their texts are."""
    return _text(expiry.document())


def by_policy(
    shares: Sequence[Mapping[str, Any]],
    usual: Expiry,
    left: Mapping[int, Fraction] | None = None,
) -> dict[Policy, Fraction]:
    """The points of `shares` (as `RuleShare.document` tells them), unrounded, by their policies.

    `usual` is the programme's. Of each line counts what is `left` of it; None: all.
    """
    lines: dict[str, dict[Policy, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for share in shares:
        own = _own(share, usual)
        follows = share["kind"] in (MULTIPLIER, TIER) and "expiry" not in share
        for line_no, part in share["lines"].items():
            if follows:
                _multiply(lines[line_no], Fraction(part))
            else:
                lines[line_no][own] += Fraction(part)
    sums: dict[Policy, Fraction] = defaultdict(Fraction)
    for line_no, parts in lines.items():
        rest = Fraction(1) if left is None else left.get(int(line_no), Fraction())
        for policy, points in parts.items():
            sums[policy] += points * rest
    return {policy: points for policy, points in sums.items() if points}


def has_own(shares: Sequence[Mapping[str, Any]]) -> bool:
    """Whether any rule that gave something has a policy of its own."""
    return any("expiry" in share for share in shares)


def split(points: int, weights: Mapping[Policy, Fraction | int]) -> dict[Policy, int]:
    """Whole points by policy, as the weights have it: largest remainder, first of equals.

    They add up to `points`; a policy that gets none is left out.
    """
    if not points:
        return {}
    total = sum(weights.values(), Fraction())
    exact = {policy: points * weight / total for policy, weight in weights.items()}
    found = {policy: int(quota) for policy, quota in exact.items()}
    short = points - sum(found.values())
    for policy in sorted(exact, key=lambda one: found[one] - exact[one])[:short]:
        found[policy] += 1
    return {policy: part for policy, part in found.items() if part}


def missing(
    points: int, wanted: Mapping[Policy, int], had: Mapping[Policy, int]
) -> dict[Policy, int]:
    """Of `points` that are given on top of what an order `had`, what each policy is short of."""
    short = {policy: max(part - had.get(policy, 0), 0) for policy, part in wanted.items()}
    return split(points, short)


def _own(share: Mapping[str, Any], usual: Expiry) -> Policy:
    if "expiry" not in share:
        return None
    found = _text(share["expiry"])
    return None if found == policy_of(usual) else found


def _text(policy: Mapping[str, Any]) -> str:
    return json.dumps(policy, sort_keys=True)


def _multiply(parts: dict[Policy, Fraction], extra: Fraction) -> None:
    """Let what a multiplier adds to a line (or takes from it) last as what it multiplied."""
    total = sum(parts.values(), Fraction())
    for policy, points in parts.items():
        parts[policy] = points + extra * points / total
