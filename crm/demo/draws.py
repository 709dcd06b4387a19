"""Repeatable draws: one stream of chance per seed, the same on every Python and platform."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

Thing = TypeVar("Thing")


def words(text: str) -> tuple[str, ...]:
    """A table written as words with blanks between; one named twice is drawn twice as often."""
    return tuple(text.split())


class Draws:
    """A stream of draws fixed by `seed`.

    Built on `Random.random()` alone: the standard library promises that method to stay the same
    between Python versions, and does not promise it of `choice`, `randrange` or `shuffle`.
    """

    __slots__ = ("_next",)

    def __init__(self, seed: int) -> None:
        self._next = Random(seed).random

    def chance(self, probability: float) -> bool:
        """True in that share of the draws."""
        return self._next() < probability

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included, all equally likely."""
        return low + int(self._next() * (high - low + 1))

    def between(self, low: float, high: float) -> float:
        """A number from `low` up to `high`."""
        return low + self._next() * (high - low)

    def one_of(self, things: Sequence[Thing]) -> Thing:
        """One of `things`; to weigh one more, name it more often."""
        return things[int(self._next() * len(things))]
