"""Histories by dice: more varied than drawn ones, and told again by their number alone.

Hypothesis changes a history that it has; dice throw each anew. One that fails is cut down by
leaving out whatever step is not needed.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from history import History
from program import SWEEPS, Api, Differs

Step = tuple[str, tuple[Any, ...]]
NAMES = ("ann", "ann", "ben", "cleo")
POINTS = (1, 50, 100, 200, 333)
DAYS = (0.001, 0.02, 0.3, 1, 6, 15, 100, 366)


def throw(h: History, dice: Random) -> Step:
    """The next step, of those that are possible now."""
    name, points = (lambda: dice.choice(NAMES)), (lambda: dice.choice(POINTS))
    part = lambda: dice.choice((None, 7, 50, 100))  # noqa: E731

    def newest(things: Sequence[Any]) -> int:
        return max(len(things) - 1 - dice.randint(0, 3), 0)

    def lines() -> list[tuple[int, int]]:
        prices = (100, 333, 5000, 20_000)
        return [(dice.randint(1, 4), dice.choice(prices)) for _ in range(dice.randint(1, 3))]

    throws: dict[str, tuple[bool | Sequence[Any], Callable[[], tuple[Any, ...]]]] = {
        "award": (True, lambda: (name(), points(), dice.choice((None, None, 0.5, 1, 20, 400)))),
        "award_again": (True, lambda: (name(), points())),
        "adjust": (True, lambda: (name(), dice.choice((-100, -50, 100)))),
        "redeem": (True, lambda: (name(), points())),
        "hold": (True, lambda: (name(), points(), dice.choice((60, 900, 259_200, 604_800)))),
        "capture": (h.holds, lambda: (newest(h.holds), part())),
        "void": (h.holds, lambda: (newest(h.holds),)),
        "reverse": (h.spends, lambda: (newest(h.spends), part())),
        "transfer": (True, lambda: (name(), name(), points())),
        "merge": (True, lambda: (name(), name())),
        "undo": (h.merges, lambda: (newest(h.merges),)),
        "promote": (True, lambda: (name(), dice.random() < 0.5)),
        "order": (True, lambda: (name(), *lines())),
        "write": (h.orders, lambda: (newest(h.orders), dice.choice(
            ("paid", "delivered", "delivered", "cancelled")))),
        "release_order": (h.orders, lambda: (newest(h.orders),)),
        "refund_amount": (h.orders, lambda: (
            newest(h.orders), dice.choice((1, 500, 7777, 20_000)))),
        "refund_pieces": (h.orders, lambda: (
            newest(h.orders), dice.randint(0, 2), dice.randint(1, 3))),
        "let_pass": (True, lambda: (dice.choice(DAYS),)),
        "sweep": (True, lambda: (dice.choice(sorted(SWEEPS)),)),
        "repeat": (h.sent, lambda: (newest(h.sent),)),
        "reuse": (h.sent, lambda: (newest(h.sent),)),
    }  # fmt: skip
    what = dice.choice([name for name, (possible, _) in throws.items() if possible])
    return what, throws[what][1]()


def walk(api: Api, number: int, steps: int = 40, *, shorten: bool = True) -> None:
    """Walk history `number`. Raises `Differs`, with the few steps that matter if `shorten`."""
    dice, done = Random(number), []
    history = History(api)
    try:
        for _ in range(steps):
            done.append(throw(history, dice))
            take(history, done[-1])
        history.finish()
    except Differs as found:
        if not shorten:
            raise
        said = "\n".join(f"    h.{name}{args}" for name, args in shortest(api, done))
        raise Differs(f"walk {number}: {found}\n{said}") from found


def take(history: History, step: Step) -> None:
    getattr(history, step[0])(*step[1])


def shortest(api: Api, steps: list[Step]) -> list[Step]:
    """These steps without those that a difference does not need."""
    for place in reversed(range(len(steps))):
        fewer = steps[:place] + steps[place + 1 :]
        if differs(api, fewer):
            steps = fewer
    return steps


def differs(api: Api, steps: list[Step]) -> bool:
    history = History(api)
    try:
        for step in steps:
            take(history, step)
        history.finish()
    except IndexError:  # a step about something that a step left out had made
        return False
    except Differs:
        return True
    return False
