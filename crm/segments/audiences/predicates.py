"""One condition as SQL: how a column compares with bound values. Pure text; values are bound."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from crm.segments.audiences import days_since
from crm.segments.audiences.field import Bind, Field, Scope

COMPARED = {"eq": "=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
FAR = timedelta(days=3_660)
PYTHON: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda one, other: one == other,
    "ne": lambda one, other: one != other,
    "lt": lambda one, other: one < other,
    "le": lambda one, other: one <= other,
    "gt": lambda one, other: one > other,
    "ge": lambda one, other: one >= other,
    "in": lambda one, other: one in other,
    "between": lambda one, other: other[0] <= one <= other[1],
    "exists": lambda one, other: other,
}


def midnight(day: date, scope: Scope) -> datetime:
    """The first instant of a local day, in UTC."""
    return datetime.combine(day, time(), scope.zone).astimezone(UTC)


def compare(column: str, field: Field, op: str, value: Any, bind: Bind, scope: Scope) -> str:
    """`column op value`: true, false, or null where the column is null (never for `ne`)."""
    if field.days_since:
        return days_since.compare(column, op, value, bind, scope.today)
    if field.kind.name == "instant":
        return _moment(column, field, op, value, bind, scope)
    if field.kind.name == "day":
        return _day(column, field, op, value, bind, scope)
    if field.kind.name == "flag":
        return column if value == (op == "eq") else f"NOT {column}"
    if field.kind.name == "scalar":
        return _scalar(column, op, value, bind)
    return _plain(column, op, value, bind)


def _plain(column: str, op: str, value: Any, bind: Bind) -> str:
    match op:
        case "exists":
            return f"{column} IS {'NOT ' if value else ''}NULL"
        case "ne":
            return f"{column} IS DISTINCT FROM {bind(value)}"
        case "in":
            return f"{column} = ANY({bind(value)})"
        case "between":
            return f"{column} BETWEEN {bind(value[0])} AND {bind(value[1])}"
        case "has":
            return f"position(lower({bind(value)}) IN lower({column})) > 0"
        case _:
            return f"{column} {COMPARED[op]} {bind(value)}"


def _moment(column: str, field: Field, op: str, value: Any, bind: Bind, scope: Scope) -> str:
    """Instants: a day in a value stands for the whole of it, by the programme's clock."""
    match op:
        case "before":
            return f"{column} < {bind(_start(value, scope))}"
        case "after" if isinstance(value, datetime):
            return f"{column} > {bind(value)}"
        case "after":
            return f"{column} >= {bind(_end(value, scope))}"
        case "between":
            start, end = bind(_start(value[0], scope)), value[1]
            if isinstance(end, datetime):
                return f"{column} BETWEEN {start} AND {bind(end)}"
            return f"({column} >= {start} AND {column} < {bind(_end(end, scope))})"
        case "within_days":
            return within(column, value, field.ahead, bind, scope)
        case _:
            return _plain(column, op, value, bind)


def _start(value: date | datetime, scope: Scope) -> datetime:
    return value if isinstance(value, datetime) else midnight(value, scope)


def _end(value: date, scope: Scope) -> datetime:
    return midnight(value + timedelta(days=1), scope)


def within(column: str, days: int, ahead: bool, bind: Bind, scope: Scope) -> str:
    """The instant lies in the last (or next) `days` local days, today's included."""
    if ahead:
        end = midnight(scope.today + timedelta(days=days + 1), scope)
        return f"({column} > {bind(scope.now)} AND {column} < {bind(end)})"
    start = midnight(scope.today - timedelta(days=days), scope)
    return f"({column} >= {bind(start)} AND {column} <= {bind(scope.now)})"


def _day(column: str, field: Field, op: str, value: Any, bind: Bind, scope: Scope) -> str:
    match op:
        case "before":
            return f"{column} < {bind(value)}"
        case "after":
            return f"{column} > {bind(value)}"
        case "within_days":
            reach = timedelta(days=value)
            if field.ahead:
                today, end = bind(scope.today), bind(scope.today + reach)
                return f"{column} BETWEEN {today} AND {end}"
            return f"{column} >= {bind(scope.today - reach)}"
        case _:
            return _plain(column, op, value, bind)


def _scalar(column: str, op: str, value: Any, bind: Bind) -> str:
    """JSON values: equal when type and value are; ordered among numbers, or among texts."""
    if op == "exists":
        return f"{column} IS {'NOT ' if value else ''}NULL"
    first = value[0] if isinstance(value, list) else value
    if op == "has" or isinstance(first, str):
        said = f"CASE WHEN jsonb_typeof({column}) = 'string' THEN {column} #>> '{{}}' END"
    elif isinstance(first, bool):
        said = f"CASE WHEN jsonb_typeof({column}) = 'boolean' THEN {column}::boolean END"
    else:
        said = f"CASE WHEN jsonb_typeof({column}) = 'number' THEN {column}::numeric END"
    return _plain(f"({said})", op, value, bind)


def holds_for_default(field: Field, op: str, value: Any) -> bool:
    """Whether a member who has no value meets the condition by the field's default."""
    return PYTHON[op](field.default, value)
