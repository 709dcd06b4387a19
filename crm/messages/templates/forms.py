"""Templates made ready: texts cut at their holes, which are filled in for each member.

What stands between the holes never changes, so that a channel may encode it once for all members.
A hole that several parts share is filled once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm.messages.templates.parts import Part
from crm.messages.templates.showing import Scene

Hole = Callable[[Scene], str]
SUBJECT, TEXT, HTML = PARTS = ("subject", "text", "html")


class CannotSay(Exception):
    """A version can't be filled in for a member: a value is missing, or it says nothing."""


class Missing(CannotSay):
    """A member lacks values that the template outputs without a default; `names` says which."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(", ".join(names))
        self.names = tuple(names)


@dataclass(frozen=True, slots=True)
class Form:
    """A text with holes: `between[0]`, hole, `between[1]`, hole … `between[-1]`; the holes are
    numbers of `Language.holes`."""

    between: tuple[str, ...]
    holes: tuple[int, ...]

    def filled(self, values: Sequence[str]) -> str:
        """The text for one member, whose values `Language.fill` made."""
        if not self.holes:
            return self.between[0]
        parts = [self.between[0]]
        for hole, after in zip(self.holes, self.between[1:], strict=True):
            parts.append(values[hole])
            parts.append(after)
        return "".join(parts)


@dataclass(frozen=True)
class Language:
    """One language of a version: its parts (subject, text, html) as forms, and the names that it
    uses. Compared by identity, so that channels can keep what they made of it."""

    locale: str
    parts: Mapping[str, Form]
    holes: tuple[Hole, ...]
    names: frozenset[str] = frozenset()
    provider_template: str | None = None  # the name of the approved text, at gateways that want one
    links: tuple[str, ...] = ()  # addresses of links that are counted, by their numbers
    counts: bool = False  # whether it counts its links and openings

    @property
    def hole_names(self) -> Sequence[str | None]:
        """The field of each hole; None for a condition."""
        return [getattr(hole, "field", None) for hole in self.holes]

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def fill(self, values: Mapping[str, Any], zone: str = "UTC") -> list[str]:
        """What goes into the holes for one member: `values` are {"member": {"name": …}, …}.

        Raises `Missing` for values that are empty and have no default.
        """
        scene = Scene(values, self.locale, zone)
        filled = [hole(scene) for hole in self.holes]
        if scene.missing:
            raise Missing(_once(scene.missing))
        return filled

    def written(self, values: Mapping[str, Any], zone: str = "UTC") -> dict[str, str]:
        """Every part in full for one member. Raises `Missing`."""
        return self._parts(self.fill(values, zone))

    def previewed(
        self, values: Mapping[str, Any], zone: str = "UTC"
    ) -> tuple[dict[str, str], list[str]]:
        """Every part in full, missing values as their names in brackets; and those names."""
        scene = Scene(values, self.locale, zone)
        filled = [hole(scene) for hole in self.holes]
        return self._parts(filled), _once(scene.missing)

    def missing(self, values: Mapping[str, Any], zone: str = "UTC") -> list[str]:
        """The names without which it can't be said to this member."""
        scene = Scene(values, self.locale, zone)
        for hole in self.holes:
            hole(scene)
        return _once(scene.missing)

    def _parts(self, filled: Sequence[str]) -> dict[str, str]:
        return {name: form.filled(filled) for name, form in self.parts.items()}


def _once(names: Sequence[str]) -> list[str]:
    return sorted(set(names))


def language(
    locale: str,
    parts: Mapping[str, Sequence[Part]],
    names: frozenset[str],
    provider_template: str | None = None,
    links: tuple[str, ...] | None = None,
) -> Language:
    """The forms of assembled parts."""
    holes: list[Hole] = []
    forms = {}
    for name, pieces in parts.items():
        between, numbers = [""], []
        for piece in pieces:
            if isinstance(piece, str):
                between[-1] += piece
            else:
                if piece not in holes:
                    holes.append(piece)
                numbers.append(holes.index(piece))
                between.append("")
        forms[name] = Form(tuple(between), tuple(numbers))
    counts = links is not None
    return Language(locale, forms, tuple(holes), names, provider_template, links or (), counts)


FALLBACK: Mapping[str, tuple[str, ...]] = {
    "en": ("en", "zh-Hans", "zh-Hant"),
    "zh-Hans": ("zh-Hans", "zh-Hant", "en"),
    "zh-Hant": ("zh-Hant", "zh-Hans", "en"),
}


def choose(version: Mapping[str, Language], locale: str | None, default: str = "en") -> Language:
    """The language for a member: his own, else the nearest there is. `default` is the shop's, for
    members who named none."""
    order = FALLBACK.get(locale or default, FALLBACK[default])
    for one in order:
        if one in version:
            return version[one]
    raise KeyError(f"it says nothing in any of {order}")
