"""Reading a filter: JSON in, a tree of groups and conditions out, or every mistake by its place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm.errors import N_, NN_, FieldError, Invalid
from crm.http.strict_json import escape
from crm.segments.audiences import kinds, registry
from crm.segments.audiences.field import Field
from crm.segments.audiences.kinds import MOST_VALUES, Wrong

DEEPEST = 8
MOST_CONDITIONS = 100
MOST_ERRORS = 20
GROUPS = ("all", "any", "not")
PARTS = {"field", "op", "value", "within_days"}

NOT_A_NODE = N_("This must be a group (all, any, not) or a condition (field, op, value).")
ONE_GROUP = N_("A group has exactly one of all, any and not.")
TOO_DEEP = N_("Groups stand at most {most} deep.")
TOO_LARGE = N_("A filter has at most {most} conditions and groups.")
UNKNOWN_FIELD = N_("There is no field {field}.")
UNKNOWN_OP = N_("{field} takes one of: {ops}.")
NO_WINDOW = N_("{field} has no window of days.")
NEEDS_WINDOW = N_("{field} needs within_days.")
RANGE = N_("This must be a list of two values, the lower one first.")


@dataclass(frozen=True)
class Condition:
    """One field, compared. `value` is a list for `in` and `between`; `within` in days."""

    field: Field
    op: str
    value: Any
    within: int | None = None


@dataclass(frozen=True)
class Group:
    """`how` is all, any, or not (which has one part)."""

    how: str
    parts: tuple["Node", ...]


Node = Condition | Group


class _Reader:
    def __init__(self, now: datetime | None) -> None:
        self.now = now  # None: what is saved is not held against today's choices
        self.errors: list[FieldError] = []
        self.nodes = 0

    def wrong(self, at: str, code: str, text: str, **facts: object) -> None:
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(FieldError(at, code, text, facts))

    def node(self, given: object, at: str, depth: int) -> Node | None:
        self.nodes += 1
        if self.nodes > MOST_CONDITIONS:
            if self.nodes == MOST_CONDITIONS + 1:
                self.wrong(at, "filter_too_large", TOO_LARGE, most=MOST_CONDITIONS)
            return None
        if not isinstance(given, Mapping) or not given:
            self.wrong(at, "invalid_type", NOT_A_NODE)
            return None
        if "field" in given or "op" in given:
            return self.condition(given, at)
        return self.group(given, at, depth)

    def group(self, given: Mapping[str, Any], at: str, depth: int) -> Group | None:
        unknown = [name for name in given if name not in GROUPS]
        for name in unknown:
            self.wrong(f"{at}/{escape(name)}", "unknown_field", N_("This field is not known."))
        if unknown:
            return None
        if len(given) != 1:
            self.wrong(at, "ambiguous_group", ONE_GROUP)
            return None
        if depth > DEEPEST:
            self.wrong(at, "filter_too_deep", TOO_DEEP, most=DEEPEST)
            return None
        ((how, inner),) = given.items()
        if how == "not":
            found = [self.node(inner, f"{at}/not", depth + 1)]
        elif isinstance(inner, list):
            parts = list(self._within_limit(inner))
            found = [
                self.node(one, f"{at}/{how}/{place}", depth + 1) for place, one in enumerate(parts)
            ]
        else:
            self.wrong(f"{at}/{how}", "invalid_type", N_("This must be a list."))
            return None
        return Group(how, tuple(one for one in found if one is not None))

    def _within_limit(self, inner: list[Any]) -> Iterator[Any]:
        for one in inner:
            if self.nodes > MOST_CONDITIONS:
                return
            yield one

    def condition(self, given: Mapping[str, Any], at: str) -> Condition | None:
        for name in given:
            if name not in PARTS:
                self.wrong(f"{at}/{escape(name)}", "unknown_field", N_("This field is not known."))
        name, op = given.get("field"), given.get("op")
        field = registry.find(name) if isinstance(name, str) else None
        if field is None:
            shown = str(name)[:80] if isinstance(name, str) else "?"
            self.wrong(f"{at}/field", "unknown_filter_field", UNKNOWN_FIELD, field=shown)
            return None
        if op not in field.ops:
            ops = ", ".join(field.ops)
            self.wrong(f"{at}/op", "unknown_op", UNKNOWN_OP, field=field.name, ops=ops)
            return None
        within = self.window(field, given, at)
        value = self.read(field, op, given, f"{at}/value")
        return None if value is None else Condition(field, op, value, within)

    def window(self, field: Field, given: Mapping[str, Any], at: str) -> int | None:
        place = f"{at}/within_days"
        if given.get("within_days") is None:
            if field.window == "required":
                self.wrong(place, "required", NEEDS_WINDOW, field=field.name)
            return None
        if not field.window:
            self.wrong(place, "no_window", NO_WINDOW, field=field.name)
            return None
        return self.take(kinds.read_days, given["within_days"], place)

    def read(self, field: Field, op: str, given: Mapping[str, Any], at: str) -> Any:
        if "value" not in given:
            if op == "exists":
                return True
            self.wrong(at, "required", N_("This field is required."))
            return None
        value = given["value"]
        if op == "exists":
            return self.take(kinds.read_flag, value, at)
        if op == "within_days":
            return self.take(kinds.read_days, value, at)
        if op == "between":
            return self.pair(field, value, at)
        if op == "in":
            return self.several(field, value, at)
        return self.one(field, value, at)

    def one(self, field: Field, value: object, at: str) -> Any:
        found = self.take(field.kind.read, value, at)
        if found is None or self.now is None or not (field.closed and field.choices):
            return found
        known = [choice.value for choice in field.choices(self.now)]
        if found in known:
            return found
        text = N_("This must be one of: {choices}.")
        self.wrong(at, "unknown_choice", text, choices=", ".join(known))
        return None

    def several(self, field: Field, value: object, at: str) -> list[Any] | None:
        if not isinstance(value, list) or not value:
            self.wrong(at, "invalid_type", N_("This must be a list with at least one value."))
            return None
        if len(value) > MOST_VALUES:
            text = NN_(
                "This must have at most {high} item.",
                "This must have at most {high} items.",
                "high",
            )
            self.wrong(at, "too_many", text, high=MOST_VALUES)
            return None
        found = [self.one(field, one, f"{at}/{place}") for place, one in enumerate(value)]
        return None if None in found else found

    def pair(self, field: Field, value: object, at: str) -> list[Any] | None:
        if not isinstance(value, list) or len(value) != 2:
            self.wrong(at, "invalid_type", RANGE)
            return None
        found = [self.one(field, one, f"{at}/{place}") for place, one in enumerate(value)]
        if None in found:
            return None
        if type(found[0]) is not type(found[1]) and "number" not in _family(found):
            self.wrong(at, "invalid_type", RANGE)
            return None
        if found[0] > found[1]:
            self.wrong(at, "empty_range", RANGE)
            return None
        return found

    def take(self, read: Any, value: object, at: str) -> Any:
        try:
            return read(value)
        except Wrong as wrong:
            self.wrong(at, wrong.code, wrong.text, **wrong.facts)
            return None


def _family(found: list[Any]) -> set[str]:
    numbers = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in found)
    return {"number"} if numbers else set()


def read(given: object, *, at: str = "/filter", now: datetime | None = None) -> Node:
    """The tree of a filter.

    With `now`, values are held against the choices that there are today, as when it is written;
    without, what was saved stays readable when a tier or a store has gone. Raises `Invalid` with
    the first twenty mistakes, each by its JSON pointer.
    """
    reader = _Reader(now)
    found = reader.node(given, at, 1)
    if reader.errors or found is None:
        raise Invalid(reader.errors)
    return found


def conditions(node: Node) -> Iterator[Condition]:
    """Every condition of a tree."""
    if isinstance(node, Condition):
        yield node
    else:
        for part in node.parts:
            yield from conditions(part)
