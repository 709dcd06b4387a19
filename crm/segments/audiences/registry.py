"""The register of fields. Rooms of the product put theirs in once, on import, by `provide`."""

from collections.abc import Iterator
from dataclasses import replace

from crm.segments.audiences.field import Choices, Field

LONGEST_REST = 64

_fields: dict[str, Field] = {}


def provide(*fields: Field) -> None:
    """Add fields to the language. A name that ends in `.*` stands for any last part."""
    for one in fields:
        assert one.name not in _fields, one.name
        _fields[one.name] = one


def choose(room: str, choices: Choices) -> None:
    """Let a room above say which values the fields whose names begin with `room` can take."""
    for name, one in _fields.items():
        if name.startswith(room):
            _fields[name] = replace(one, choices=choices)


def find(name: str) -> Field | None:
    """The field of this name, or None. `member.attributes.size` is found as
    `member.attributes.*` with `size` as its `rest`."""
    found = _fields.get(name)
    if found is not None:
        return None if name.endswith(".*") else found
    for pattern, one in _fields.items():
        if pattern.endswith(".*") and name.startswith(pattern[:-1]):
            rest = name[len(pattern) - 1 :]
            if 0 < len(rest) <= LONGEST_REST and rest == rest.strip():
                return replace(one, name=name, rest=rest)
    return None


def every() -> Iterator[Field]:
    """All fields, in the order in which they were put in."""
    yield from _fields.values()
