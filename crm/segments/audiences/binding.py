"""The bound values of one statement, and the names of what stands in it."""

from typing import Any

from crm.segments.audiences import predicates
from crm.segments.audiences.field import Field, Scope
from crm.segments.audiences.parsing import Condition


class Values:
    """Bound values and names of aliases, shared by all parts of one statement."""

    def __init__(self, scope: Scope, prefix: str) -> None:
        self.scope, self.prefix = scope, prefix
        self.params: dict[str, Any] = {}
        self.aliases = 0
        self._names: dict[tuple[type, str], str] = {}

    def bind(self, value: Any) -> str:
        """The mark of a bound value; equal values share one, so that equal SQL is joined once."""
        key = (type(value), repr(value))
        if key not in self._names:
            self._names[key] = f"{self.prefix}{len(self.params)}"
            self.params[self._names[key]] = value
        return f":{self._names[key]}"

    def alias(self) -> str:
        """A new name for a relation."""
        self.aliases += 1
        return f"r{self.aliases}"

    def marks(self, field: Field, *said: str) -> dict[str, str]:
        """What stands for the marks that SQL of the field has."""
        scope, text_ = self.scope, "".join(said)
        values = {"now": scope.now, "today": scope.today, "zone": scope.zone.key}
        found = {name: self.bind(value) for name, value in values.items() if f"{{{name}}}" in text_}
        if field.rest:
            found["rest"] = self.bind(field.rest)
        return found

    def within(self, node: Condition) -> str:
        """The window of a condition, as one more part of a WHERE."""
        if node.within is None:
            return ""
        at, ahead = node.field.at, node.field.ahead
        return "AND " + predicates.within(at, node.within, ahead, self.bind, self.scope)
