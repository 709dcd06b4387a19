"""The fields that a template may name, and what each of them holds.

`member.*`, `shop.*` and `points.*` are looked up for each member; the others come with the message,
from whoever planned it. `member.attributes.<name>`, `custom.<name>` and `links.<name>` are open.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """What a field holds, hence how it is written in each language."""

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"  # {"amount": minor units, "currency": ISO 4217}
    DAY = "day"  # a date, or an instant that is shown as the member's day
    LINK = "link"  # an address beginning with http:// or https://


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its whole name and what it holds."""

    name: str
    kind: Kind

    @property
    def path(self) -> tuple[str, ...]:
        """The parts of the name."""
        return tuple(self.name.split("."))


DECLARED: MappingProxyType[str, MappingProxyType[str, Kind]] = MappingProxyType(
    {
        room: MappingProxyType(fields)
        for room, fields in {
            "member": {
                "name": Kind.TEXT,
                "member_no": Kind.TEXT,
                "tier": Kind.TEXT,
                "tier_code": Kind.TEXT,
                "home_store": Kind.TEXT,
                "segment": Kind.TEXT,
            },
            "shop": {"name": Kind.TEXT},
            "points": {
                "available": Kind.NUMBER,
                "expiring": Kind.NUMBER,
                "expires_on": Kind.DAY,
                "amount": Kind.NUMBER,
            },
            "tier": {
                "name": Kind.TEXT,
                "previous": Kind.TEXT,
                "until": Kind.DAY,
                "missing": Kind.TEXT,
            },
            "coupon": {
                "code": Kind.TEXT,
                "name": Kind.TEXT,
                "value": Kind.TEXT,
                "min_basis": Kind.MONEY,
                "expires_on": Kind.DAY,
            },
            "order": {
                "order_no": Kind.TEXT,
                "amount": Kind.MONEY,
                "placed_on": Kind.DAY,
                "delivered_on": Kind.DAY,
                "store": Kind.TEXT,
                "first_item": Kind.TEXT,
            },
            "product": {
                "name": Kind.TEXT,
                "category": Kind.TEXT,
                "last_bought_on": Kind.DAY,
            },
            "event": {"name": Kind.TEXT, "day": Kind.DAY},
        }.items()
    }
)
OPEN = MappingProxyType({"custom": Kind.TEXT, "links": Kind.LINK})
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


def find(segments: tuple[object, ...]) -> Field | None:
    """The field of a path such as ("member", "name"); None: there is none."""
    if not all(isinstance(part, str) and NAME.fullmatch(part) for part in segments):
        return None
    name = ".".join(map(str, segments))
    if len(segments) == 3 and segments[:2] == ("member", "attributes"):
        return Field(name, Kind.TEXT)
    if len(segments) != 2:
        return None
    room, rest = map(str, segments)
    kind = OPEN.get(room) or DECLARED.get(room, {}).get(rest)
    return Field(name, kind) if kind else None


def known() -> list[str]:
    """Every declared name, for editors and documentation."""
    return [f"{room}.{name}" for room, names in DECLARED.items() for name in names] + [
        "member.attributes.<name>",
        "custom.<name>",
        "links.<name>",
    ]
