"""Documents in words, and what differs between two of them: a line for each value."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm.console import formats
from crm.console.leaves import (
    FLAG,
    INSTANT,
    LINES,
    MAYBE,
    MONEY,
    NUMBERS,
    WHOLE,
    Leaf,
    Manner,
    look_up,
)
from crm.errors import N_
from crm.i18n import gettext

YES, NO = N_("yes"), N_("no")
YES_NO = {"true": YES, "false": NO}
NOTHING = "–"


@dataclass(frozen=True)
class Words:
    """What values are called: names, explanations and choices by JSON pointer, all translatable."""

    labels: Mapping[str, str]
    hints: Mapping[str, str]
    choices: Mapping[str, Mapping[str, str]]

    def key(self, pointer: str) -> str:
        """What the words of a value are kept under: its pointer, unless a kind of document says
        otherwise."""
        return pointer

    def label(self, pointer: str) -> str:
        """The name of a value; its own where it was given none."""
        pointer = self.key(pointer)
        return gettext(self.labels.get(pointer, pointer.strip("/").replace("/", " · ")))

    def hint(self, pointer: str) -> str:
        """What to know when one fills it in."""
        found = self.hints.get(self.key(pointer))
        return gettext(found) if found else ""

    def options(self, leaf: Leaf) -> dict[str, str]:
        """What can be chosen: value and words."""
        named = self.choices.get(self.key(leaf.pointer), YES_NO if leaf.kind == MAYBE else {})
        judge = getattr(leaf.field, "inner", leaf.field)  # a list's entries are what one chooses
        codes = getattr(judge, "choices", ()) or named
        return {code: gettext(named.get(code, code)) for code in codes}


@dataclass(frozen=True)
class Difference:
    """One value that was changed, in words."""

    label: str
    before: str
    after: str


def told(leaf: Leaf, value: Any, words: Words, manner: Manner) -> str:
    """A value as people read it."""
    if value is None or value == "" or value == []:
        return NOTHING
    if leaf.kind == FLAG:
        return gettext(YES if value else NO)
    if leaf.kind == MAYBE:
        return words.options(leaf)["true" if value else "false"]
    if leaf.kind == MONEY:
        return formats.money(value, manner.currency)
    if leaf.kind == WHOLE:
        return formats.number(value)
    if leaf.kind in (LINES, NUMBERS):
        named = words.choices.get(words.key(leaf.pointer), {})
        return ", ".join(gettext(named.get(str(one), str(one))) for one in value)
    if leaf.kind == INSTANT:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return f"{at.astimezone(manner.zone):%Y-%m-%d %H:%M}"
    return words.options(leaf).get(value, str(value))


def differences(
    known: Iterable[Leaf],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    words: Words,
    manner: Manner,
) -> list[Difference]:
    """What changed from one document to the next, in the order of the schema."""
    found = []
    for leaf in known:
        old, new = look_up(before, leaf.pointer), look_up(after, leaf.pointer)
        if _plain(old) != _plain(new):
            texts = [told(leaf, value, words, manner) for value in (old, new)]
            found.append(Difference(words.label(leaf.pointer), *texts))
    return found


def _plain(value: Any) -> Any:
    """The value so that what says nothing is alike: no list and an empty one, no text and "".

    Zero and false say something.
    """
    return None if value == "" or value == [] else value
