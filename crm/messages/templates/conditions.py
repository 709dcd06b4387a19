"""Conditions of the dialect: fields and literals compared, joined by `and` and `or`."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from liquid.builtin.expressions import BooleanExpression, Path
from liquid.builtin.expressions import logical as parsed
from liquid.builtin.expressions.primitive import (
    FalseLiteral,
    FloatLiteral,
    IntegerLiteral,
    Nil,
    StringLiteral,
    TrueLiteral,
)
from liquid.expression import Expression

from crm.messages.templates.fields import Field, Kind
from crm.messages.templates.showing import SHOW, Scene, look_up

Value = Callable[[Scene], Any]
Find = Callable[[Path], Field | None]

LITERALS = (TrueLiteral, FalseLiteral, IntegerLiteral, FloatLiteral, StringLiteral)
COMPARES: Mapping[type[Expression], Callable[[Any, Any], bool]] = {
    parsed.EqExpression: operator.eq,
    parsed.NeExpression: operator.ne,
    parsed.LtExpression: operator.lt,
    parsed.LeExpression: operator.le,
    parsed.GtExpression: operator.gt,
    parsed.GeExpression: operator.ge,
}
MOST_STEPS = 40


class NotSimple(Exception):
    """The condition holds something that is neither a field nor a literal nor a comparison."""


def test(expression: Expression, find: Find) -> Callable[[Scene], bool]:
    """The condition as a function. Empty fields are false; 0 is true, as in Liquid.

    Raises `NotSimple`. Values that can't be compared are unequal, and neither less nor greater.
    """
    return _bool(expression, find, [MOST_STEPS])


def _bool(expression: Expression, find: Find, left: list[int]) -> Callable[[Scene], bool]:
    left[0] -= 1
    if left[0] < 0:
        raise NotSimple(f"a condition has at most {MOST_STEPS} parts")
    if isinstance(expression, BooleanExpression):
        return _bool(expression.expression, find, left)
    if isinstance(expression, (parsed.LogicalAndExpression, parsed.LogicalOrExpression)):
        one, two = _bool(expression.left, find, left), _bool(expression.right, find, left)
        if isinstance(expression, parsed.LogicalAndExpression):
            return lambda scene: one(scene) and two(scene)
        return lambda scene: one(scene) or two(scene)
    if isinstance(expression, parsed.ContainsExpression):
        return _contains(_value(expression.left, find), _value(expression.right, find))
    compare = COMPARES.get(type(expression))
    if compare is not None:
        sides: Any = expression
        return _compared(compare, _value(sides.left, find), _value(sides.right, find))
    value = _value(expression, find)
    return lambda scene: value(scene) not in (None, "", False)


def _value(expression: Expression, find: Find) -> Value:
    if isinstance(expression, Path):
        found = find(expression)
        value = look_up(found.path if found else ())
        return lambda scene: _comparable(value(scene), scene)
    if isinstance(expression, LITERALS):
        literal = expression.value
        return lambda scene: literal
    if isinstance(expression, Nil):
        return lambda scene: None
    raise NotSimple("compare fields with texts, numbers, true, false or nil")


def _comparable(value: Any, scene: Scene) -> Any:
    if isinstance(value, Mapping):  # money, or a text by language
        return value["amount"] if "amount" in value else SHOW[Kind.TEXT](value, scene)
    return None if value == "" else value


def _compared(compare: Callable[[Any, Any], bool], one: Value, two: Value):
    def compared(scene: Scene) -> bool:
        try:
            return bool(compare(one(scene), two(scene)))
        except TypeError:
            return False

    return compared


def _contains(one: Value, two: Value) -> Callable[[Scene], bool]:
    def contains(scene: Scene) -> bool:
        whole, part = one(scene), two(scene)
        return isinstance(whole, str) and isinstance(part, str) and part in whole

    return contains
