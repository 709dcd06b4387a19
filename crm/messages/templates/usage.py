"""Who uses a template: asked of the rooms above before it is archived."""

from collections.abc import Callable, Iterable
from typing import NamedTuple
from uuid import UUID


class Use(NamedTuple):
    """A journey or a campaign that tells by a template: its type and id, and what it is called."""

    type: str
    id: str
    name: str


Ask = Callable[[UUID], Iterable[Use]]
_asked: list[Ask] = []


def ask(function: Ask) -> None:
    """Let a room above say what of its own uses a template; once, on import."""
    assert function not in _asked
    _asked.append(function)


def of(template_id: UUID) -> list[Use]:
    """All that use a template now."""
    return [use for function in _asked for use in function(template_id)]
