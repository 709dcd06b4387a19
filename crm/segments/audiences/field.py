"""What the register knows of a field: its name and words, its type, and where it stands in SQL.

SQL of a field is written here, by us; only these marks in braces are filled in, with names of bound
values or of aliases:
`{now}`, `{today}`, `{zone}`  the instant, the day by the programme's clock, its time zone;
`{r}`        the alias of the field's relation; the member himself is `m`;
`{rest}`     what stands for `*` in the name of the field;
`{match}`    how the value is compared (fields with many values);
`{within}`   the window of days, or nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from crm.segments.audiences.kinds import Kind


class Scope(NamedTuple):
    """The instant that a filter is read for, and the programme's clock."""

    now: datetime
    zone: ZoneInfo

    @property
    def today(self) -> date:
        """The day by the programme's clock."""
        return self.now.astimezone(self.zone).date()


class Choice(NamedTuple):
    """A value that a field can take, and what people call it."""

    value: str
    label: str


Choices = Callable[[datetime], Sequence[Choice]]
Bind = Callable[[Any], str]


@dataclass(frozen=True)
class Field:
    """One field of the filter language.

    `sql`: an expression with one value a member (of `m`, or of `relation`, which has one row a
    member at the most; of `windowed` when days are given; of `lookup`, the same for one member `m`,
    where few are left), or for kinds with many values a SELECT of member_id. `column` is what of
    those rows is compared, `at` the instant of each that a window looks at; the window looks
    `ahead` or back. `default` stands for a missing value. `prepare` may turn operator and value
    into what the column is compared with; `predicate` writes the whole condition instead.
    """

    name: str
    label: str
    about: str
    kind: Kind
    sql: str = ""
    relation: str = ""
    windowed: str = ""
    lookup: str = ""
    column: str = ""
    at: str = ""
    window: Literal["", "optional", "required"] = ""
    days_since: bool = False  # `sql` is a day, and the value how many days it is past
    ahead: bool = False
    default: Any = None
    choices: Choices | None = None
    closed: bool = False  # whether no value is taken but those of `choices`
    prepare: Callable[[Scope, str, Any], tuple[str, Any]] | None = None
    predicate: Callable[[Bind, Scope, str, Any], str] | None = None
    rest: str = field(default="", compare=False)

    @property
    def is_many(self) -> bool:
        """Whether a member has any number of values."""
        return self.kind.name in ("words", "ids")

    @property
    def ops(self) -> tuple[str, ...]:
        """The operators that it knows; where a value stands for a missing one, all have one."""
        return tuple(op for op in self.kind.ops if op != "exists" or self.default is None)
