"""How many days a day is past, asked of the day itself: so the planner knows how many that are.

Days ahead (a member's calendar may be ahead of the programme's) count as 0 days past.
"""

from datetime import date, timedelta
from typing import Any

from crm.segments.audiences.field import Bind


def compare(column: str, op: str, value: Any, bind: Bind, today: date) -> str:
    """`days since column` `op value`, true, false, or null where the column is null (never for
    `ne`); `column` is a day, `value` a number of days, or two or more for `between` and `in`.
    """

    def at_most(days: int) -> str:
        return f"{column} >= {bind(_before(today, days))}" if days >= 0 else f"{column} <> {column}"

    def at_least(days: int) -> str:
        return f"{column} <= {bind(_before(today, days))}" if days > 0 else f"{column} = {column}"

    def exactly(days: int) -> str:
        return f"({at_most(days)} AND {at_least(days)})"

    match op:
        case "exists":
            return f"{column} IS {'NOT ' if value else ''}NULL"
        case "le":
            return at_most(value)
        case "lt":
            return at_most(value - 1)
        case "ge":
            return at_least(value)
        case "gt":
            return at_least(value + 1)
        case "between":
            return f"({at_least(value[0])} AND {at_most(value[1])})"
        case "in":
            return "(" + " OR ".join(exactly(days) for days in value) + ")"
        case "ne":
            return f"({exactly(value)}) IS NOT TRUE"
        case _:
            return exactly(value)


def _before(today: date, days: int) -> date:
    """The day so many days before; the first of all days where there are no so many."""
    return today - timedelta(days=min(days, (today - date.min).days))
