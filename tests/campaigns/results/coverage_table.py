"""The table of docs/measurement.md: python tests/campaigns/results/coverage_table.py [CAMPAIGNS]

How many of so many intervals hold the true effect, and how many campaigns without an effect are
said to have one; by shop and size. Takes minutes for ten thousand campaigns of each.
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[3]), str(Path(__file__).parent)]

import numpy as np  # noqa: E402  # after the path
from shops import CDNOW, GROCER, JEWELLER, campaigns, shop  # noqa: E402

from crm.campaigns.results import effects  # noqa: E402

SHOPS = {"grocer": (12, GROCER), "CDNOW": (11, CDNOW), "jeweller": (13, JEWELLER)}
SIZES = ((200, 1800), (1000, 1000), (1000, 9000), (5000, 45_000), (20_000, 180_000))
LIFTS = (0.1, 0.25, -0.1)
FEWEST = 30


def say(line: str) -> None:
    """A line of the table, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(count: int) -> None:
    """Say the table."""
    say("| shop | held out | treated | buyers held out | effect 0 | false findings | +10 % |"
          " +25 % | −10 % |")  # fmt: skip
    say("|---|---|---|---|---|---|---|---|---|")
    for name, (seed, rates) in SHOPS.items():
        for holdout, arm in SIZES:
            told = [name, f"{holdout:,}", f"{arm:,}", f"{holdout * bought(seed, rates):.0f}"]
            if holdout * bought(seed, rates) < FEWEST:
                say("| " + " | ".join([*told, "nothing is said", "", "", "", ""]) + " |")
                continue
            say("| " + " | ".join([*told, *row(seed, rates, holdout, arm, count)]) + " |")


def bought(seed: int, rates: dict[str, float]) -> float:
    """The share of members who buy."""
    return shop(seed=seed, **rates).buyers


def row(seed: int, rates: dict[str, float], holdout: int, arm: int, count: int) -> list[str]:
    """Coverage without an effect, false findings, coverage with effects."""
    found: list[str] = []
    for lift in LIFTS:
        of = shop(seed=seed, **rates, lift=lift, cost=40.0)
        without, treated = campaigns(of, holdout, (arm,), count, seed=holdout + arm)
        if not found:
            null = effects.over_holdout(effects.adjusted(without))
            found = [percent(covered(null, 0.0)), percent(np.mean(null.p <= 0.05))]
        found.append(percent(covered(effects.over_holdout(effects.adjusted(treated)), of.effect)))
    return found


def covered(effect: effects.Effect, truth: float) -> float:
    """The share of intervals that hold the truth."""
    return float(np.mean((effect.low <= truth) & (truth <= effect.high)))


def percent(share: float | np.floating) -> str:
    """94.8 %."""
    return f"{100 * share:.1f} %"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
