"""A condition on percentiles as one on the whole values behind them, by a stored distribution."""

from collections.abc import Callable
from typing import Any, Literal

from crm.segments.percentiles import Table

NEVER = ("between", [1, 0])  # what no value is in
BEYOND = 2**53  # days, orders, minor units: nobody has so many

Of = Literal["recency", "frequency", "monetary"]


def translate(table: Table, op: str, value: Any, *, falling: bool = False) -> tuple[str, Any]:
    """A condition on percentiles as one on whole values. `falling`: less is better (days since)."""

    def share(of: int) -> float:
        found = table.midrank(of)
        return round(1 - found if falling else found, 4)

    def first(good: Callable[[float], bool]) -> int:
        """The smallest value whose share is good, where the good ones are the large values;
        `BEYOND` where there is none."""
        low, high = -1, (table.values[-1] if table.values else 0) + 1
        if not good(share(high)):
            return BEYOND  # not even who bought more since the run
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if good(share(middle)) else (middle + 1, high)
        return low

    if falling:
        reach = {
            "ge": lambda: ("lt", first(lambda one: one < value)),
            "gt": lambda: ("lt", first(lambda one: one <= value)),
            "le": lambda: ("ge", first(lambda one: one <= value)),
            "lt": lambda: ("ge", first(lambda one: one < value)),
            "between": lambda: (
                "between",
                [first(lambda one: one <= value[1]), first(lambda one: one < value[0]) - 1],
            ),
        }
    else:
        reach = {
            "ge": lambda: ("ge", first(lambda one: one >= value)),
            "gt": lambda: ("ge", first(lambda one: one > value)),
            "le": lambda: ("lt", first(lambda one: one > value)),
            "lt": lambda: ("lt", first(lambda one: one >= value)),
            "between": lambda: (
                "between",
                [first(lambda one: one >= value[0]), first(lambda one: one > value[1]) - 1],
            ),
        }
    return reach[op]()
